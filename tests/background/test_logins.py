"""Owners are told of logins that may have been somebody else's: once, and of nothing that is usual."""

from collections.abc import Iterable

from sqlalchemy import delete

from mailserver.model.credentials.sasl import Secret
from mailserver.model.identity import Principal
from mailserver.store.account import login_places
from mailserver.store.engine.transactions import Tx
from mailserver.store.record.audit import Action
from mailserver.store.schema.account.logins import login_place
from tests.background.conftest import DAY, PASSWORD, PRIVATE, House, text_of

SCHOOL, HOME, PHONE, AFAR = "192.0.2.10", "198.51.100.7", "203.0.113.9", "100.64.9.9"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"
EDGE = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0"


async def enter(house: House, person: Principal, peer: str, service: str = "imap", agent: str = "") -> None:
    await house.worker.login.login(person.login, Secret(PASSWORD), peer, service, agent)


async def told(house: House, person: Principal) -> list[str]:
    """The notices in the mailbox."""
    return [text_of(one) for one in await house.inbox(person) if "inhabituelle" in str(one["Subject"])]


async def weeks_at(house: House, people: Iterable[Principal], *peers: str) -> None:
    """They come from these networks, and again nine days later."""
    for person in people:
        for peer in peers:
            await enter(house, person, peer)
    house.clock.step(9 * DAY)
    for person in people:
        for peer in peers:
            await enter(house, person, peer)


async def test_a_strange_network_is_told_once_a_day(house: House) -> None:
    person = await house.person(recovery_address=PRIVATE)
    await enter(house, person, SCHOOL)
    await house.round()
    assert await told(house, person) == [], "the first login of an account"
    house.clock.step(DAY)
    await enter(house, person, SCHOOL)
    await enter(house, person, AFAR)
    await enter(house, person, HOME)
    await house.round()
    (text,) = await told(house, person)
    assert "d’un réseau nouveau, quelques minutes après un autre" in text
    assert "from a new network, minutes after another" in text
    assert AFAR in text
    assert f"{house.settings.public_url}/compte/sessions" in text
    assert PRIVATE in [to for to, _ in await house.outgoing()]
    await house.another().housekeeper.round()
    await house.round()
    assert len(await told(house, person)) == 1
    assert [event.action for event in await house.history(person)].count(Action.NOTIFIED) == 1
    await enter(house, person, AFAR)
    await house.round(DAY)
    assert len(await told(house, person)) == 1, "it is known by now"
    house.clock.step(DAY)
    await enter(house, person, "8.8.8.8")
    await house.round()
    assert len(await told(house, person)) == 2


async def test_a_teacher_with_a_telephone_is_left_alone(house: House) -> None:
    """The operator's networks change every day; colleagues of the school are in the same block."""
    colleagues = [await house.person(surname=f"Collegue{letter}") for letter in "abc"]
    await weeks_at(house, colleagues, SCHOOL, PHONE)
    teacher = await house.person(surname="Mobile")
    await enter(house, teacher, SCHOOL)
    for number in range(4):
        house.clock.step(DAY)
        await enter(house, teacher, f"203.0.{number}.5")
        await enter(house, teacher, SCHOOL)
    await house.round()
    assert await told(house, teacher) == []
    await enter(house, teacher, AFAR)
    await house.round()
    assert len(await told(house, teacher)) == 1


async def test_a_thief_of_several_accounts_makes_no_network_usual(house: House) -> None:
    victims = [await house.person(surname=f"Victime{letter}") for letter in "abcde"]
    await weeks_at(house, victims, SCHOOL)
    for victim in victims:
        await enter(house, victim, AFAR)
    await house.round()
    assert [len(await told(house, victim)) for victim in victims] == [1] * 5


async def test_a_kind_of_program_that_is_new(house: House) -> None:
    person = await house.person()
    for agent in (FIREFOX, FIREFOX.replace("140", "141")):
        await enter(house, person, SCHOOL, "web", agent)
    await house.round()
    assert await told(house, person) == []
    await enter(house, person, SCHOOL, "web", EDGE)
    await house.round()
    (text,) = await told(house, person)
    assert "Edge Windows" in text
    assert "avec un nouveau genre de programme" in text
    for service in ("dav", "ldap", "submission"):
        house.clock.step(DAY + 1)
        await enter(house, person, SCHOOL, service)
    await house.round()
    found = await house.store.read(login_places.last_unusual, person.account_id, 0)
    assert found is not None
    assert found.program == "mail"


async def test_what_is_on_record_is_the_past_of_an_account(house: House) -> None:
    """After an upgrade nobody is told of where they have always been."""
    person = await house.person()
    await enter(house, person, SCHOOL)
    await enter(house, person, HOME, "web", FIREFOX)

    def upgraded(tx: Tx) -> None:
        tx.execute(delete(login_place))

    house.clock.step(DAY + 1)
    await house.store.write(upgraded)
    await house.round()
    before = len(await told(house, person))
    for peer, service, agent in ((HOME, "imap", ""), (SCHOOL, "web", EDGE)):
        await enter(house, person, peer, service, agent)
    await house.round()
    assert len(await told(house, person)) == before
    await enter(house, person, AFAR)
    await house.round()
    assert len(await told(house, person)) == before + 1


async def test_places_of_one_account_are_bounded(house: House) -> None:
    person = await house.person()

    def many(tx: Tx) -> None:
        for number in range(login_places.MAX_PLACES):
            row = {"account_id": person.account_id, "kind": 1, "name": f"10.{number // 250}.{number % 250}.0/24"}
            tx.insert_ignore(login_place, {**row, "first": number, "last": tx.now - 1000 + number})

    await house.store.write(many)
    await enter(house, person, SCHOOL)
    places = await house.store.read(login_places.known, person.account_id)
    assert len(places) <= login_places.MAX_PLACES + 2
    assert "192.0.2.0/24" in {one.name for one in places}
