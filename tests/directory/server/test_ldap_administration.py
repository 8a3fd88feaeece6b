"""The administrator over LDAP: contacts, lists, schools, controls, OpenLDAP's own tools, throttled binds."""

import asyncio
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ldap3
import pytest
from ldap3 import MODIFY_ADD, MODIFY_DELETE, MODIFY_REPLACE

from directory.entries.tree import Kind, Place
from directory.lists import rosters
from directory.server import controls
from directory.server.reading.entries import Viewer
from directory.server.wire import ber
from directory.server.wire.filters import Equality, Filter
from directory.server.wire.messages import Code
from mailserver.foundation.network import listeners, peers
from mailserver.foundation.settings import Limits
from mailserver.model.identity import Affiliation, Role, Tie, Writers
from mailserver.store.people import affiliations, claims, people, schools
from mailserver.store.people.mailing_lists import lists
from mailserver.store.people.people import Entry
from mailserver.store.record import audit
from mailserver.store.record.audit import Action
from mailserver.store.upkeep import erasure
from tests.directory.server.door import ADMIN, ADMIN_PASSWORD, BASE, PASSWORD, SCHOOL, Academy, academy, names_of
from tests.directory.server.test_ldap_messages import write_filter
from tests.waiting import PATIENCE

pytestmark = pytest.mark.needs("ldapadd")

PEOPLE, GROUPS, SCHOOLS, CONTACTS = (f"ou={name},{BASE}" for name in ("people", "groups", "structures", "contacts"))
CONTACT = {"objectClass": "inetOrgPerson", "sn": "Martin"}


@pytest.fixture
def house(tmp_path: Path, sqlite_template: Path) -> Iterator[Academy]:
    with academy(tmp_path / "house", sqlite_template, Limits(login_failures=3)) as running:
        yield running
        running.hang_up()


@pytest.fixture
def admin(house: Academy) -> Any:
    return house.connect()


def code_of(answer: Any) -> int:
    return int(answer[1]["result"])


def held(admin: Any, dn: str) -> dict[str, list[str]]:
    _, result, response, _ = admin.search(dn, "(objectClass=*)", "BASE", attributes=["*"])
    assert result["result"] == 0, result
    return {name: [value.decode() for value in values] for name, values in response[0]["raw_attributes"].items()}


def told(house: Academy) -> list[tuple[Action, str]]:
    """What the audit holds of entries without an account, oldest first."""
    events = reversed(house.run(house.store.read(audit.history, 0)))
    return [(event.action, event.detail) for event in events if event.action is not Action.LOGIN]


# ---------------------------------------------------------------------------- contacts


@pytest.mark.parametrize("branch", [PEOPLE, CONTACTS])
def test_a_contact_stands_where_it_was_put(house: Academy, admin: Any, branch: str) -> None:
    dn = f"cn=Zoé Martin,{branch}"
    given = {**CONTACT, "mail": ["zoe@ailleurs.example"], "homePhone": ["1"], "employeeNumber": ["77"]}
    assert code_of(admin.add(dn, attributes=given)) == 0
    assert held(admin, dn)["employeeNumber"] == ["77"]
    # Everybody reads what stands in an address book, pupils too.
    for wrong in ({"employeeNumber": "07E9212345ABC"}, {"description": "123 456 789 ab"}):
        change = {name: [(MODIFY_REPLACE, [value])] for name, value in wrong.items()}
        assert code_of(admin.modify(dn, change)) == Code.CONSTRAINT_VIOLATION, wrong
    assert names_of(admin, "(mail=zoe@ailleurs.example)") == [dn]
    assert names_of(admin, "(sn=martin)", branch, search_scope="LEVEL") == [dn]
    house.activate(house.add("Emma", "Dupont"))
    assert names_of(house.connect("edupont", PASSWORD), "(cn=*zoé*)") == [dn]
    assert code_of(admin.delete(dn)) == 0
    assert told(house) == [(Action.CREATED, dn), (Action.DELETED, dn)]


def test_a_contact_claims_nothing_for_ever_and_never_logs_in(house: Academy, admin: Any) -> None:
    dn = f"uid=edupont,{PEOPLE}"
    assert code_of(admin.add(dn, attributes={**CONTACT, "cn": "Emma", "mail": "edupont@ac-exemple.fr"})) == 0
    assert not house.client("edupont", PASSWORD).bind()[0]
    assert not house.client(dn, PASSWORD).bind()[0]
    assert house.run(house.directory.find("edupont@ac-exemple.fr")) is None
    # Two entries would have one name: while it stands, nobody is issued the identifier.
    assert house.add("Emma", "Dupont").login == "edupont1"
    assert code_of(admin.modify_dn(dn, "uid=other", new_superior=PEOPLE)) == 0
    assert house.add("Étienne", "Dupont").login == "edupont"
    assert code_of(admin.modify_dn(f"uid=other,{PEOPLE}", "uid=edupont1")) == Code.ENTRY_ALREADY_EXISTS
    assert code_of(admin.delete(f"uid=other,{PEOPLE}")) == 0
    assert house.run(house.store.read(claims.owner, "other")) is None
    assert code_of(admin.add(dn, attributes={**CONTACT, "cn": "Emma"})) == Code.ENTRY_ALREADY_EXISTS


def test_no_contact_passes_for_an_account(house: Academy, admin: Any) -> None:
    """Programs look people up by uid: nobody else has that of an account, of one that is erased neither."""
    emma, gone = house.add("Emma", "Dupont"), house.add("Luc", "Parti")
    house.store.write_now(erasure.remove_entry, gone.account_id)
    for login in (emma.login, "EDupont", gone.login):
        for dn in (f"cn=z,{CONTACTS}", f"uid={login}+sn=Z,{PEOPLE}", f"uid={login},{CONTACTS}"):
            given = {**CONTACT, "cn": "z", "sn": "Z", "uid": login}
            assert code_of(admin.add(dn, attributes=given)) == Code.CONSTRAINT_VIOLATION, dn
    assert (
        code_of(admin.add(f"uid={gone.login},{PEOPLE}", attributes={**CONTACT, "cn": "z"})) == Code.CONSTRAINT_VIOLATION
    )
    assert code_of(admin.add(f"uid=other,{PEOPLE}", attributes={**CONTACT, "cn": "z"})) == 0
    assert code_of(admin.modify_dn(f"uid=other,{PEOPLE}", f"uid={emma.login}+sn=Z")) == Code.CONSTRAINT_VIOLATION
    assert code_of(admin.modify(f"uid=other,{PEOPLE}", {"uid": [(MODIFY_ADD, [emma.login])]})) == (
        Code.CONSTRAINT_VIOLATION
    )
    _, _, found, _ = admin.search(BASE, f"(|(uid={emma.login})(uid={gone.login}))", attributes=["1.1"])
    assert [one["dn"] for one in found] == [f"uid={emma.login},{PEOPLE}"]


def test_contacts_are_bounded(admin: Any) -> None:
    dn = f"cn=z,{CONTACTS}"
    for more in ({"description": ["x" * 5000]}, {"description": [str(number) for number in range(201)]}):
        assert code_of(admin.add(dn, attributes={**CONTACT, **more})) == Code.ADMIN_LIMIT_EXCEEDED
    assert code_of(admin.add(f"cn={'z' * 300},{CONTACTS}", attributes=CONTACT)) == Code.ADMIN_LIMIT_EXCEEDED


def test_a_photograph_of_a_contact(admin: Any) -> None:
    dn, photo = f"cn=z,{CONTACTS}", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"
    assert code_of(admin.add(dn, attributes={**CONTACT, "jpegPhoto": [photo]})) == 0
    _, _, response, _ = admin.search(dn, "(jpegPhoto=*)", "BASE", attributes=["jpegPhoto"])
    assert response[0]["raw_attributes"]["jpegPhoto"] == [photo]


# ---------------------------------------------------------------------------- lists


def new_list(house: Academy, admin: Any) -> str:
    for given_name, surname in (("Emma", "Dupont"), ("Marc", "Martin")):
        house.add(given_name, surname)
    dn = f"cn=profs.maths,{GROUPS}"
    given = {
        "objectClass": ["groupOfNames", "acadList"],
        "mail": "profs.maths@ac-exemple.fr",
        "member": [f"uid=edupont,{PEOPLE}"],
        "acadMemberAddress": ["ext@ailleurs.example"],
        "owner": [f"uid=mmartin,{PEOPLE}"],
        "displayName": "Professeurs de maths",
        "acadListWriters": "members",
        "acadListModerated": "TRUE",
    }
    assert code_of(admin.add(dn, attributes=given)) == 0
    return dn


def test_a_list_is_made_and_changed(house: Academy, admin: Any) -> None:
    dn = new_list(house, admin)
    entry = house.run(house.store.read(lists.get, "profs.maths@ac-exemple.fr"))
    assert entry is not None
    assert (entry.name, entry.owner, entry.writers, entry.moderated) == (
        "Professeurs de maths",
        "marc.martin@ac-exemple.fr",
        Writers.MEMBERS,
        True,
    )
    change = {
        "member": [(MODIFY_DELETE, [f"uid=edupont,{PEOPLE}"]), (MODIFY_ADD, [f"uid=mmartin,{PEOPLE}"])],
        "acadMemberAddress": [(MODIFY_REPLACE, [])],
        "acadListModerated": [(MODIFY_REPLACE, [])],
        "acadListHidden": [(MODIFY_REPLACE, ["TRUE"])],
        "acadListWriters": [(MODIFY_REPLACE, ["staff"])],
        "owner": [(MODIFY_ADD, [f"uid=edupont,{PEOPLE}"])],
    }
    assert code_of(admin.modify(dn, change)) == 0
    assert house.run(house.store.read(lists.members, "profs.maths@ac-exemple.fr")) == ("marc.martin@ac-exemple.fr",)
    assert code_of(admin.modify(dn, {"acadListWriters": [(MODIFY_REPLACE, ["nobody"])]})) == Code.CONSTRAINT_VIOLATION
    assert code_of(admin.modify(dn, {"acadMemberAddress": [(MODIFY_ADD, ["x@ac-exemple.fr"])]})) != 0
    assert {action for action, _ in told(house)} == {Action.LIST_CHANGED}


def test_a_member_is_kept_under_the_address_it_was_put_in_by(house: Academy, admin: Any) -> None:
    dn = new_list(house, admin)
    house.run(house.store.write(rosters.edit, "profs.maths@ac-exemple.fr", ["mmartin@ac-exemple.fr"], []))
    assert code_of(admin.modify(dn, {"acadMemberAddress": [(MODIFY_ADD, ["b@ailleurs.example"])]})) == 0
    assert "mmartin@ac-exemple.fr" in house.run(house.store.read(lists.members, "profs.maths@ac-exemple.fr"))
    assert code_of(admin.modify(dn, {"member": [(MODIFY_DELETE, [f"uid=mmartin,{PEOPLE}"])]})) == 0
    assert "mmartin@ac-exemple.fr" not in house.run(house.store.read(lists.members, "profs.maths@ac-exemple.fr"))


def test_an_alias_that_is_taken_away_costs_no_membership(house: Academy, admin: Any) -> None:
    dn = new_list(house, admin)
    martin = f"uid=mmartin,{PEOPLE}"
    assert code_of(admin.modify(dn, {"member": [(MODIFY_ADD, [martin])]})) == 0
    assert code_of(admin.modify(martin, {"mail": [(MODIFY_DELETE, ["marc.martin@ac-exemple.fr"])]})) == 0
    assert martin in held(admin, dn)["member"]
    assert held(admin, dn)["owner"] == [martin]


def test_an_alias_that_is_taken_away_costs_no_word_of_a_holder(house: Academy, admin: Any) -> None:
    """Who holds a box by two addresses may do what is said of either."""
    martin, dn = f"uid=mmartin,{PEOPLE}", f"cn=secretariat,{GROUPS}"
    house.add("Marc", "Martin")
    own, alias = "mmartin@ac-exemple.fr", "marc.martin@ac-exemple.fr"
    given = {
        "objectClass": ["organizationalRole", "acadList", "acadFunctionalBox"],
        "mail": "secretariat@ac-exemple.fr",
        "acadHolder": [f"{alias}$read send"],
    }
    assert code_of(admin.add(dn, attributes=given)) == 0
    # As boxes of before 0.7 have it, and addresses that were given later.
    house.run(house.store.write(lists.add_members, "secretariat@ac-exemple.fr", [own]))
    house.run(house.store.write(lists.set_rights, "secretariat@ac-exemple.fr", {own: "write"}))
    assert code_of(admin.modify(martin, {"mail": [(MODIFY_DELETE, [alias])]})) == 0
    assert held(admin, dn)["acadHolder"] == [f"{own}$read write send"]


def test_a_list_is_renamed(house: Academy, admin: Any) -> None:
    dn = new_list(house, admin)
    outer = f"cn=tous,{GROUPS}"
    given = {"objectClass": ["groupOfNames", "acadList"], "mail": "tous@ac-exemple.fr", "member": [dn]}
    assert code_of(admin.add(outer, attributes=given)) == 0
    assert code_of(admin.modify_dn(dn, "cn=tous")) == Code.ENTRY_ALREADY_EXISTS
    assert code_of(admin.modify_dn(dn, "cn=emma.dupont")) == Code.CONSTRAINT_VIOLATION
    assert code_of(admin.modify_dn(dn, "cn=maths")) == 0
    assert held(admin, f"cn=maths,{GROUPS}")["member"] == [f"uid=edupont,{PEOPLE}"]
    assert held(admin, outer)["member"] == [f"cn=maths,{GROUPS}"]
    assert house.run(house.store.read(claims.owner, "profs.maths@ac-exemple.fr")) == claims.FUNCTION


def test_living_lists(house: Academy, admin: Any) -> None:
    dn = f"cn=enseignants,{GROUPS}"
    given = {
        "objectClass": ["organizationalRole", "acadList"],
        "mail": "enseignants@ac-exemple.fr",
        "acadListQuery": "role=teacher",
    }
    assert code_of(admin.add(dn, attributes={**given, "acadListQuery": "role="})) == Code.CONSTRAINT_VIOLATION
    assert code_of(admin.add(dn, attributes=given)) == 0
    assert held(admin, dn)["acadListQuery"] == ["role=teacher"]
    member = {"acadMemberAddress": [(MODIFY_ADD, ["x@ailleurs.example"])]}
    assert code_of(admin.modify(dn, member)) == Code.CONSTRAINT_VIOLATION
    change = {"acadListQuery": [(MODIFY_REPLACE, ["role=staff"])]}
    assert code_of(admin.modify(dn, change)) == 0


def test_functional_boxes(house: Academy, admin: Any) -> None:
    house.add("Emma", "Dupont")
    dn, emma = f"cn=secretariat,{GROUPS}", "emma.dupont@ac-exemple.fr"
    given = {
        "objectClass": ["organizationalRole", "acadList", "acadFunctionalBox"],
        "mail": "secretariat@ac-exemple.fr",
        "acadHolder": [f"{emma}$read write"],
    }
    for wrong in (f"{emma}$dance", emma, f"{emma}$", "$read", "nobody@ac-exemple.fr$read"):
        assert code_of(admin.add(dn, attributes={**given, "acadHolder": [wrong]})) == Code.CONSTRAINT_VIOLATION, wrong
    assert code_of(admin.add(dn, attributes=given)) == 0
    assert held(admin, dn)["acadHolder"] == [f"{emma}$read write"]
    assert held(admin, dn)["member"] == [f"uid=edupont,{PEOPLE}"]
    assert code_of(admin.modify(dn, {"acadHolder": [(MODIFY_REPLACE, [f"{emma}$read send"])]})) == 0
    assert code_of(admin.modify(dn, {"acadHolder": [(MODIFY_REPLACE, [])]})) == 0
    assert "acadHolder" not in held(admin, dn)
    assert code_of(admin.modify(dn, {"acadHolder": [(MODIFY_REPLACE, [f"{emma}$manage"])]})) == 0
    assert code_of(admin.delete(dn)) == 0
    said = [f"secretariat@ac-exemple.fr: {emma}: {one}" for one in HELD]
    rows = house.run(house.store.read(audit.find, audit.Wanted(action=Action.RIGHTS_CHANGED), 99))
    assert [str(row.detail) for row in reversed(rows)] == said
    assert {row.actor for row in rows} == {"cn=admin"}


HELD = (
    "nothing, then read, write, send",
    "read, write, send, then read, write",
    "read, write, then read, send",
    "read, send, then nothing",
    "nothing, then manage",
    "manage, then nothing",
)
"""What the record says of a holder, one change after the other; whom a box is made with may do the usual at first."""


# ---------------------------------------------------------------------------- schools, classes


def test_a_school_gets_another_uai_and_its_people_follow(house: Academy, admin: Any) -> None:
    dn = f"ou={SCHOOL},{SCHOOLS}"
    given = {"objectClass": ["organizationalUnit", "acadStructure"], "acadUAI": SCHOOL, "displayName": "Lycée Carnot"}
    assert code_of(admin.add(dn, attributes=given)) == 0
    term = {"objectClass": "acadTerm", "description": "4e B"}
    assert code_of(admin.add(f"acadClass={SCHOOL}$4B,{dn}", attributes=term)) == 0
    ties = (Affiliation(Tie.CLASS, "4B", SCHOOL), Affiliation(Tie.SCHOOL, SCHOOL, SCHOOL))
    house.add("Sarah", "Kaci", Role.PUPIL, uai=SCHOOL, affiliations=ties)
    assert code_of(admin.modify_dn(f"acadClass={SCHOOL}$4B,{dn}", f"acadClass={SCHOOL}$4C")) == 0
    assert code_of(admin.modify_dn(dn, "ou=0210015C")) == 0
    kaci = held(admin, f"uid=skaci,{PEOPLE}")
    assert kaci["acadUAI"] == ["0210015C"]
    assert kaci["acadClass"] == ["0210015C$4C"]
    assert kaci["o"] == ["Lycée Carnot"]
    assert names_of(admin, "(acadUAI=0210015C)", SCHOOLS) == [
        f"ou=0210015C,{SCHOOLS}",
        f"acadClass=0210015C$4C,ou=0210015C,{SCHOOLS}",
    ]
    assert house.run(house.store.read(schools.get, SCHOOL)) is None
    assert code_of(admin.delete(f"acadClass=0210015C$4C,ou=0210015C,{SCHOOLS}")) == Code.UNWILLING_TO_PERFORM


@pytest.mark.parametrize(("branch", "kind"), [("functions", "acadFunction"), ("disciplines", "acadDisciplineCode")])
def test_functions_and_disciplines(house: Academy, admin: Any, branch: str, kind: str) -> None:
    tie = Tie.FUNCTION if kind == "acadFunction" else Tie.DISCIPLINE
    dn = f"{kind}=ENS,ou={branch},{BASE}"
    assert code_of(admin.add(dn, attributes={"objectClass": "acadTerm", "description": "Enseignement"})) == 0
    person = house.add(
        "Emma", "Dupont", affiliations=(Affiliation(tie, "ENS", SCHOOL), Affiliation(tie, "DOC", SCHOOL))
    )
    assert code_of(admin.delete(dn)) == Code.UNWILLING_TO_PERFORM
    assert code_of(admin.modify(dn, {"description": [(MODIFY_REPLACE, ["Enseigner"])]})) == 0
    assert code_of(admin.modify_dn(dn, f"{kind}=DOC")) == Code.ENTRY_ALREADY_EXISTS
    assert code_of(admin.modify_dn(dn, f"{kind}=PROF")) == 0
    ties = house.run(house.store.read(affiliations.of, [person.account_id]))[person.account_id]
    assert {(one.code, one.label) for one in ties} >= {("PROF", "Enseigner")}
    assert held(admin, f"uid=edupont,{PEOPLE}")[kind] == ["DOC", "PROF"]


# ---------------------------------------------------------------------------- controls


def selection(*names: str) -> bytes:
    return ber.sequence(map(ber.octets, names))


def read_back(result: dict[str, Any], kind: str) -> dict[str, list[str]]:
    """The attributes in a response control."""
    found: dict[str, list[str]] = result["controls"][kind]["value"]["result"]
    return found


def test_reading_before_and_after(house: Academy, admin: Any) -> None:
    dn = f"cn=Zoé,{CONTACTS}"
    wanted = [
        (controls.PRE_READ, True, selection("cn")),
        (controls.POST_READ, True, selection("cn", "hasSubordinates")),
    ]
    _, result, _, _ = admin.add(dn, attributes=CONTACT, controls=wanted[1:])
    assert read_back(result, controls.POST_READ) == {"cn": ["Zoé"], "hasSubordinates": ["FALSE"]}
    _, result, _, _ = admin.modify_dn(dn, "cn=Léa", controls=wanted)
    assert read_back(result, controls.PRE_READ) == {"cn": ["Zoé"]}
    assert read_back(result, controls.POST_READ)["cn"] == ["Léa"]
    change = f"dn: cn=Léa,{CONTACTS}\nchangetype: modify\nreplace: sn\nsn: Petit\n"
    done = feed(house, "ldapmodify", change, "-e", "!preread=sn", "-e", "!postread=sn")
    assert done.stdout.count("sn: ") == 2, done.stdout
    _, result, _, _ = admin.delete(f"cn=Léa,{CONTACTS}", controls=wanted[:1])
    assert read_back(result, controls.PRE_READ) == {"cn": ["Léa"]}
    assert code_of(admin.delete(dn, controls=wanted[1:])) == Code.UNAVAILABLE_CRITICAL_EXTENSION
    wrong = [(controls.POST_READ, True, b"x")]
    assert code_of(admin.add(dn, attributes=CONTACT, controls=wrong)) == Code.PROTOCOL_ERROR
    assert names_of(admin, "(cn=zoé)") == []


def test_assertions(admin: Any) -> None:
    def asserting(wanted: Filter) -> Any:
        return [(controls.ASSERTION, True, write_filter(wanted))]

    dn = f"cn=Zoé,{CONTACTS}"
    assert code_of(admin.add(dn, attributes=CONTACT)) == 0
    wrong, right = asserting(Equality("sn", b"Petit")), asserting(Equality("sn", b"martin"))
    change = {"sn": [(MODIFY_REPLACE, ["Petit"])]}
    assert code_of(admin.modify(dn, change, controls=wrong)) == Code.ASSERTION_FAILED
    assert code_of(admin.modify_dn(dn, "cn=x", controls=wrong)) == Code.ASSERTION_FAILED
    assert code_of(admin.delete(dn, controls=wrong)) == Code.ASSERTION_FAILED
    assert code_of(admin.compare(dn, "cn", "Zoé", controls=wrong)) == Code.ASSERTION_FAILED
    assert code_of(admin.compare(dn, "cn", "Zoé", controls=right)) == Code.COMPARE_TRUE
    assert code_of(admin.modify(dn, change, controls=right)) == 0
    assert code_of(admin.delete(dn, controls=right)) == Code.ASSERTION_FAILED


# ---------------------------------------------------------------------------- the tools of OpenLDAP


def feed(house: Academy, program: str, ldif: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    path = house.settings.directory / "input.ldif"
    path.write_text(ldif)
    return house.tool(program, "-f", str(path), *arguments)


LDIF = f"""
dn: uid=mpetit,{PEOPLE}
objectClass: inetOrgPerson
objectClass: acadPerson
uid: mpetit
cn: Marie Petit
sn: Petit
givenName: Marie
employeeType: teacher
userPassword: {PASSWORD}

dn: cn=Fournisseur,{PEOPLE}
objectClass: inetOrgPerson
cn: Fournisseur
sn: Fournisseur
mail: contact@fournisseur.example
description:: w4lxdWlwZW1lbnRz

dn: cn=achats,{GROUPS}
objectClass: groupOfNames
objectClass: acadList
cn: achats
mail: achats@ac-exemple.fr
member: uid=mpetit,{PEOPLE}
"""
CHANGES = f"""
dn: uid=mpetit,{PEOPLE}
changetype: modify
replace: sn
sn: Grand
-
replace: cn
cn: Marie Grand
-
add: telephoneNumber
telephoneNumber: +33 3 80
-

dn: cn=Fournisseur,{PEOPLE}
changetype: modrdn
newrdn: cn=Papeterie
deleteoldrdn: 1

dn: cn=achats,{GROUPS}
changetype: delete
"""


def test_ldapadd_ldapmodify_ldapmodrdn_ldapdelete_ldappasswd(house: Academy) -> None:
    done = feed(house, "ldapadd", LDIF)
    assert done.returncode == 0, done.stderr
    done = feed(house, "ldapmodify", CHANGES)
    assert done.returncode == 0, done.stderr
    assert house.tool("ldapmodrdn", "-r", f"cn=Papeterie,{PEOPLE}", "cn=Librairie").returncode == 0
    found = house.tool("ldapsearch", "-LLL", "-b", PEOPLE, "(mail=contact@fournisseur.example)", "description").stdout
    assert found == f"dn: cn=Librairie,{PEOPLE}\ndescription:: w4lxdWlwZW1lbnRz\n\n"
    assert house.tool("ldapdelete", f"cn=Librairie,{PEOPLE}").returncode == 0
    assert house.tool("ldapdelete", f"cn=Librairie,{PEOPLE}").returncode == 32
    marie = f"uid=mpetit,{PEOPLE}"
    assert house.tool("ldapwhoami", user=marie, password=PASSWORD).returncode == 0
    assert house.tool("ldappasswd", "-s", "simple", marie).returncode == 0
    own = house.tool("ldappasswd", "-a", "simple", "-s", "Zqx%Vlt88kP", user=marie, password="simple")
    assert own.returncode == 0, own.stdout
    made = house.tool("ldappasswd", "-a", "Zqx%Vlt88kP", user=marie, password="Zqx%Vlt88kP").stdout
    password = made.removeprefix("New password: ").strip()
    assert house.tool("ldapwhoami", user=marie, password=password).returncode == 0
    # Two clients that write while others read.
    assert house.tool("ldapmodify", "-e", "!postread=cn", "-f", "/dev/null").returncode == 0


def test_an_ldif_of_a_thousand_entries(house: Academy, record_property: Any) -> None:
    """Half of them accounts, each in a transaction of its own that is on the disk when it is answered."""
    lines = []
    for number in range(500):
        lines += [
            f"dn: cn=Contact {number},{CONTACTS}",
            *("objectClass: inetOrgPerson", f"sn: {number}", f"mail: c{number}@ailleurs.example", ""),
            f"dn: uid=agent{number},{PEOPLE}",
            *("objectClass: inetOrgPerson", "objectClass: acadPerson", f"cn: Agent N{number}", f"sn: N{number}"),
            *("givenName: Agent", "employeeType: staff", ""),
        ]
    began = time.monotonic()
    done = feed(house, "ldapadd", "\n".join(lines))
    seconds = time.monotonic() - began
    record_property("entries_a_second", round(1000 / seconds))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("adding new entry") == 1000
    assert len(names_of(house.connect(), "(mail=*@ailleurs.example)")) == 500


def test_many_writers_at_once(house: Academy) -> None:
    """Homonyms from several connections at the same time: every one gets an address of its own."""
    ldif = "\n".join(
        f"dn: uid=x{{0}}{number},{PEOPLE}\nobjectClass: inetOrgPerson\nobjectClass: acadPerson\ncn: Jean Foule\n"
        f"sn: Foule\ngivenName: Jean\n"
        for number in range(10)
    )
    running = []
    for writer in range(4):
        path = house.settings.directory / f"{writer}.ldif"
        path.write_text(ldif.replace("{0}", f"{writer}."))
        command = ["ldapadd", "-x", "-H", house.url, "-D", ADMIN, "-w", ADMIN_PASSWORD, "-f", str(path)]
        running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE))
    assert [one.communicate()[1] for one in running] == [b""] * 4
    rows = [house.run(house.store.read(people.find, f"x{w}.{n}")) for w in range(4) for n in range(10)]
    addresses = {row.address for row in rows if isinstance(row, Entry)}
    assert len(addresses) == 40


# ---------------------------------------------------------------------------- binds of the administrator


def bind(house: Academy, password: str) -> int:
    return int(house.client(ADMIN, password).bind()[1]["result"])


def seen_from(monkeypatch: pytest.MonkeyPatch, address: str, *, loopback: bool = False) -> None:
    """From now on clients come from there (by TLS, as far as the rules go)."""
    monkeypatch.setattr(listeners, "address_of", lambda sock: address)
    monkeypatch.setattr(peers, "is_loopback", lambda peer: loopback)


def test_guessing_the_administrators_password_is_slowed_down(house: Academy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("directory.server.administrator.FAILURE_DELAY", 0.0)
    assert bind(house, ADMIN_PASSWORD) == 0
    seen_from(monkeypatch, "192.0.2.1", loopback=True)
    assert [bind(house, "wrong") for _ in range(4)] == [49, 49, 49, Code.BUSY]
    assert bind(house, ADMIN_PASSWORD) == Code.BUSY
    # Another stranger waits, too; whom the administrator came from does not.
    seen_from(monkeypatch, "198.51.100.7", loopback=True)
    assert bind(house, ADMIN_PASSWORD) == Code.BUSY
    seen_from(monkeypatch, "127.0.0.1", loopback=True)
    assert bind(house, ADMIN_PASSWORD) == 0
    events = house.run(house.store.read(audit.history, 0))
    failed = [event for event in events if event.action is Action.LOGIN_FAILED]
    assert {(event.actor, event.service, event.peer) for event in failed} == {("cn=admin", "ldap", "192.0.2.1")}
    assert len(failed) == 3
    assert [event.action for event in events].count(Action.LOGIN) == 1


def test_the_right_password_wipes_out_slips(house: Academy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("directory.server.administrator.FAILURE_DELAY", 0.0)
    for _ in range(4):
        assert [bind(house, password) for password in ("wrong", "wrong", ADMIN_PASSWORD)] == [49, 49, 0]


def test_nothing_is_written_in_the_clear(house: Academy, monkeypatch: pytest.MonkeyPatch) -> None:
    """From afar neither binds nor writes go without TLS."""
    seen_from(monkeypatch, "192.0.2.1")
    assert bind(house, ADMIN_PASSWORD) == Code.CONFIDENTIALITY_REQUIRED
    server = ldap3.Server(house.url, get_info=ldap3.NONE)
    connection: Any = ldap3.Connection(server, ADMIN, ADMIN_PASSWORD, client_strategy=ldap3.SAFE_SYNC)
    connection.start_tls(read_server_info=False)
    assert connection.bind()[0]
    assert code_of(connection.add(f"cn=z,{CONTACTS}", attributes=CONTACT)) == 0
    connection.unbind()


# ---------------------------------------------------------------------------- what is kept in memory


def test_what_was_read_before_a_change_is_not_kept_after_it(house: Academy, admin: Any) -> None:
    """A reader that began before a school was renamed ends after it: the next one sees the new name."""
    dn = f"ou={SCHOOL},{SCHOOLS}"
    given = {"objectClass": ["organizationalUnit", "acadStructure"], "acadUAI": SCHOOL, "displayName": "Old"}
    assert code_of(admin.add(dn, attributes=given)) == 0
    entries, store = house.door.services.entries, house.store
    read, was_read, go_on = store.read, threading.Event(), threading.Event()

    async def slow(*args: Any, **kwargs: Any) -> Any:
        found = await read(*args, **kwargs)
        was_read.set()
        assert await asyncio.to_thread(go_on.wait, PATIENCE)
        return found

    async def look() -> Any:
        return await entries.at(Place(Kind.STRUCTURE, SCHOOL.lower()), Viewer(ADMIN, None, True))

    house.run(store.write(schools.upsert, [schools.Facts(SCHOOL, "Older")]))
    store.read = slow  # type: ignore[method-assign]
    try:
        early = asyncio.run_coroutine_threadsafe(look(), house.loop)
        assert was_read.wait(PATIENCE)
        house.run(store.write(schools.upsert, [schools.Facts(SCHOOL, "New")]))
        go_on.set()
        early.result(PATIENCE)
    finally:
        store.read = read  # type: ignore[method-assign]
    assert held(admin, dn)["displayName"] == ["New"]
