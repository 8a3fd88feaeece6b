"""One suite of updates against the embedded server and a real OpenLDAP with our schema: the same result codes.

What differs differs by design, and stands in `DIFFERENCES` with its reason: an account has rules that a mere
directory does not know.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ldap3
import pytest

from directory.server.wire.messages import Code
from tests.directory import slapd
from tests.directory.server.door import ADMIN, ADMIN_PASSWORD, BASE, academy
from tests.directory.slapd import Slapd

pytestmark = pytest.mark.needs("slapd")

PEOPLE, GROUPS, SCHOOLS = (f"ou={name},{BASE}" for name in ("people", "groups", "structures"))
MARTIN = f"uid=mpetit,{PEOPLE}"
ZOE = f"cn=Zoé Martin,{PEOPLE}"
LIST = f"cn=profs,{GROUPS}"
SCHOOL = f"ou=0210006T,{SCHOOLS}"
CLASS = f"acadClass=0210006T$4B,{SCHOOL}"

ADD, DELETE, REPLACE, INCREMENT = ldap3.MODIFY_ADD, ldap3.MODIFY_DELETE, ldap3.MODIFY_REPLACE, ldap3.MODIFY_INCREMENT
Change = tuple[str, str, list[str | bytes]]


@dataclass(frozen=True)
class Add:
    dn: str
    attributes: Mapping[str, Sequence[str | bytes]]


@dataclass(frozen=True)
class Modify:
    dn: str
    changes: Sequence[Change]


@dataclass(frozen=True)
class Rename:
    dn: str
    relative: str
    delete_old: bool = True
    superior: str | None = None


@dataclass(frozen=True)
class Delete:
    dn: str


@dataclass(frozen=True)
class Compare:
    dn: str
    attribute: str
    value: str


@dataclass(frozen=True)
class Find:
    """A search that is answered with these entries."""

    wanted: str
    base: str = BASE
    count: int = 1


Step = Add | Modify | Rename | Delete | Compare | Find

CONTACT = {"objectClass": ["inetOrgPerson"], "cn": ["Zoé Martin"], "sn": ["Martin"], "mail": ["zoe@ailleurs.example"]}
PERSON = {
    "objectClass": ["inetOrgPerson", "acadPerson"],
    "uid": ["mpetit"],
    "cn": ["Marie Petit"],
    "sn": ["Petit"],
    "givenName": ["Marie"],
    "employeeType": ["teacher"],
}
ROSTER = {
    "objectClass": ["groupOfNames", "acadList"],
    "cn": ["profs"],
    "displayName": ["Professeurs"],
    "mail": ["profs@ac-exemple.fr"],
    "member": [MARTIN],
}
STRUCTURE = {"objectClass": ["organizationalUnit", "acadStructure"], "ou": ["0210006T"], "acadUAI": ["0210006T"]}
TERM = {"objectClass": ["acadTerm"], "acadClass": ["0210006T$4B"], "acadUAI": ["0210006T"]}
A_CONTACT, A_PERSON, A_LIST = Add(ZOE, CONTACT), Add(MARTIN, PERSON), Add(LIST, ROSTER)
A_SCHOOL, A_CLASS = Add(SCHOOL, STRUCTURE), Add(CLASS, TERM)
OK = Code.SUCCESS


def modify(dn: str, *changes: Change) -> Modify:
    return Modify(dn, changes)


def without(attributes: Mapping[str, Sequence[Any]], *names: str, **more: Sequence[Any]) -> dict[str, Sequence[Any]]:
    return {name: values for name, values in {**attributes, **more}.items() if name not in names}


SCENARIOS: dict[str, list[tuple[Step, Code]]] = {
    # ------------------------------------------------------------ add (RFC 4511 section 4.7)
    "a contact is added, found, compared and deleted": [
        (A_CONTACT, OK),
        (Find("(cn=zoe\u0301 martin)"), OK),
        (Find("(&(objectClass=inetOrgPerson)(mail=*ailleurs*))"), OK),
        (Compare(ZOE, "mail", "ZOE@ailleurs.example"), Code.COMPARE_TRUE),
        (Compare(ZOE, "sn", "Petit"), Code.COMPARE_FALSE),
        (Compare(ZOE, "telephoneNumber", "1"), Code.NO_SUCH_ATTRIBUTE),
        (Delete(ZOE), OK),
        (Find("(cn=zoé martin)", count=0), OK),
        (Delete(ZOE), Code.NO_SUCH_OBJECT),
        (A_CONTACT, OK),
    ],
    "nothing is added twice": [(A_CONTACT, OK), (A_CONTACT, Code.ENTRY_ALREADY_EXISTS)],
    "the branches stand already": [
        (Add(PEOPLE, {"objectClass": ["organizationalUnit"], "ou": ["people"]}), Code.ENTRY_ALREADY_EXISTS)
    ],
    "names are compared, not spelled": [
        (A_CONTACT, OK),
        (Add(f"CN=zoe\u0301  MARTIN,{PEOPLE.upper()}", CONTACT), Code.ENTRY_ALREADY_EXISTS),
    ],
    "a parent is needed": [(Add(f"cn=a,ou=nothing,{BASE}", CONTACT), Code.NO_SUCH_OBJECT)],
    "the naming attribute may be left out": [(Add(ZOE, without(CONTACT, "cn")), OK), (Find("(cn=zoé martin)"), OK)],
    "a name of two attributes": [(Add(f"cn=Zoé Martin+mail=zoe@ailleurs.example,{PEOPLE}", CONTACT), OK)],
    "a class requires": [(Add(ZOE, without(CONTACT, "sn")), Code.OBJECT_CLASS_VIOLATION)],
    "a class allows": [(Add(ZOE, {**CONTACT, "acadUAI": ["0210006T"]}), Code.OBJECT_CLASS_VIOLATION)],
    "a class is structural": [(Add(ZOE, {**CONTACT, "objectClass": ["top"]}), Code.OBJECT_CLASS_VIOLATION)],
    "one structural class": [
        (
            Add(ZOE, {**CONTACT, "objectClass": ["inetOrgPerson", "organization"], "o": ["x"]}),
            Code.OBJECT_CLASS_VIOLATION,
        )
    ],
    "an unknown class": [(Add(ZOE, {**CONTACT, "objectClass": ["noSuchClass"]}), Code.INVALID_ATTRIBUTE_SYNTAX)],
    "an unknown attribute": [(Add(ZOE, {**CONTACT, "nothing": ["x"]}), Code.UNDEFINED_ATTRIBUTE_TYPE)],
    "a value of another syntax": [
        (Add(ZOE, {**CONTACT, "mail": ["zoé@ailleurs.example"]}), Code.INVALID_ATTRIBUTE_SYNTAX),
        (Add(ZOE, {**CONTACT, "seeAlso": ["no name"]}), Code.INVALID_ATTRIBUTE_SYNTAX),
    ],
    "a value twice": [(Add(ZOE, {**CONTACT, "mail": ["z@x.fr", "Z@x.fr"]}), Code.ATTRIBUTE_OR_VALUE_EXISTS)],
    "several values of one": [(Add(ZOE, {**CONTACT, "preferredLanguage": ["fr", "en"]}), Code.CONSTRAINT_VIOLATION)],
    "operational attributes are the server's": [
        (Add(ZOE, {**CONTACT, "entryUUID": ["9f5e0f8e-6f7a-4d6e-8a56-6a7c2b1f9f11"]}), Code.CONSTRAINT_VIOLATION),
        (Add(ZOE, {**CONTACT, "createTimestamp": ["20260101000000Z"]}), Code.CONSTRAINT_VIOLATION),
    ],
    "no name": [(Add("zoé", CONTACT), Code.INVALID_DN_SYNTAX)],
    # ------------------------------------------------------------ modify (section 4.6)
    "values come and go": [
        (A_CONTACT, OK),
        (modify(ZOE, ("telephoneNumber", ADD, ["+33 1 23"]), ("mail", ADD, ["z@x.fr"])), OK),
        (Compare(ZOE, "telephoneNumber", "+33123"), Code.COMPARE_TRUE),
        (modify(ZOE, ("mail", DELETE, ["ZOE@ailleurs.example"])), OK),
        (Compare(ZOE, "mail", "zoe@ailleurs.example"), Code.COMPARE_FALSE),
        (modify(ZOE, ("mail", REPLACE, ["a@x.fr", "b@x.fr"]), ("telephoneNumber", DELETE, [])), OK),
        (Compare(ZOE, "telephoneNumber", "+33123"), Code.NO_SUCH_ATTRIBUTE),
        (modify(ZOE, ("telephoneNumber", REPLACE, []), ("mail", REPLACE, [])), OK),
        (Compare(ZOE, "mail", "a@x.fr"), Code.NO_SUCH_ATTRIBUTE),
    ],
    "nothing there to change": [(modify(ZOE, ("sn", REPLACE, ["x"])), Code.NO_SUCH_OBJECT)],
    "a value is there already": [
        (A_CONTACT, OK),
        (modify(ZOE, ("sn", ADD, ["MARTIN"])), Code.ATTRIBUTE_OR_VALUE_EXISTS),
    ],
    "a value is not there": [
        (A_CONTACT, OK),
        (modify(ZOE, ("sn", DELETE, ["Petit"])), Code.NO_SUCH_ATTRIBUTE),
        (modify(ZOE, ("telephoneNumber", DELETE, [])), Code.NO_SUCH_ATTRIBUTE),
    ],
    "all or nothing": [
        (A_CONTACT, OK),
        (modify(ZOE, ("mail", ADD, ["z@x.fr"]), ("sn", DELETE, ["Petit"])), Code.NO_SUCH_ATTRIBUTE),
        (Compare(ZOE, "mail", "z@x.fr"), Code.COMPARE_FALSE),
    ],
    "in their order": [
        (A_CONTACT, OK),
        (modify(ZOE, ("sn", DELETE, []), ("sn", ADD, ["Petit"]), ("mail", DELETE, []), ("mail", ADD, ["z@x.fr"])), OK),
        (Compare(ZOE, "sn", "Petit"), Code.COMPARE_TRUE),
    ],
    "what a class requires stays": [(A_CONTACT, OK), (modify(ZOE, ("sn", DELETE, [])), Code.OBJECT_CLASS_VIOLATION)],
    "what no class allows": [
        (A_CONTACT, OK),
        (modify(ZOE, ("ou", ADD, ["x"])), OK),
        (modify(ZOE, ("dc", ADD, ["x"])), Code.OBJECT_CLASS_VIOLATION),
    ],
    "the name stays": [(A_CONTACT, OK), (modify(ZOE, ("cn", REPLACE, ["Zoé Petit"])), Code.NOT_ALLOWED_ON_RDN)],
    "more names beside it": [
        (A_CONTACT, OK),
        (modify(ZOE, ("cn", ADD, ["Z. Martin"])), OK),
        (Find("(cn=z. martin)"), OK),
    ],
    "the structure stays": [
        (A_CONTACT, OK),
        (modify(ZOE, ("objectClass", REPLACE, ["organizationalRole"])), Code.OBJECT_CLASS_MODS_PROHIBITED),
    ],
    "no modification of what the server keeps": [
        (A_CONTACT, OK),
        (modify(ZOE, ("modifyTimestamp", REPLACE, ["20260101000000Z"])), Code.CONSTRAINT_VIOLATION),
    ],
    "nothing unknown is modified": [
        (A_CONTACT, OK),
        (modify(ZOE, ("nothing", REPLACE, ["x"])), Code.UNDEFINED_ATTRIBUTE_TYPE),
    ],
    "one value is one": [
        (A_CONTACT, OK),
        (modify(ZOE, ("preferredLanguage", ADD, ["fr"])), OK),
        (modify(ZOE, ("preferredLanguage", ADD, ["en"])), Code.CONSTRAINT_VIOLATION),
    ],
    "only numbers are incremented": [
        (A_CONTACT, OK),
        (modify(ZOE, ("sn", INCREMENT, ["1"])), Code.CONSTRAINT_VIOLATION),
    ],
    # ------------------------------------------------------------ rename (section 4.9)
    "a contact is renamed": [
        (A_CONTACT, OK),
        (Rename(ZOE, "cn=Zoé Petit"), OK),
        (Find("(objectClass=inetOrgPerson)", f"cn=zoé petit,{PEOPLE}"), OK),
        (Compare(f"cn=Zoé Petit,{PEOPLE}", "cn", "Zoé Martin"), Code.COMPARE_FALSE),
        (Delete(ZOE), Code.NO_SUCH_OBJECT),
    ],
    "the old name may stay a value": [
        (A_CONTACT, OK),
        (Rename(ZOE, "cn=Zoé Petit", delete_old=False), OK),
        (Compare(f"cn=Zoé Petit,{PEOPLE}", "cn", "Zoé Martin"), Code.COMPARE_TRUE),
    ],
    "by another attribute": [
        (A_CONTACT, OK),
        (Rename(ZOE, "uid=zmartin", delete_old=False), OK),
        (Find("(uid=zmartin)"), OK),
        (Compare(f"uid=zmartin,{PEOPLE}", "cn", "Zoé Martin"), Code.COMPARE_TRUE),
    ],
    "what is required does not go with the old name": [
        (A_CONTACT, OK),
        (Rename(ZOE, "uid=zmartin"), Code.OBJECT_CLASS_VIOLATION),
    ],
    "the same name, spelled otherwise": [(A_CONTACT, OK), (Rename(ZOE, "cn=ZOÉ MARTIN"), OK), (Delete(ZOE), OK)],
    "a name that is taken": [
        (A_CONTACT, OK),
        (Add(f"cn=b,{PEOPLE}", without(CONTACT, cn=["b"])), OK),
        (Rename(f"cn=b,{PEOPLE}", "cn=zoé martin"), Code.ENTRY_ALREADY_EXISTS),
    ],
    "nobody is renamed": [(Rename(ZOE, "cn=x"), Code.NO_SUCH_OBJECT)],
    "no relative name": [
        (A_CONTACT, OK),
        (Rename(ZOE, "zoé"), Code.INVALID_DN_SYNTAX),
    ],
    "below the same parent": [(A_CONTACT, OK), (Rename(ZOE, "cn=x", superior=PEOPLE), OK)],
    "below nothing": [(A_CONTACT, OK), (Rename(ZOE, "cn=x", superior=f"ou=nothing,{BASE}"), Code.NO_SUCH_OBJECT)],
    "below another branch": [(A_CONTACT, OK), (Rename(ZOE, "cn=x", superior=GROUPS), Code.UNWILLING_TO_PERFORM)],
    # ------------------------------------------------------------ delete (section 4.8)
    "leaves only": [
        (A_CONTACT, OK),
        (Delete(PEOPLE), Code.NOT_ALLOWED_ON_NON_LEAF),
        (Delete(BASE), Code.NOT_ALLOWED_ON_NON_LEAF),
    ],
    "schools have classes": [
        (A_SCHOOL, OK),
        (A_CLASS, OK),
        (Delete(SCHOOL), Code.NOT_ALLOWED_ON_NON_LEAF),
        (Delete(CLASS), OK),
        (Delete(SCHOOL), OK),
        (A_CLASS, Code.NO_SUCH_OBJECT),
    ],
    # ------------------------------------------------------------ schools, classes
    "a school": [
        (Add(SCHOOL, {**STRUCTURE, "displayName": ["Lycée Carnot"], "l": ["Dijon"]}), OK),
        (modify(SCHOOL, ("displayName", REPLACE, ["Lycée Hippolyte Fontaine"]), ("l", DELETE, [])), OK),
        (Find("(displayName=lycée hippolyte*)"), OK),
        (Compare(SCHOOL, "l", "Dijon"), Code.NO_SUCH_ATTRIBUTE),
        (Rename(SCHOOL, "ou=0210006T"), OK),
        (A_SCHOOL, Code.ENTRY_ALREADY_EXISTS),
    ],
    "a class": [
        (A_SCHOOL, OK),
        (A_CLASS, OK),
        (modify(CLASS, ("description", REPLACE, ["4e B"])), OK),
        (Find("(&(objectClass=acadTerm)(description=4e b))"), OK),
        (A_CLASS, Code.ENTRY_ALREADY_EXISTS),
    ],
    # ------------------------------------------------------------ lists
    "a list": [
        (A_PERSON, OK),
        (A_LIST, OK),
        (Find(f"(member={MARTIN})"), OK),
        (modify(LIST, ("acadMemberAddress", ADD, ["a@ailleurs.example"])), OK),
        (modify(LIST, ("member", ADD, [MARTIN])), Code.ATTRIBUTE_OR_VALUE_EXISTS),
        (Compare(LIST, "acadMemberAddress", "A@ailleurs.example"), Code.COMPARE_TRUE),
        (modify(LIST, ("acadMemberAddress", DELETE, ["a@ailleurs.example"])), OK),
        (modify(LIST, ("owner", REPLACE, [MARTIN]), ("displayName", REPLACE, ["Profs"])), OK),
        (Compare(LIST, "owner", MARTIN.upper()), Code.COMPARE_TRUE),
        (Delete(LIST), OK),
        (Delete(LIST), Code.NO_SUCH_OBJECT),
        (A_LIST, OK),
    ],
    "a group has a member": [
        (A_PERSON, OK),
        (A_LIST, OK),
        (modify(LIST, ("member", DELETE, [MARTIN])), Code.OBJECT_CLASS_VIOLATION),
    ],
    "a list is a group": [(A_PERSON, OK), (A_LIST, OK), (A_LIST, Code.ENTRY_ALREADY_EXISTS)],
    # ------------------------------------------------------------ people
    "a person": [
        (A_PERSON, OK),
        (Find("(uid=mpetit)"), OK),
        (Find("(&(sn=petit)(givenName=marie)(employeeType=teacher))"), OK),
        (modify(MARTIN, ("telephoneNumber", REPLACE, ["+33 3 80"]), ("title", ADD, ["Professeure"])), OK),
        (Compare(MARTIN, "title", "professeure"), Code.COMPARE_TRUE),
        (modify(MARTIN, ("title", ADD, ["PROFESSEURE"])), Code.ATTRIBUTE_OR_VALUE_EXISTS),
        (A_PERSON, Code.ENTRY_ALREADY_EXISTS),
        (modify(MARTIN, ("sn", DELETE, [])), Code.OBJECT_CLASS_VIOLATION),
        (Delete(MARTIN), OK),
    ],
    "identifiers are for ever": [
        (A_PERSON, OK),
        (Rename(MARTIN, "uid=mautre"), Code.UNWILLING_TO_PERFORM),
        (Delete(MARTIN), OK),
        (A_PERSON, Code.ENTRY_ALREADY_EXISTS),
    ],
    "the service numbers accounts": [
        (Add(MARTIN, {**PERSON, "acadAccountId": ["77"]}), Code.CONSTRAINT_VIOLATION),
        (A_PERSON, OK),
        (modify(MARTIN, ("acadAccountId", REPLACE, ["77"])), Code.CONSTRAINT_VIOLATION),
        (modify(MARTIN, ("acadAccountId", INCREMENT, ["1"])), Code.CONSTRAINT_VIOLATION),
    ],
    "what follows is not written": [
        (A_PERSON, OK),
        (modify(MARTIN, ("o", REPLACE, ["Elsewhere"])), Code.CONSTRAINT_VIOLATION),
    ],
    "addresses are in our domain": [
        (A_PERSON, OK),
        (modify(MARTIN, ("mail", ADD, ["m@elsewhere.example"])), Code.CONSTRAINT_VIOLATION),
    ],
    "classes of an account": [
        (A_PERSON, OK),
        (modify(MARTIN, ("objectClass", ADD, ["schacEntryMetadata"])), Code.OBJECT_CLASS_MODS_PROHIBITED),
    ],
    "a contact does not become an account": [
        (A_CONTACT, OK),
        (modify(ZOE, ("objectClass", ADD, ["acadPerson"])), Code.UNWILLING_TO_PERFORM),
    ],
    "a contact has no password": [
        (Add(ZOE, {**CONTACT, "userPassword": ["x"]}), Code.UNWILLING_TO_PERFORM),
        (A_CONTACT, OK),
        (modify(ZOE, ("userPassword", REPLACE, ["x"])), Code.UNWILLING_TO_PERFORM),
    ],
    "accounts are named by uid": [
        (Add(ZOE, {**CONTACT, "objectClass": ["inetOrgPerson", "acadPerson"]}), Code.NAMING_VIOLATION)
    ],
    "members exist, and have an account": [
        (A_CONTACT, OK),
        (Add(LIST, {**ROSTER, "member": [f"uid=nobody,{PEOPLE}"]}), Code.CONSTRAINT_VIOLATION),
        (Add(LIST, {**ROSTER, "member": [ZOE]}), Code.CONSTRAINT_VIOLATION),
    ],
    "a list is named by its address": [
        (A_PERSON, OK),
        (Add(LIST, {**ROSTER, "mail": ["other@ac-exemple.fr"]}), Code.CONSTRAINT_VIOLATION),
    ],
    "a school is named by its UAI": [
        (Add(f"ou=carnot,{SCHOOLS}", {**STRUCTURE, "ou": ["carnot"]}), Code.NAMING_VIOLATION),
    ],
    "schools of people stay": [
        (A_SCHOOL, OK),
        (Add(MARTIN, {**PERSON, "acadUAI": ["0210006T"]}), OK),
        (Delete(SCHOOL), Code.UNWILLING_TO_PERFORM),
    ],
    "the administrator stays": [
        (modify(ADMIN, ("description", REPLACE, ["x"])), Code.UNWILLING_TO_PERFORM),
        (Delete(ADMIN), Code.UNWILLING_TO_PERFORM),
    ],
    "the branches stay": [
        (modify(PEOPLE, ("description", REPLACE, ["x"])), Code.UNWILLING_TO_PERFORM),
        (Add(f"ou=more,{BASE}", {"objectClass": ["organizationalUnit"], "ou": ["more"]}), Code.NAMING_VIOLATION),
        (Add(f"cn=x,{ZOE}", CONTACT), Code.NO_SUCH_OBJECT),
    ],
}

_EXISTS, _GONE, _NAMING = Code.ENTRY_ALREADY_EXISTS, Code.NO_SUCH_OBJECT, Code.NAMING_VIOLATION
DIFFERENCES: dict[str, tuple[str, list[Code]]] = {
    "the name stays": ("RFC 4511 section 4.6 says notAllowedOnRDN; OpenLDAP namingViolation", [OK, _NAMING]),
    "below another branch": ("what an entry is follows from where it stands", [OK, OK]),
    "identifiers are for ever": ("claimed once, never again", [OK, OK, _GONE, OK]),
    "the service numbers accounts": ("acadAccountId is ours to give", [OK, _EXISTS, OK, OK]),
    "what follows is not written": ("the name of a school follows from its UAI", [OK, OK]),
    "addresses are in our domain": ("an account's addresses deliver here", [OK, OK]),
    "classes of an account": ("they follow from what it is", [OK, OK]),
    "a contact does not become an account": ("an account is enrolled", [OK, OK]),
    "a contact has no password": ("it never logs in", [OK, _EXISTS, OK]),
    "accounts are named by uid": ("the name is the identifier", [OK]),
    "members exist, and have an account": ("mail to a list goes somewhere", [OK, OK, _EXISTS]),
    "a list is named by its address": ("a list is where its mail goes", [OK, OK]),
    "a school is named by its UAI": ("everything calls it so", [OK]),
    "schools of people stay": ("no person is left in a school that is not", [OK, OK, OK]),
    "the administrator stays": ("it has an entry here; OpenLDAP's rootdn has none", [_GONE, _GONE]),
    "the branches stay": ("they are the shape of the tree", [OK, OK, _GONE]),
}
"""Scenarios in which a mere directory answers otherwise: why, and what OpenLDAP answers."""


class Client:
    """Runs steps as the administrator."""

    def __init__(self, connection: ldap3.Connection) -> None:
        self._connection = connection
        self.last: dict[str, Any] = {}

    def matched(self, step: Step) -> str:
        """How far the name went, of a step that finds nothing."""
        assert self.run(step) == Code.NO_SUCH_OBJECT
        return str(self.last["dn"])

    def run(self, step: Step) -> int:
        connection: Any = self._connection
        match step:
            case Add(dn, attributes):
                result = connection.add(dn, attributes=dict(attributes))[1]
            case Modify(dn, changes):
                grouped: dict[str, list[tuple[str, list[str | bytes]]]] = {}
                for attribute, edit, values in changes:
                    grouped.setdefault(attribute, []).append((edit, values))
                result = connection.modify(dn, grouped)[1]
            case Rename(dn, relative, delete_old, superior):
                result = connection.modify_dn(dn, relative, delete_old_dn=delete_old, new_superior=superior)[1]
            case Delete(dn):
                result = connection.delete(dn)[1]
            case Compare(dn, attribute, value):
                result = connection.compare(dn, attribute, value)[1]
            case Find(wanted, base, count):
                _, result, response, _ = connection.search(base, wanted, attributes=["*", "+"])
                assert len([one for one in response if one["type"] == "searchResEntry"]) == count, response
        self.last = result
        return int(result["result"])


@pytest.fixture(scope="module")
def template(sqlite_template: Path) -> Path:
    return sqlite_template


@pytest.fixture
def ours(tmp_path: Path, template: Path) -> Iterator[Client]:
    with academy(tmp_path / "house", template) as house:
        yield Client(house.connect(ADMIN, ADMIN_PASSWORD))
        house.hang_up()


@pytest.fixture
def theirs(openldap: Slapd) -> Iterator[Client]:
    openldap.empty()
    server = ldap3.Server(openldap.url, get_info=ldap3.NONE)
    connection: Any = ldap3.Connection(
        server, slapd.ADMIN, slapd.PASSWORD, client_strategy=ldap3.SAFE_SYNC, check_names=False
    )
    assert connection.bind()[0]
    yield Client(connection)
    connection.unbind()


@pytest.mark.parametrize("name", SCENARIOS)
def test_ours(ours: Client, name: str) -> None:
    steps = SCENARIOS[name]
    assert [ours.run(step) for step, _ in steps] == [int(code) for _, code in steps]


@pytest.mark.parametrize("name", SCENARIOS)
def test_openldap(theirs: Client, name: str) -> None:
    steps = SCENARIOS[name]
    expected = DIFFERENCES[name][1] if name in DIFFERENCES else [code for _, code in steps]
    assert [theirs.run(step) for step, _ in steps] == [int(code) for code in expected]


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_how_far_a_name_went(request: pytest.FixtureRequest, side: str) -> None:
    """matchedDN (RFC 4511 section 4.1.9)."""
    client: Client = request.getfixturevalue(side)
    assert client.run(A_SCHOOL) == OK
    for step, matched in (
        (Delete(f"uid=nobody,{PEOPLE}"), PEOPLE),
        (modify(f"cn=x,cn=y,{PEOPLE}", ("sn", REPLACE, ["x"])), PEOPLE),
        (Rename(f"ou=nothing,{BASE}", "ou=x"), BASE),
        (Delete(CLASS), SCHOOL),
        (Add(f"cn=a,ou=nothing,{BASE}", CONTACT), BASE),
        (Compare("dc=elsewhere", "dc", "x"), ""),
    ):
        assert client.matched(step).casefold() == matched.casefold(), step
