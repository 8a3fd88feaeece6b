"""Updates as units of the store, without a network: the same on both engines, all or nothing, and bounded in time."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import pytest

from directory.entries.tree import Tree, load_extra
from directory.issuing.hashing import Passwords
from directory.people.embedded import EmbeddedDirectory
from directory.server.controls import Wishes
from directory.server.faults import Fault
from directory.server.reading.entries import Viewer
from directory.server.updating import Updater
from directory.server.wire.messages import Code, Request, Tag
from directory.server.wire.updates import Add, Delete, Edit, Modification, Modify, Rename, Update
from directory.server.writing.units import Asked
from mailserver.foundation.settings import Settings
from mailserver.model.identity import Affiliation, NewPerson, Role, Tie
from mailserver.store.engine.statements import Tx
from mailserver.store.engine.transactions import Store
from mailserver.store.people import affiliations, bulk_people, contacts, people
from mailserver.store.people.mailing_lists import lists
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.schema.people.entries import person
from tests.directory.server.door import ADMIN, BASE, SCHOOL
from tests.store.test_moments import behind
from tests.waiting import PATIENCE

PEOPLE, GROUPS, SCHOOLS = (f"ou={name},{BASE}" for name in ("people", "groups", "structures"))
TAGS = {Add: Tag.ADD, Modify: Tag.MODIFY, Rename: Tag.MODIFY_DN, Delete: Tag.DELETE}
ORIGIN = Origin("cn=admin", "ldap", "192.0.2.1")


class House:
    """An updater over a store."""

    def __init__(self, store: Store, settings: Settings, directory: EmbeddedDirectory) -> None:
        self.store = store
        self.directory = directory
        self.updater = Updater(Tree(BASE, settings.domain), store, settings, directory.passwords)

    async def run(self, update: Update) -> Code:
        try:
            await self.updater.run(Request(1, TAGS[type(update)], update), update, Viewer(ADMIN, None, True), ORIGIN)
        except Fault as fault:
            return fault.code
        return Code.SUCCESS

    async def person(self, given_name: str, surname: str, **more: object) -> int:
        principal = await self.directory.add(NewPerson(given_name, surname, Role.TEACHER, **more))  # type: ignore[arg-type]
        return principal.account_id


@pytest.fixture
def house(store: Store, settings: Settings, embedded: EmbeddedDirectory) -> House:
    return House(store, settings, embedded)


def add(dn: str, attributes: Mapping[str, Sequence[str]]) -> Add:
    return Add(dn, tuple((name, tuple(value.encode() for value in values)) for name, values in attributes.items()))


def modify(dn: str, *changes: tuple[Edit, str, Sequence[str]]) -> Modify:
    wanted = (Modification(edit, name, tuple(value.encode() for value in values)) for edit, name, values in changes)
    return Modify(dn, tuple(wanted))


MARIE = f"uid=mpetit,{PEOPLE}"
PERSON = {
    "objectClass": ["inetOrgPerson", "acadPerson"],
    "cn": ["Marie Petit"],
    "sn": ["Petit"],
    "givenName": ["Marie"],
    "employeeType": ["teacher"],
    "acadUAI": [SCHOOL],
    "acadClass": [f"{SCHOOL}$4B"],
    "telephoneNumber": ["+33 3 80"],
}


async def test_the_life_of_a_person(house: House) -> None:
    assert await house.run(add(MARIE, PERSON)) is Code.SUCCESS
    assert await house.run(modify(MARIE, (Edit.REPLACE, "sn", ["Grand"]))) is Code.SUCCESS
    assert await house.run(modify(MARIE, (Edit.ADD, "mail", ["m@ac-exemple.fr"]))) is Code.SUCCESS
    assert await house.run(modify(MARIE, (Edit.DELETE, "mail", ["marie.petit@ac-exemple.fr"]))) is Code.SUCCESS
    assert await house.run(modify(MARIE, (Edit.REPLACE, "userPassword", ["simple"]))) is Code.SUCCESS
    assert await house.run(modify(MARIE, (Edit.REPLACE, "acadState", ["suspended"]))) is Code.SUCCESS
    row = await house.store.read(people.find, "mpetit")
    assert row is not None
    assert (row.address, row.aliases) == ("marie.grand@ac-exemple.fr", ("mpetit@ac-exemple.fr", "m@ac-exemple.fr"))
    assert await house.run(Delete(MARIE)) is Code.SUCCESS
    assert await house.run(add(MARIE, PERSON)) is Code.ENTRY_ALREADY_EXISTS
    events = await house.store.read(audit.history, row.account_id)
    assert {(event.actor, event.service, event.peer) for event in events} == {("cn=admin", "ldap", "192.0.2.1")}
    assert events[0].action is Action.CLOSED


async def test_a_day_on_which_an_account_closes(house: House) -> None:
    assert await house.run(add(MARIE, PERSON)) is Code.SUCCESS
    assert await house.run(modify(MARIE, (Edit.ADD, "schacExpiryDate", ["20300701000000Z"]))) is not Code.SUCCESS
    expiring = {**PERSON, "objectClass": [*PERSON["objectClass"], "schacEntryMetadata"]}
    other = add(f"uid=mautre,{PEOPLE}", {**expiring, "schacExpiryDate": ["20300701020000+0200"]})
    assert await house.run(other) is Code.SUCCESS
    known = (await house.store.read(bulk_people.by_logins, ["mautre"]))["mautre"]
    assert known.close_at == 1_909_094_400
    past = modify(f"uid=mautre,{PEOPLE}", (Edit.REPLACE, "schacExpiryDate", ["20200701000000Z"]))
    assert await house.run(past) is Code.CONSTRAINT_VIOLATION
    later = modify(f"uid=mautre,{PEOPLE}", (Edit.REPLACE, "schacExpiryDate", ["20310701000000Z"]))
    assert await house.run(later) is Code.SUCCESS


async def test_contacts_lists_schools_and_terms(house: House) -> None:
    zoe, roster, school = f"cn=Zoé,{PEOPLE}", f"cn=profs,{GROUPS}", f"ou={SCHOOL},{SCHOOLS}"
    account_id = await house.person("Marie", "Petit", uai=SCHOOL, affiliations=(Affiliation(Tie.CLASS, "4B", SCHOOL),))
    for update in (
        add(zoe, {"objectClass": ["inetOrgPerson"], "sn": ["Martin"]}),
        Rename(zoe, "cn=Léa", True, None),
        modify(f"cn=Léa,{PEOPLE}", (Edit.ADD, "mail", ["lea@ailleurs.example"])),
        add(roster, {"objectClass": ["groupOfNames", "acadList"], "mail": ["profs@ac-exemple.fr"], "member": [MARIE]}),
        Rename(roster, "cn=enseignants", True, None),
        modify(f"cn=enseignants,{GROUPS}", (Edit.ADD, "acadMemberAddress", ["x@ailleurs.example"])),
        Rename(f"acadClass={SCHOOL}$4B,{school}", f"acadClass={SCHOOL}$4C", True, None),
        Rename(school, "ou=0210015C", True, None),
        modify(f"acadClass=0210015C$4C,ou=0210015C,{SCHOOLS}", (Edit.REPLACE, "description", ["4e C"])),
    ):
        assert await house.run(update) is Code.SUCCESS, update
    assert await house.run(Delete(f"ou=0210015C,{SCHOOLS}")) is Code.NOT_ALLOWED_ON_NON_LEAF
    assert await house.store.read(contacts.stands, "cn=léa,ou=people")
    assert len(await house.store.read(lists.members, "enseignants@ac-exemple.fr")) == 2
    (tie,) = (await house.store.read(affiliations.of, [account_id]))[account_id]
    assert tie == Affiliation(Tie.CLASS, "4C", "0210015C", "4e C")
    for gone in (f"cn=Léa,{PEOPLE}", f"cn=enseignants,{GROUPS}"):
        assert await house.run(Delete(gone)) is Code.SUCCESS


async def test_a_unit_that_breaks_leaves_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(tx: Tx, *_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(audit, "record", broken)
    with pytest.raises(ZeroDivisionError):
        await house.run(add(MARIE, PERSON))
    assert await house.store.read(lambda tx: tx.execute(person.select()).fetchall()) == []


async def test_a_list_of_thousands(house: House) -> None:
    """Members are looked up together: the writer is not held for minutes."""
    crowd = 1500
    roster = f"cn=tous,{GROUPS}"
    members = [f"m{number}@ailleurs.example" for number in range(crowd)]
    given = {
        "objectClass": ["organizationalRole", "acadList"],
        "mail": ["tous@ac-exemple.fr"],
        "acadMemberAddress": members,
    }
    async with asyncio.timeout(PATIENCE):
        assert await house.run(add(roster, given)) is Code.SUCCESS
        assert await house.run(modify(roster, (Edit.ADD, "acadMemberAddress", ["one@more.example"]))) is Code.SUCCESS
    assert len(await house.store.read(lists.members, "tous@ac-exemple.fr")) == crowd + 1


async def test_what_two_write_at_once_stands_both(house: House, make_store: Callable[[], Store]) -> None:
    """Each writes the entry as it has read it, with what it adds."""
    contact = f"cn=Garage,{PEOPLE}"
    await house.run(add(contact, {"objectClass": ["inetOrgPerson"], "cn": ["Garage"], "sn": ["Garage"]}))
    await house.run(add(MARIE, PERSON))

    def adding(dn: str, attribute: str, value: str) -> Callable[[Tx], object]:
        asked, update = Asked(Viewer(ADMIN, None, True), Wishes()), modify(dn, (Edit.ADD, attribute, [value]))
        return lambda tx: house.updater._modify(tx, ORIGIN, asked, update, None)

    for dn in (contact, MARIE):
        behind(make_store, adding(dn, "mobile", "+33 6 01"), adding(dn, "description", "le soir"))
    found = await house.store.read(contacts.get, "cn=garage,ou=people")
    assert found is not None
    assert (found.attributes["mobile"], found.attributes["description"]) == (("+33 6 01",), ("le soir",))
    person = await house.store.read(people.find, "mpetit")
    assert person is not None
    assert {"mobile", "description"} <= load_extra(person.extra).keys()


async def test_hashing_is_done_before_the_unit(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one writer never waits for argon2."""
    inside: list[bool] = []
    write = house.store.write

    async def watched(*args: object, **kwargs: object) -> object:
        inside.append(True)
        try:
            return await write(*args, **kwargs)  # type: ignore[arg-type]
        finally:
            inside.pop()

    hashing = Passwords.hash_now

    def hashed(self: Passwords, secret: object) -> str:
        assert not inside
        return hashing(self, secret)  # type: ignore[arg-type]

    monkeypatch.setattr(house.store, "write", watched)
    monkeypatch.setattr(Passwords, "hash_now", hashed)
    assert await house.run(add(MARIE, {**PERSON, "userPassword": ["simple"]})) is Code.SUCCESS
    assert await house.run(modify(MARIE, (Edit.REPLACE, "userPassword", ["other"]))) is Code.SUCCESS
