"""Who reads what over LDAP: nobody reads a secret, in no form; people and pupils are seen by whom they may be seen."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import ldap3
import pytest
from ldap3.utils.conv import escape_filter_chars
from sqlalchemy import update

from directory.entries import tree
from directory.lists import rosters
from directory.schema import names, schema
from mailserver.model.identity import Affiliation, ListKind, Role, Tie
from mailserver.store.engine.transactions import Tx
from mailserver.store.people import affiliations, contacts, people, vocabulary_entries
from mailserver.store.people.mailing_lists import lists
from mailserver.store.schema.account.accounts import account
from tests.directory.server.door import ADMIN, ADMIN_PASSWORD, BASE, PASSWORD, SCHOOL, Academy, academy, names_of

pytestmark = pytest.mark.needs("ldapsearch")

OTHER = "0580031U"
NUMEN, INE, BORN = "21E2600123ABC", "123456789AB", "1980-01-31"
SPELLINGS = (NUMEN, NUMEN.lower(), INE, BORN, "31/01/1980", "19800131", "19800131000000Z", PASSWORD)
PEOPLE = f"ou=people,{BASE}"


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Academy]:
    """Two schools with pupils and teachers; secrets are known of some of them; lists, a box, a contact."""
    with academy(tmp_path_factory.mktemp("access"), sqlite_template) as running:
        further = (Affiliation(Tie.SCHOOL, SCHOOL, SCHOOL), Affiliation(Tie.CLASS, "4B", SCHOOL))
        made = [
            running.add("Emma", "Dupont", numen=NUMEN, birth_date=BORN, uai=SCHOOL),
            running.add("Marc", "Itinérant", uai=OTHER, affiliations=further),
            running.add("Nina", "Lointaine", uai=OTHER),
            running.add("Sarah", "Kaci", Role.PUPIL, ine=INE, birth_date=BORN, uai=SCHOOL),
            running.add("Luc", "Camarade", Role.PUPIL, uai=SCHOOL),
            running.add("Paul", "Caché", uai=SCHOOL, hidden=True),
            running.add("Ana", "Adminis", Role.ADMIN),
        ]
        for one in made:
            running.activate(one)
        running.run(running.store.write(_more))
        yield running


def _more(tx: Tx) -> None:
    emma = people.find(tx, "edupont")
    assert emma is not None
    ties = (Affiliation(Tie.CLASS, "4B", SCHOOL), Affiliation(Tie.FUNCTION, "ENS", SCHOOL))
    affiliations.replace(tx, emma.account_id, ties)
    vocabulary_entries.ensure_many(tx, vocabulary_entries.terms_of(ties))
    extra = {"telephoneNumber": ["0380000001"], "homePhone": ["0380999999"]}
    people.change_entry(tx, emma.account_id, {"extra": tree.dump_extra(extra)})
    tx.execute(update(account).where(account.c.id == emma.account_id).values(close_at=1_830_000_000))
    below = "cn=Zoé,ou=contacts"
    held = {"objectClass": ["inetOrgPerson"], "cn": ["Zoé"], "sn": ["Z"], "userPassword": ["not-for-you"]}
    contacts.add(tx, names.write(names.comparable(names.parse(below))), below, held)
    rosters.create(tx, "profs@ac-exemple.fr", "Profs", "edupont@ac-exemple.fr", ["skaci@ac-exemple.fr"])
    rosters.create(tx, "maths@ac-exemple.fr", "Maths", "", [])
    values: dict[str, str | int] = {"kind": ListKind.LIVING.value, "query": "discipline~maths", "hidden_members": 1}
    lists.change(tx, "maths@ac-exemple.fr", values)
    rosters.create(tx, "ce.0210006t@ac-exemple.fr", "Secrétariat", "", ["edupont@ac-exemple.fr"])
    lists.change(tx, "ce.0210006t@ac-exemple.fr", {"kind": ListKind.FUNCTION.value, "uai": SCHOOL})


@pytest.fixture(autouse=True)
def clients(door: Academy) -> Iterator[None]:
    yield
    door.hang_up()


VIEWERS = [(ADMIN, ADMIN_PASSWORD), *((login, PASSWORD) for login in ("edupont", "skaci", "pcache", "aadminis"))]


# ---------------------------------------------------------------------------- secrets


@pytest.mark.parametrize(("user", "password"), VIEWERS)
def test_no_secret_in_any_attribute_of_any_entry(door: Academy, user: str, password: str) -> None:
    arguments = ("-LLL", "-o", "ldif-wrap=no", "-E", "pr=50/noprompt", "-b", BASE, "(objectClass=*)")
    shown = door.tool("ldapsearch", *arguments, "*", "+", "userPassword", user=user, password=password).stdout.lower()
    assert "uid=edupont" in shown
    hashes = [hashlib.sha256(text.encode()).hexdigest() for text in SPELLINGS]
    for secret in (*SPELLINGS, *hashes, "argon2", "userpassword", "not-for-you", "numen", "codeine", "birth"):
        assert secret.lower() not in shown


@pytest.mark.parametrize(("user", "password"), VIEWERS[:2])
def test_no_filter_of_any_form_and_no_comparison_is_an_oracle(door: Academy, user: str, password: str) -> None:
    connection = door.connect(user, password)
    forms = [
        "({}={})",
        "({}=*{}*)",
        "({}={}*)",
        "({}=*{})",
        "({}>={})",
        "({}<={})",
        "({}~={})",
        "({}:caseIgnoreMatch:={})",
    ]
    for known in schema.ATTRIBUTES:
        if known.name in ("createTimestamp", "modifyTimestamp", "schacExpiryDate", "acadAccountId", "entryUUID"):
            continue  # times and numbers, which nobody's secret is compared with
        for secret in (NUMEN, BORN):
            value = escape_filter_chars(secret)
            any_form = "".join(form.format(known.name, value) for form in forms)
            assert names_of(connection, f"(|{any_form})") == [], known.name
            _, result, _, _ = connection.compare(  # type: ignore[no-untyped-call]
                f"uid=edupont,{PEOPLE}", known.name, secret
            )
            assert result["description"] != "compareTrue"
    for wanted in (
        "(userPassword=*)",
        "(userPassword>=a)",
        "(!(userPassword=x))",
        "(userPassword:octetStringMatch:=x)",
    ):
        assert len(names_of(connection, wanted)) in (0, len(names_of(connection, "(objectClass=*)")))
    assert names_of(connection, "(userPassword=*)") == []


@pytest.mark.parametrize("wanted", ["(acadState=active)", "(supannListeRouge=FALSE)", "(acadAccountId>=1)"])
def test_a_cookie_tells_nothing_of_what_a_viewer_may_not_read(door: Academy, wanted: str) -> None:
    """Where a page ends must not depend on whom a condition that the viewer may not ask about would have chosen."""
    connection = door.connect("nlointaine", PASSWORD)
    places = set()
    for condition in (wanted, "(acadState=suspended)"):
        asked = f"(|(uid=edupont){condition}(uid=nlointaine))"
        _, result, response, _ = connection.search(PEOPLE, asked, attributes=["1.1"], paged_size=1)
        assert [item["dn"] for item in response] == [f"uid=edupont,{PEOPLE}"]
        places.add(result["controls"]["1.2.840.113556.1.4.319"]["value"]["cookie"].partition(b":")[2])
    assert len(places) == 1


def test_nobody_gives_an_entry_a_secret() -> None:
    for value in (NUMEN, f"NUMEN {NUMEN.lower()}.", INE, "12 3456 789 AB", "1234567890K"):
        with pytest.raises(Exception, match="secrets"):
            tree.dump_extra({"description": [value]})


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"userPassword": ["x"]}, "userPassword"),
        ({"mail": ["a@b"]}, "mail"),
        ({"preferredLanguage": ["fr", "en"]}, "too many"),
        ({"title": ["x"] * (tree.MAX_EXTRA_VALUES + 1)}, "too many"),
        ({"description": ["x" * (tree.MAX_EXTRA_VALUE + 1)]}, "at most"),
        ({"description": ["\ud800"]}, "not a value"),
        ({"description": [" "]}, "not a value"),
        ({"seeAlso": ["nobody"]}, "not a value"),
        ({"jpegPhoto": ["x" * (tree.MAX_PHOTO + 1)]}, "octets"),
        ({"description": ["é" * 1000] * 30}, "octets"),
    ],
)
def test_bounds_of_what_an_entry_may_be_given(attributes: dict[str, list[str]], reason: str) -> None:
    with pytest.raises(Exception, match=reason):
        tree.dump_extra(attributes)


def test_what_an_entry_is_given_comes_back() -> None:
    photo = schema.as_text(bytes(range(256)) * 8)
    given = {"title": ("Proviseure",), "jpegPhoto": (photo,), "telephoneNumber": ("03 80", "04")}
    assert tree.load_extra(tree.dump_extra(given)) == given
    assert tree.dump_extra({"title": ()}) == ""
    assert tree.load_extra("") == {}


# ---------------------------------------------------------------------------- strangers


def test_strangers_see_the_root_and_the_schema_only(door: Academy) -> None:
    connection = door.client()
    assert connection.bind()[0]
    for base in ("", "cn=subschema"):
        _, result, response, _ = connection.search(base, "(objectClass=*)", "BASE")
        assert (result["result"], len(response)) == (0, 1)
    for base in (BASE, PEOPLE, f"uid=edupont,{PEOPLE}", f"cn=Zoé,ou=contacts,{BASE}", "dc=elsewhere", ""):
        _, result, response, _ = connection.search(base, "(objectClass=*)", "SUBTREE")
        assert (result["description"], response) == ("insufficientAccessRights", [])
    _, result, _, _ = connection.compare(f"uid=edupont,{PEOPLE}", "cn", "Emma Dupont")  # type: ignore[no-untyped-call]
    assert result["description"] == "insufficientAccessRights"


# ---------------------------------------------------------------------------- people

EVERYBODY = ("edupont", "mitinerant", "nlointaine", "aadminis")
SEEN = {
    "edupont": {*EVERYBODY, "skaci", "lcamarade"},
    "mitinerant": {*EVERYBODY, "skaci", "lcamarade"},
    "nlointaine": set(EVERYBODY),
    "skaci": {*EVERYBODY, "skaci"},
    "pcache": {*EVERYBODY, "pcache", "skaci", "lcamarade"},
    "aadminis": {*EVERYBODY, "skaci", "lcamarade", "pcache"},
}


@pytest.mark.parametrize("viewer", SEEN)
def test_who_sees_whom(door: Academy, viewer: str) -> None:
    connection = door.connect(viewer, PASSWORD)
    for wanted in ("(objectClass=acadPerson)", "(uid=*)", "(mail=*@ac-exemple.fr)", "(!(uid=nobody))"):
        found = {dn.partition(",")[0] for dn in names_of(connection, f"(&(objectClass=acadPerson){wanted})", PEOPLE)}
        assert found == {f"uid={login}" for login in SEEN[viewer]}
    for login in SEEN["aadminis"]:
        _, result, _, _ = connection.search(f"uid={login},{PEOPLE}", "(objectClass=*)", "BASE")
        assert result["description"] == ("success" if login in SEEN[viewer] else "noSuchObject")
        assert names_of(connection, f"(uid={login})") == [f"uid={login},{PEOPLE}"][: login in SEEN[viewer]]
        _, result, _, _ = connection.compare(f"uid={login},{PEOPLE}", "uid", login)  # type: ignore[no-untyped-call]
        assert result["description"] == ("compareTrue" if login in SEEN[viewer] else "noSuchObject")


def test_who_moves_sees_others_at_once(door: Academy) -> None:
    someone = door.add("Ida", "Mobile", uai=OTHER)
    door.activate(someone)
    connection = door.connect("imobile", PASSWORD)
    assert names_of(connection, "(uid=skaci)") == []
    door.run(door.store.write(affiliations.replace, someone.account_id, (Affiliation(Tie.SCHOOL, SCHOOL, SCHOOL),)))
    assert names_of(connection, "(uid=skaci)") == [f"uid=skaci,{PEOPLE}"]
    door.run(door.store.write(affiliations.replace, someone.account_id, ()))
    assert names_of(connection, "(uid=skaci)") == []


def test_what_is_read_of_others_and_of_oneself(door: Academy) -> None:
    def read(user: str, dn: str) -> dict[str, list[bytes]]:
        connection = door.connect(user, PASSWORD)
        _, _, response, _ = connection.search(dn, "(objectClass=*)", "BASE", attributes=["*", "+"])
        return dict(response[0]["raw_attributes"])

    emma = f"uid=edupont,{PEOPLE}"
    others, own = read("skaci", emma), read("edupont", emma)
    assert others["telephoneNumber"] == [b"0380000001"]
    private = {"homePhone", "acadState", "acadAccountId", "supannListeRouge", "schacExpiryDate", "createTimestamp"}
    assert private <= set(own)
    assert not private & set(others)
    contact = read("skaci", f"cn=Zoé,ou=contacts,{BASE}")
    assert contact["cn"] == ["Zoé".encode()]


def test_members_queries_and_holders_are_the_administrator_s(door: Academy) -> None:
    secret = {
        "member",
        "acadMemberAddress",
        "owner",
        "acadListQuery",
        "acadListWriters",
        "acadListHidden",
        "acadHolder",
    }
    groups = f"ou=groups,{BASE}"
    for user, password, seen in ((ADMIN, ADMIN_PASSWORD, True), ("edupont", PASSWORD, False)):
        connection = door.connect(user, password)
        _, _, response, _ = connection.search(groups, "(objectClass=acadList)", attributes=["*"])
        held = {name for one in response for name in one["raw_attributes"]}
        assert bool(secret & held) is seen
        assert len(response) == 3
        for wanted in (f"(member=uid=skaci,{PEOPLE})", "(acadListQuery=*maths*)", "(acadListHidden=TRUE)"):
            assert bool(names_of(connection, wanted)) is seen
    box = door.connect("edupont", PASSWORD)
    assert len(names_of(box, "(objectClass=acadFunctionalBox)")) == 1


def test_terms_and_schools_are_everybody_s(door: Academy) -> None:
    connection = door.connect("skaci", PASSWORD)
    term = f"acadClass={SCHOOL}$4B,ou={SCHOOL},ou=structures,{BASE}"
    assert names_of(connection, f"(acadClass={SCHOOL}$4B)", f"ou=structures,{BASE}") == [term]
    assert names_of(connection, "(acadFunction=ENS)", f"ou=functions,{BASE}")
    # Of the class itself a pupil sees the teachers only.
    assert set(names_of(connection, f"(acadClass={SCHOOL}$4B)", PEOPLE)) == {
        f"uid=edupont,{PEOPLE}",
        f"uid=mitinerant,{PEOPLE}",
    }


def test_pages_resume_inside_terms(door: Academy) -> None:
    def more(tx: Tx) -> None:
        terms = {(Tie.GROUP, SCHOOL, f"GR{number}"): "" for number in range(12)}
        vocabulary_entries.ensure_many(tx, {**terms, (Tie.CLASS, OTHER, "6A"): ""})

    door.run(door.store.write(more))
    connection, found, cookie = door.connect(), list[str](), b""
    while True:
        _, result, response, _ = connection.search(
            f"ou=structures,{BASE}", "(objectClass=acadTerm)", paged_size=3, paged_cookie=cookie
        )
        found += [item["dn"] for item in response]
        cookie = result["controls"]["1.2.840.113556.1.4.319"]["value"]["cookie"]
        if not cookie:
            break
    assert found == names_of(connection, "(objectClass=acadTerm)", f"ou=structures,{BASE}")
    assert len(found) == len(set(found)) == 14
    bad = cookie_of(connection)[:-1] + b"z"
    _, result, _, _ = connection.search(BASE, "(objectClass=acadTerm)", paged_size=3, paged_cookie=bad)
    assert result["description"] == "unwillingToPerform"


def cookie_of(connection: ldap3.Connection) -> bytes:
    _, result, _, _ = connection.search(BASE, "(objectClass=acadTerm)", paged_size=3)
    return bytes(result["controls"]["1.2.840.113556.1.4.319"]["value"]["cookie"])


def test_entries_are_found_by_their_uuid(door: Academy) -> None:
    connection = door.connect()
    _, _, response, _ = connection.search(f"uid=edupont,{PEOPLE}", "(objectClass=*)", "BASE", attributes=["entryUUID"])
    number = response[0]["raw_attributes"]["entryUUID"][0].decode()
    assert names_of(connection, f"(entryUUID={number.upper()})") == [f"uid=edupont,{PEOPLE}"]
    assert names_of(connection, f"(entryDN=UID=Edupont, {PEOPLE})") == [f"uid=edupont,{PEOPLE}"]
    assert names_of(connection, "(entryUUID=a145faab-e0c7-8000-8000-000000099999)") == []
