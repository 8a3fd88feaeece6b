"""Who has messages in a list's archive is told by mail that it was opened to more people: once, and in time."""

import pytest

from directory.lists import rosters
from directory.lists.rosters import ListChange, NewList
from mailserver.background.housekeeping import archive_openings as telling
from mailserver.background.housekeeping.states import ORIGIN
from mailserver.delivery import Envelope
from mailserver.model.clock import DAY, HOUR
from mailserver.model.identity import Archive, Principal
from mailserver.model.messages.provenance import Door
from mailserver.model.rules import Sender
from mailserver.store.record.audit import Action
from tests.background.conftest import House, text_of

LIST = "chorale@ac-exemple.fr"


async def change(house: House, **values: object) -> None:
    wanted = ListChange(**values)  # type: ignore[arg-type]
    await house.store.write(rosters.change, rosters.ListSettings.of(house.settings), LIST, wanted, ORIGIN)


async def post(house: House, author: Principal, subject: str) -> None:
    sender = Sender.person(author)
    recipient = await house.worker.delivery.resolve(LIST, sender=sender)
    octets = f"From: {author.address}\r\nTo: {LIST}\r\nSubject: {subject}\r\n\r\nTexte\r\n".encode()
    envelope = Envelope(author.address, (recipient,), sender, name=subject, door=Door.SUBMISSION)
    await house.worker.delivery.deliver(envelope, octets)


async def told(house: House, person: Principal) -> list[str]:
    return [text_of(one) for one in await house.inbox(person) if "postmaster@" in str(one["From"])]


@pytest.fixture
async def people(house: House) -> list[Principal]:
    """An owner and two members of a list whose archive its owners alone read."""
    made = [await house.person(name, "Dupont") for name in ("Rose", "Paul", "Marie")]
    wanted = NewList(LIST, owners=(made[0].address,), members=tuple(one.address for one in made))
    await house.store.write(rosters.make, rosters.ListSettings.of(house.settings), wanted, ORIGIN)
    await change(house, archive=Archive.OWNERS)
    return made


async def test_who_has_messages_in_it_is_told_once(
    house: House, people: list[Principal], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "TOLD", 1)
    _, paul, marie = people
    for number in range(2):
        await post(house, paul, f"Concert{number}")
    await change(house, archive=Archive.ACADEMY, older=True)
    await house.round()
    assert await told(house, paul) == [], "whoever opened it may think better of it"
    await house.round(HOUR)
    for _ in range(3):
        await house.round()
    (notice,) = await told(house, paul)
    assert "toute l'académie lit les archives de la liste, messages d'avant compris (2)" in notice
    assert "Vos messages qui y sont : 2." in notice
    assert notice.index("Bonjour") < notice.index("chorale-owner@ac-exemple.fr")
    assert f"/archives/{LIST.replace('@', '%40')}" in notice
    assert await told(house, marie) == [], "who has none in it loses nothing"
    assert [one.action for one in await house.history(paul)].count(Action.NOTIFIED) == 1
    await post(house, marie, "Merci")
    await house.round(2 * DAY)
    assert len(await told(house, paul)) == 1
    assert await told(house, marie) == [], "who wrote later knew"


async def test_everybody_has_their_turn_and_whoever_goes_on_begins_where_it_ended(
    house: House, people: list[Principal], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "TOLD", 1)
    for person in people:
        await post(house, person, person.login)
    await change(house, archive=Archive.MEMBERS, older=True)
    await house.round(HOUR)
    other = house.another()
    house.clock.step(DAY)
    for _ in range(4):
        await other.housekeeper.round()
        house.clock.step(4)
    assert [len(await told(house, one)) for one in people] == [1, 1, 1]


async def test_what_was_closed_again_is_told_to_nobody_and_no_list_tells_twice_a_day(
    house: House, people: list[Principal]
) -> None:
    _, paul, _ = people
    await post(house, paul, "Concert")
    await change(house, archive=Archive.ACADEMY, older=True)
    await change(house, archive=Archive.OWNERS)
    await house.round(HOUR)
    assert await told(house, paul) == []
    await change(house, archive=Archive.MEMBERS, older=True)
    await house.round(HOUR)
    await change(house, archive=Archive.ACADEMY, older=True)
    await house.round(2 * HOUR)
    assert len(await told(house, paul)) == 1
    await house.round(DAY)
    assert len(await told(house, paul)) == 2
