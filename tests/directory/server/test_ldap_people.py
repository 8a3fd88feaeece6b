"""People over LDAP: an account follows the same rules as on the command line, and leaves the same audit."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ldap3 import MODIFY_ADD, MODIFY_DELETE, MODIFY_REPLACE
from ldap3.core.exceptions import LDAPExceptionError

from directory.issuing.hashing import Passwords
from directory.server.wire import ber, messages
from directory.server.wire.messages import Code
from mailserver.model.credentials.sasl import Secret
from mailserver.model.identity import Affiliation, Principal, Role, State, Tie
from mailserver.store.account import accounts
from mailserver.store.people import affiliations, claims, people, schools
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Event
from tests.directory.server.door import BASE, PASSWORD, SCHOOL, Academy, academy

PEOPLE = f"ou=people,{BASE}"
ADMINISTRATOR = "cn=admin"


@pytest.fixture
def house(tmp_path: Path, sqlite_template: Path) -> Iterator[Academy]:
    with academy(tmp_path / "house", sqlite_template) as running:
        yield running
        running.hang_up()


@pytest.fixture
def admin(house: Academy) -> Any:
    return house.connect()


def dn_of(login: str) -> str:
    return f"uid={login},{PEOPLE}"


def add(admin: Any, login: str, given_name: str, surname: str, **more: Any) -> int:
    attributes = {
        "objectClass": ["inetOrgPerson", "eduPerson", "supannPerson", "acadPerson"],
        "cn": f"{given_name} {surname}",
        "sn": surname,
        "givenName": given_name,
        **more,
    }
    return int(admin.add(dn_of(login), attributes=attributes)[1]["result"])


def modify(admin: Any, login: str, **changes: Any) -> tuple[int, str]:
    """Replace attributes, or carry out (edit, values)."""
    wanted = {
        name: [change if isinstance(change, tuple) else (MODIFY_REPLACE, change)] for name, change in changes.items()
    }
    result = admin.modify(dn_of(login), wanted)[1]
    return int(result["result"]), str(result["message"])


def entry_of(admin: Any, login: str) -> dict[str, list[str]]:
    _, result, response, _ = admin.search(dn_of(login), "(objectClass=*)", "BASE", attributes=["*", "+"])
    assert result["result"] == 0, result
    return {name: [value.decode() for value in values] for name, values in response[0]["raw_attributes"].items()}


def found(house: Academy, login: str) -> Principal:
    principal = house.run(house.directory.find(login))
    assert principal is not None
    return principal


def history(house: Academy, account_id: int) -> list[Event]:
    """Oldest first."""
    return list(reversed(house.run(house.store.read(audit.history, account_id))))


# ---------------------------------------------------------------------------- add


def test_a_person_becomes_an_account(house: Academy, admin: Any) -> None:
    assert add(admin, "mpetit", "Marie", "Petit", employeeType="teacher", acadUAI=SCHOOL, acadDiscipline="Maths") == 0
    marie = found(house, "mpetit")
    assert (marie.address, marie.aliases) == ("marie.petit@ac-exemple.fr", ("mpetit@ac-exemple.fr",))
    assert (marie.role, marie.uai, marie.discipline, marie.state) == (Role.TEACHER, SCHOOL, "Maths", State.PENDING)
    (event,) = history(house, marie.account_id)
    assert (event.actor, event.service, event.peer, event.action) == (
        ADMINISTRATOR,
        "ldap",
        "127.0.0.1",
        Action.CREATED,
    )
    assert entry_of(admin, "mpetit")["acadState"] == ["not-activated"]


def test_the_identifier_is_the_one_that_is_asked_for(house: Academy, admin: Any) -> None:
    assert add(admin, "Marie.Petit2", "Marie", "Petit") == 0
    assert found(house, "marie.petit2").address == "marie.petit@ac-exemple.fr"
    for login in ("marie..petit", "p@x", "-p", "x" * 65, "é"):
        assert add(admin, login, "Marie", "Petit") == Code.CONSTRAINT_VIOLATION, login
    assert found(house, "marie.petit2").role is Role.STAFF


def test_an_identifier_that_was_ever_given_is_not_given_again(house: Academy, admin: Any) -> None:
    dupont = house.add("Emma", "Dupont")
    assert add(admin, "edupont", "Étienne", "Dupont") == Code.ENTRY_ALREADY_EXISTS
    house.run(house.store.write(accounts.close, dupont.account_id, "gone"))
    assert add(admin, "edupont", "Étienne", "Dupont") == Code.ENTRY_ALREADY_EXISTS
    assert add(admin, "emma.dupont", "Étienne", "Dupont") == Code.CONSTRAINT_VIOLATION
    assert house.run(house.directory.find("etienne.dupont@ac-exemple.fr")) is None


def test_an_address_that_is_given_stands_for_the_one_by_the_rules(house: Academy, admin: Any) -> None:
    assert add(admin, "mpetit", "Marie", "Petit", mail=["m.petit@ac-exemple.fr", "marie@AC-Exemple.fr"]) == 0
    marie = found(house, "mpetit")
    assert marie.address == "m.petit@ac-exemple.fr"
    assert marie.aliases == ("marie@ac-exemple.fr", "mpetit@ac-exemple.fr")
    assert house.run(house.store.read(claims.owner, "marie.petit@ac-exemple.fr")) is None
    assert add(admin, "mpetit2", "Marie", "Petit", mail="marie@ac-exemple.fr") == Code.CONSTRAINT_VIOLATION
    assert add(admin, "mpetit2", "Marie", "Petit", mail="marie@ailleurs.example") == Code.CONSTRAINT_VIOLATION
    assert add(admin, "mpetit2", "Marie", "Petit", mail="postmaster@ac-exemple.fr") == Code.CONSTRAINT_VIOLATION
    assert house.run(house.directory.find("mpetit2")) is None
    assert add(admin, "mpetit2", "Marie", "Petit", acadAddress="marie2@ac-exemple.fr") == 0
    assert found(house, "mpetit2").address == "marie2@ac-exemple.fr"
    assert add(admin, "mpetit3", "Marie", "Petit", mail="mpetit3@ac-exemple.fr") == 0
    assert found(house, "mpetit3").address == "marie.petit@ac-exemple.fr"


def test_a_password_activates(house: Academy, admin: Any) -> None:
    assert add(admin, "mpetit", "Marie", "Petit", userPassword=PASSWORD) == 0
    assert found(house, "mpetit").state is State.ACTIVE
    assert house.client("mpetit", PASSWORD).bind()[0]
    hashed = Passwords().hash_now(Secret("Autre#2026x"))
    assert add(admin, "mgrand", "Marc", "Grand", userPassword="{ARGON2}" + hashed) == 0
    assert house.client(dn_of("mgrand"), "Autre#2026x").bind()[0]


@pytest.mark.parametrize(
    "value",
    [
        "{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
        "{ARGON2}$argon2i$v=19$m=19456,t=2,p=1$ZGVjb3kgb2Ygbm9ib2R5IQ$Fh8GWpkKQrbGcvLzAXkLrCOyDzTb3zT7JDNXHxZ1n8Q",
        "{ARGON2}$argon2id$v=19$m=999999,t=2,p=1$ZGVjb3kgb2Ygbm9ib2R5IQ$Fh8GWpkKQrbGcvLzAXkLrCOyDzTb3zT7JDNXHxZ1n8Q",
        "{ARGON2}nonsense",
        "x" * 1025,
        ["one", "two"],
    ],
)
def test_passwords_that_are_not_taken(house: Academy, admin: Any, value: Any) -> None:
    assert add(admin, "mpetit", "Marie", "Petit", userPassword=value) == Code.CONSTRAINT_VIOLATION
    assert house.run(house.directory.find("mpetit")) is None


def test_everything_that_an_entry_may_say(house: Academy, admin: Any) -> None:
    given: dict[str, list[Any]] = {
        "employeeType": ["teacher"],
        "acadUAI": [SCHOOL, "0210015C"],
        "acadFunction": ["ENS"],
        "acadDisciplineCode": ["L1300"],
        "acadClass": [f"{SCHOOL}$4B"],
        "supannCivilite": ["Mme"],
        "supannListeRouge": ["TRUE"],
        "telephoneNumber": ["+33 3 80 00 00 00"],
        "jpegPhoto": [b"\xff\xd8\xff\xe0 not text \x00"],
        "acadState": ["suspended"],
    }
    assert add(admin, "mpetit", "Marie", "Petit", **given) == 0
    _, _, response, _ = admin.search(dn_of("mpetit"), "(objectClass=*)", "BASE", attributes=["*"])
    held = response[0]["raw_attributes"]
    for name, values in given.items():
        octets = {value if isinstance(value, bytes) else value.encode() for value in values}
        assert set(held[name]) >= octets, name
    row = house.run(house.store.read(people.find, "mpetit"))
    assert row is not None
    ties = house.run(house.store.read(affiliations.of, [row.account_id]))[row.account_id]
    assert Affiliation(Tie.CLASS, "4B", SCHOOL) in ties
    assert Affiliation(Tie.SCHOOL, "0210015C", "0210015C") in ties


@pytest.mark.parametrize(
    "more",
    [
        {"employeeType": "magician"},
        {"o": "Somewhere"},
        {"cn": "Somebody\nElse"},
        {"displayName": "Somebody\u200bElse"},
        {"eduPersonAffiliation": "student", "employeeType": "teacher"},
        {"acadUAI": "021"},
        {"acadState": "active"},
        {"acadState": "happy"},
        {"supannCivilite": "Mlle"},
        {"employeeNumber": "77"},
        {"description": "21E2600123ABC"},
    ],
)
def test_nothing_is_left_out_silently(house: Academy, admin: Any, more: dict[str, str]) -> None:
    assert add(admin, "mpetit", "Marie", "Petit", **more) == Code.CONSTRAINT_VIOLATION
    assert house.run(house.directory.find("mpetit")) is None


# ---------------------------------------------------------------------------- modify


@pytest.fixture
def marie(house: Academy, admin: Any) -> Principal:
    assert add(admin, "mpetit", "Marie", "Petit", employeeType="teacher", acadUAI=SCHOOL, userPassword=PASSWORD) == 0
    return found(house, "mpetit")


def test_a_new_name_brings_a_new_address_and_keeps_the_old(house: Academy, admin: Any, marie: Principal) -> None:
    assert modify(admin, "mpetit", sn="Grand", cn="Marie Grand", displayName="Marie Grand") == (0, "")
    now = found(house, "mpetit")
    assert (now.login, now.name, now.address) == ("mpetit", "Marie Grand", "marie.grand@ac-exemple.fr")
    assert set(now.aliases) == {"marie.petit@ac-exemple.fr", "mpetit@ac-exemple.fr"}
    assert modify(admin, "mpetit", givenName="Maria") == (0, "")
    assert found(house, "mpetit").name == "Maria Grand"
    assert history(house, marie.account_id)[-1].action is Action.CHANGED


def test_aliases_are_claimed_and_retired(house: Academy, admin: Any, marie: Principal) -> None:
    assert modify(admin, "mpetit", mail=(MODIFY_ADD, ["m.petit@ac-exemple.fr"])) == (0, "")
    assert found(house, "m.petit@ac-exemple.fr").account_id == marie.account_id
    assert modify(admin, "mpetit", mail=(MODIFY_DELETE, ["m.petit@ac-exemple.fr"])) == (0, "")
    told = [str(event.detail) for event in history(house, found(house, "mpetit").account_id) if event.detail]
    assert [text for text in told if "petit@" in text][-2:] == [
        "address added: m.petit@ac-exemple.fr",
        "address removed: m.petit@ac-exemple.fr",
    ]
    assert house.run(house.directory.find("m.petit@ac-exemple.fr")) is None
    assert add(admin, "mautre", "Marc", "Autre", mail="m.petit@ac-exemple.fr") == Code.CONSTRAINT_VIOLATION
    assert modify(admin, "mpetit", mail=(MODIFY_ADD, ["m.petit@ac-exemple.fr"])) == (0, "")
    assert found(house, "m.petit@ac-exemple.fr").account_id == marie.account_id


def test_nobody_is_given_the_mail_of_others(house: Academy, admin: Any, marie: Principal) -> None:
    """What stands behind a + is the owner's, what is named after a school is the school's, postmaster is nobody's."""
    house.add("Emma", "Dupont")
    for local in ("edupont+notes", "mpetit+liste.x", "eleves.0210006t", "0210006t", "chorale-owner", "postmaster"):
        code, text = modify(admin, "mpetit", mail=(MODIFY_ADD, [f"{local}@ac-exemple.fr"]))
        assert (code, bool(text)) == (Code.CONSTRAINT_VIOLATION, True), local
    for login in ("postmaster", "abuse", "support", "eleves.0210006t"):
        assert add(admin, login, "Max", "Autre") == Code.CONSTRAINT_VIOLATION
        assert house.run(house.store.read(claims.owner, login)) is None


def test_places_are_schools(house: Academy, admin: Any, marie: Principal) -> None:
    for change in ({"acadClass": "nowhere$4B"}, {"acadPost": "x$function$ENS"}, {"acadGroup": "021$LATIN"}):
        assert modify(admin, "mpetit", **change)[0] == Code.CONSTRAINT_VIOLATION
    assert house.run(house.store.read(schools.get, "NOWHERE")) is None


def test_the_address_of_the_identifier_stays(admin: Any, marie: Principal) -> None:
    for change in (
        (MODIFY_DELETE, ["mpetit@ac-exemple.fr"]),
        (MODIFY_DELETE, []),
        (MODIFY_REPLACE, ["a@ac-exemple.fr"]),
    ):
        code, text = modify(admin, "mpetit", mail=change)
        assert code == Code.CONSTRAINT_VIOLATION
        assert text


def test_the_primary_address(house: Academy, admin: Any, marie: Principal) -> None:
    assert modify(admin, "mpetit", acadAddress="m.petit@ac-exemple.fr") == (0, "")
    now = found(house, "mpetit")
    assert now.address == "m.petit@ac-exemple.fr"
    assert set(now.aliases) == {"marie.petit@ac-exemple.fr", "mpetit@ac-exemple.fr"}
    assert modify(admin, "mpetit", mail=(MODIFY_DELETE, ["m.petit@ac-exemple.fr"])) == (0, "")
    assert found(house, "mpetit").address == "marie.petit@ac-exemple.fr"


def test_what_a_person_is(house: Academy, admin: Any, marie: Principal) -> None:
    assert (
        modify(
            admin,
            "mpetit",
            employeeType="secretariat",
            acadUAI=["0210015C"],
            acadFunction=["ADM"],
            acadClass=[f"{SCHOOL}$4B"],
            supannListeRouge="TRUE",
            supannCivilite="Mme",
        )[0]
        == Code.CONSTRAINT_VIOLATION
    )  # the class is in the school that is left
    assert modify(
        admin,
        "mpetit",
        employeeType="secretariat",
        acadUAI=["0210015C"],
        acadFunction=["ADM"],
        acadClass=["0210015C$4B"],
        supannListeRouge="TRUE",
        supannCivilite="Mme",
    ) == (0, "")
    now = found(house, "mpetit")
    assert (now.role, now.uai, now.title) == (Role.SECRETARIAT, "0210015C", "Mme")
    held = entry_of(admin, "mpetit")
    assert held["eduPersonPrimaryAffiliation"] == ["staff"]
    assert held["acadPost"] == ["$function$ADM"]
    assert modify(admin, "mpetit", acadFunction=(MODIFY_DELETE, ["ADM"]), acadClass=[]) == (0, "")
    assert "acadPost" not in entry_of(admin, "mpetit")
    assert modify(admin, "mpetit", acadUAI=(MODIFY_ADD, [SCHOOL])) == (0, "")
    assert entry_of(admin, "mpetit")["acadUAI"] == ["0210015C", SCHOOL]
    assert modify(admin, "mpetit", acadUAI=(MODIFY_DELETE, [SCHOOL])) == (0, "")
    assert entry_of(admin, "mpetit")["acadUAI"] == ["0210015C"]


def test_labels_of_the_export_survive(house: Academy, admin: Any, marie: Principal) -> None:
    ties = [Affiliation(Tie.CLASS, "4B", SCHOOL, "4e B"), Affiliation(Tie.FUNCTION, "ENS", "", "Enseignement")]
    house.run(house.store.write(affiliations.replace, marie.account_id, ties))
    assert modify(admin, "mpetit", acadClass=(MODIFY_ADD, [f"{SCHOOL}$3A"])) == (0, "")
    kept = house.run(house.store.read(affiliations.of, [marie.account_id]))[marie.account_id]
    assert {one.label for one in kept} == {"4e B", "Enseignement", ""}


def test_states(house: Academy, admin: Any, marie: Principal) -> None:
    assert modify(admin, "mpetit", acadState="suspended") == (0, "")
    assert not house.client("mpetit", PASSWORD).bind()[0]
    assert modify(admin, "mpetit", acadState="active") == (0, "")
    assert house.client("mpetit", PASSWORD).bind()[0]
    assert modify(admin, "mpetit", acadState="closed") == (0, "")
    assert modify(admin, "mpetit", acadState="suspended")[0] != 0
    assert modify(admin, "mpetit", acadState="active") == (0, "")
    for wrong in (["not-activated"], ["happy"], list[str]()):
        assert modify(admin, "mpetit", acadState=wrong)[0] == Code.CONSTRAINT_VIOLATION
    told = [event.action for event in history(house, marie.account_id) if event.actor == ADMINISTRATOR]
    assert told == [Action.CREATED, Action.SUSPENDED, Action.RESUMED, Action.CLOSED, Action.RESUMED]


def test_passwords(house: Academy, admin: Any, marie: Principal) -> None:
    assert modify(admin, "mpetit", userPassword=(MODIFY_ADD, ["x"]))[0] == Code.CONSTRAINT_VIOLATION
    assert modify(admin, "mpetit", userPassword="simple") == (0, "")
    assert house.client("mpetit", "simple").bind()[0]
    assert modify(admin, "mpetit", userPassword=(MODIFY_DELETE, ["wrong"]))[0] == Code.NO_SUCH_ATTRIBUTE
    result = admin.modify(
        dn_of("mpetit"), {"userPassword": [(MODIFY_DELETE, ["simple"]), (MODIFY_ADD, ["Other#2026"])]}
    )[1]
    assert result["result"] == 0
    assert house.client("mpetit", "Other#2026").bind()[0]
    assert not house.client("mpetit", "simple").bind()[0]
    assert modify(admin, "mpetit", userPassword=[]) == (0, "")
    assert found(house, "mpetit").state is State.PENDING
    assert modify(admin, "mpetit", userPassword=(MODIFY_DELETE, []))[0] == Code.NO_SUCH_ATTRIBUTE
    assert not house.client("mpetit", "Other#2026").bind()[0]


def test_a_new_password_ends_what_the_old_one_opened(house: Academy, admin: Any, marie: Principal) -> None:
    open_one = house.connect("mpetit", PASSWORD)
    assert modify(admin, "mpetit", userPassword="Other#2026") == (0, "")
    with pytest.raises(LDAPExceptionError):
        open_one.search(BASE, "(uid=mpetit)")


def test_one_modify_is_one_unit(house: Academy, admin: Any, marie: Principal) -> None:
    assert modify(admin, "mpetit", sn="Grand", mail=(MODIFY_ADD, ["x@elsewhere.example"]))[0] != 0
    assert found(house, "mpetit").surname == "Petit"
    assert house.run(house.store.read(claims.owner, "marie.grand@ac-exemple.fr")) is None
    assert [event.action for event in history(house, marie.account_id)] == [Action.CREATED]


def test_a_modify_that_changes_nothing(house: Academy, admin: Any, marie: Principal) -> None:
    assert modify(admin, "mpetit", sn="Petit", description=[]) == (0, "")
    assert [event.action for event in history(house, marie.account_id)] == [Action.CREATED]


# ---------------------------------------------------------------------------- rename, delete


def test_an_identifier_is_never_changed(admin: Any, marie: Principal) -> None:
    _, result, _, _ = admin.modify_dn(dn_of("mpetit"), "uid=mgrand")
    assert result["result"] == Code.UNWILLING_TO_PERFORM
    assert "for ever" in result["message"]
    assert admin.modify_dn(dn_of("mpetit"), "uid=MPetit")[1]["result"] == 0


def test_delete_closes_the_account(house: Academy, admin: Any, marie: Principal) -> None:
    assert admin.delete(dn_of("mpetit"))[1]["result"] == 0
    assert found(house, "mpetit").state is State.CLOSED
    assert not house.client("mpetit", PASSWORD).bind()[0]
    assert history(house, marie.account_id)[-1].action in (Action.CLOSED, Action.LOGIN_REFUSED)
    assert admin.delete(dn_of("mpetit"))[1]["result"] == Code.UNWILLING_TO_PERFORM
    assert modify(admin, "mpetit", userPassword="x")[0] == Code.UNWILLING_TO_PERFORM
    house.activate(house.add("Emma", "Dupont"))
    _, result, _, _ = house.connect("edupont", PASSWORD).search(dn_of("mpetit"), "(objectClass=*)", "BASE")
    assert result["result"] == Code.NO_SUCH_OBJECT


# ---------------------------------------------------------------------------- one's own entry


def test_what_people_change_of_themselves(house: Academy, admin: Any, marie: Principal) -> None:
    self: Any = house.connect("mpetit", PASSWORD)
    assert modify(self, "mpetit", telephoneNumber="+33 3 80", preferredLanguage="fr") == (0, "")
    assert entry_of(self, "mpetit")["telephoneNumber"] == ["+33 3 80"]
    assert history(house, marie.account_id)[-1].actor == "self"
    for name, value in (("sn", "Grand"), ("employeeType", "admin"), ("mail", []), ("acadState", "active")):
        assert modify(self, "mpetit", **{name: value})[0] == Code.INSUFFICIENT_ACCESS_RIGHTS or name == "acadState"
    assert modify(self, "mpetit", employeeType="admin", telephoneNumber="1")[0] == Code.INSUFFICIENT_ACCESS_RIGHTS
    assert modify(self, "mpetit", userPassword="Other#2026")[0] == Code.UNWILLING_TO_PERFORM
    assert self.delete(dn_of("mpetit"))[1]["result"] == Code.INSUFFICIENT_ACCESS_RIGHTS
    assert self.modify_dn(dn_of("mpetit"), "uid=x")[1]["result"] == Code.INSUFFICIENT_ACCESS_RIGHTS
    assert add(self, "mautre", "Marc", "Autre") == Code.INSUFFICIENT_ACCESS_RIGHTS
    for stranger in ("nobody", "edupont"):
        assert modify(self, stranger, telephoneNumber="1")[0] == Code.INSUFFICIENT_ACCESS_RIGHTS
    anonymous = house.client()
    assert anonymous.bind()[0]
    assert modify(anonymous, "mpetit", telephoneNumber="1")[0] == Code.INSUFFICIENT_ACCESS_RIGHTS


def test_pupils_are_minors(house: Academy, admin: Any) -> None:
    assert add(admin, "skaci", "Sarah", "Kaci", employeeType="pupil", userPassword=PASSWORD) == 0
    self = house.connect("skaci", PASSWORD)
    assert modify(self, "skaci", preferredLanguage="fr") == (0, "")
    assert modify(self, "skaci", telephoneNumber="1")[0] == Code.INSUFFICIENT_ACCESS_RIGHTS


# ---------------------------------------------------------------------------- password modify (RFC 3062)


def test_ones_own_password(house: Academy, marie: Principal) -> None:
    self = house.connect("mpetit", PASSWORD)
    assert self.extended(messages.PASSWORD_MODIFY)[1]["result"] == Code.UNWILLING_TO_PERFORM
    _, result, _, _ = password_modify_raw(self, old="wrong", new="Zebre%Vole88")
    assert result["result"] == Code.INVALID_CREDENTIALS
    _, result, _, _ = password_modify_raw(self, old=PASSWORD, new="weak")
    assert result["result"] == Code.CONSTRAINT_VIOLATION
    assert "8 caract" in result["message"]
    _, result, _, _ = password_modify_raw(self, user=dn_of("mpetit"), old=PASSWORD, new="Zqx%Vlt88kP")
    assert result["result"] == 0, result
    assert self.extend.standard.who_am_i() is not None
    assert house.client("mpetit", "Zqx%Vlt88kP").bind()[0]
    assert not house.client("mpetit", PASSWORD).bind()[0]


def test_a_password_that_the_server_makes(house: Academy, marie: Principal) -> None:
    self = house.connect("mpetit", PASSWORD)
    _, result, _, _ = password_modify_raw(self, old=PASSWORD)
    made = generated(result)
    assert len(made) == 16
    assert house.client("mpetit", made).bind()[0]
    admin = house.connect()
    _, result, _, _ = password_modify_raw(admin, user="mpetit@ac-exemple.fr")
    assert house.client("mpetit", generated(result)).bind()[0]
    root = admin.search("", "(objectClass=*)", "BASE", attributes=["supportedExtension"])[2][0]
    assert messages.PASSWORD_MODIFY in root["attributes"]["supportedExtension"]


def test_the_administrator_sets_anybodys(house: Academy, admin: Any, marie: Principal) -> None:
    for wanted, code in (
        ({"user": dn_of("mpetit"), "new": "simple"}, 0),
        ({"user": "mpetit", "old": "simple", "new": "simple2"}, 0),
        ({"user": "mpetit", "old": "simple", "new": "x"}, Code.INVALID_CREDENTIALS),
        ({"user": "nobody", "new": "x"}, Code.NO_SUCH_OBJECT),
        ({"user": f"cn=admin,{BASE}", "new": "x"}, Code.UNWILLING_TO_PERFORM),
        ({"new": "x"}, Code.UNWILLING_TO_PERFORM),
        ({"user": "uid=,,", "new": "x"}, Code.INVALID_DN_SYNTAX),
        ({"user": "mpetit", "new": ""}, Code.CONSTRAINT_VIOLATION),
    ):
        assert password_modify_raw(admin, **wanted)[1]["result"] == code, wanted
    assert house.client("mpetit", "simple2").bind()[0]
    event = next(one for one in history(house, marie.account_id) if one.action is Action.PASSWORD_SET)
    assert (event.actor, event.service, event.peer) == (ADMINISTRATOR, "ldap", "127.0.0.1")
    _, result, _, _ = admin.extended(messages.PASSWORD_MODIFY, b"nonsense", no_encode=True)
    assert result["result"] == Code.PROTOCOL_ERROR


def password_modify_raw(connection: Any, user: str = "", old: str | None = None, new: str | None = None) -> Any:
    parts = [ber.octets(user, 0x80)] if user else []
    parts += [ber.octets(old, 0x81)] if old is not None else []
    parts += [ber.octets(new, 0x82)] if new is not None else []
    return connection.extended(messages.PASSWORD_MODIFY, ber.sequence(parts), no_encode=True)


def generated(result: dict[str, Any]) -> str:
    assert result["result"] == 0, result
    return ber.Reader(result["responseValue"]).inside().text(0x80)
