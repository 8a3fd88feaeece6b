"""People are told in time, in both languages, once, and nothing secret."""

import pytest

from directory.lists import rosters
from directory.lists.rosters import ListChange, NewList
from mailserver.background.housekeeping.notices import WELCOMES
from mailserver.background.housekeeping.states import ORIGIN
from mailserver.model.identity import NewPerson, Principal, Role, State
from mailserver.store.account import accounts, stored_preferences
from mailserver.store.people.mailing_lists import outside_members
from mailserver.store.queue import list_posts
from mailserver.store.queue.spool import Options
from mailserver.store.record.audit import Action
from tests.background.conftest import DAY, PRIVATE, House, text_of


async def test_creation_notice_goes_to_the_private_address(house: House) -> None:
    person = await house.person(activated=False, recovery_address=PRIVATE, numen="21E2600123ABC")
    await house.round()
    ((to, notice),) = await house.outgoing()
    assert to == notice["To"].split("<")[-1].strip(">") == PRIVATE
    assert notice["Auto-Submitted"] == "auto-generated"
    assert notice["From"].endswith("<postmaster@ac-exemple.fr>")
    assert notice["Subject"] == "Votre messagerie académique / Your academic mail" or "=?" in notice["Subject"]
    text = text_of(notice)
    for needed in (
        "Identifiant : edupont",
        "Identifier: edupont",
        "emilie.dupont@ac-exemple.fr",
        house.settings.public_url,
        "votre NUMEN",
        "your NUMEN",
        "Contactez le 03 80 00 00 00.",
        "Call le 03 80 00 00 00.",
    ):
        assert needed in text
    assert "21E2600123ABC" not in text
    assert text.index("Bonjour") < text.index("Hello")
    await house.round(DAY)
    assert len(await house.outgoing()) == 1
    assert Action.WELCOMED in [event.action for event in await house.history(person)]


async def test_who_is_not_told(house: House) -> None:
    """Nobody without a private address, nobody who has activated already, nobody who left before."""
    await house.person(activated=False)
    await house.person(surname="Martin", recovery_address=PRIVATE)
    gone = await house.person(surname="Petit", activated=False, recovery_address=PRIVATE)
    await house.store.write(accounts.close, gone.account_id, "")
    await house.round()
    assert await house.outgoing() == []


async def test_a_pupil_is_not_asked_for_a_numen(house: House) -> None:
    await house.worker.directory.add(NewPerson("Lina", "Petit", Role.PUPIL, recovery_address=PRIVATE))
    await house.round()
    ((_, notice),) = await house.outgoing()
    assert "NUMEN" not in text_of(notice)


async def test_an_import_of_thousands_does_not_flood(house: House) -> None:
    for number in range(WELCOMES + 3):
        await house.person(surname=f"Dupont{chr(97 + number)}", activated=False, recovery_address=PRIVATE)
    await house.round()
    assert len(await house.outgoing()) == WELCOMES
    await house.round()
    assert len(await house.outgoing()) == WELCOMES + 3


async def test_an_address_that_takes_nothing_stops_nobody(house: House) -> None:
    await house.person(activated=False, recovery_address="personne@ac-exemple.fr")
    await house.person(surname="Martin", activated=False, recovery_address=PRIVATE)
    await house.round()
    assert [to for to, _ in await house.outgoing()] == [PRIVATE]


async def test_a_private_address_in_our_own_domain(house: House) -> None:
    colleague = await house.person(surname="Martin")
    await house.person(activated=False, recovery_address=colleague.address)
    await house.round()
    (notice,) = await house.inbox(colleague)
    assert "edupont" in text_of(notice)


async def test_closing_notices_thirty_and_ten_days_before(house: House) -> None:
    person = await house.person(recovery_address=PRIVATE)
    close_at = int(house.clock.now()) + 40 * DAY
    await house.accounts.plan_closing("edupont", close_at, "retraite")
    await house.round(9 * DAY)
    assert await house.inbox(person) == []
    await house.round(DAY)
    (notice,) = await house.inbox(person)
    text = text_of(notice)
    assert "sera fermé" in text
    assert "will be closed" in text
    assert "/compte/export" in text
    assert "retraite" not in text, "the reason is the administration's"
    assert [to for to, _ in await house.outgoing()] == [PRIVATE]
    await house.round(10 * DAY)
    assert len(await house.inbox(person)) == 1
    await house.round(10 * DAY)
    assert len(await house.inbox(person)) == len(await house.outgoing()) == 2
    await house.round(9 * DAY)
    assert len(await house.inbox(person)) == 2
    await house.round(DAY)
    assert (await house.standing(person)).state is State.CLOSED


async def test_notices_missed_while_the_service_was_down_are_one(house: House) -> None:
    person = await house.person()
    await house.accounts.plan_closing("edupont", int(house.clock.now()) + 40 * DAY, "")
    await house.round(35 * DAY)
    await house.round()
    assert len(await house.inbox(person)) == 1


async def test_another_day_begins_the_notices_anew(house: House) -> None:
    person = await house.person()
    now = int(house.clock.now())
    await house.accounts.plan_closing("edupont", now + 20 * DAY, "")
    await house.round()
    await house.accounts.plan_closing("edupont", now + 28 * DAY, "")
    await house.round()
    assert len(await house.inbox(person)) == 2
    await house.accounts.cancel_closing("edupont")
    await house.round(19 * DAY)
    assert len(await house.inbox(person)) == 2


async def test_renewal_notices(house: House) -> None:
    """Thirty, seven and one day before a password has to be renewed."""
    person = await house.person(recovery_address=PRIVATE)
    await house.round(330 * DAY)
    assert await house.inbox(person) == []
    await house.round(6 * DAY)
    (notice,) = await house.inbox(person)
    assert "/" in notice["Subject"] or "=?" in notice["Subject"]
    await house.round(DAY)
    assert len(await house.inbox(person)) == 1
    await house.round(22 * DAY)
    await house.round(5 * DAY)
    assert len(await house.inbox(person)) == 3
    await house.round(30 * DAY)
    assert len(await house.inbox(person)) == 3


async def test_a_person_who_cannot_be_told_keeps_nobody_else_untold(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a password to renew: what nobody foresaw about one entry concerns nobody else."""
    first, second = await house.person(), await house.person("Marc", "Martin")
    directory = house.worker.directory
    by_account = directory.by_account

    async def all_but_one(account_id: int) -> Principal | None:
        if account_id == first.account_id:
            raise ValueError("what nobody foresaw")
        return await by_account(account_id)

    monkeypatch.setattr(directory, "by_account", all_but_one)
    await house.round(336 * DAY)
    assert len(await house.inbox(second)) == 1


@pytest.mark.parametrize(
    ("chosen", "said", "unsaid"),
    [
        ({"language": "en"}, "renewed", "renouveler"),
        ({"language": "fr", "spoken": "en"}, "renouveler", "renewed"),
        ({"spoken": "en"}, "renewed", "renouveler"),
    ],
)
async def test_a_notice_speaks_its_reader_s_language(
    house: House, chosen: dict[str, object], said: str, unsaid: str
) -> None:
    """The one that was chosen, else that of the pages at the last login; at both of one's addresses."""
    person = await house.person(recovery_address=PRIVATE)
    await house.store.write(stored_preferences.revise_preferences, person.account_id, chosen)
    await house.round(336 * DAY)
    told = [*await house.inbox(person), *(notice for _, notice in await house.outgoing())]
    assert len(told) == 2
    for notice in told:
        text = text_of(notice)
        assert said in text
        assert unsaid not in text
        assert "----------" not in text


async def test_owners_are_told_two_weeks_before_their_list_ends(house: House) -> None:
    """Once for each end, all of them, and nobody when it goes on."""
    owners = [await house.person(), await house.person(surname="Martin")]
    ends = int(house.clock.now()) + 30 * DAY
    wanted = NewList("voyage@ac-exemple.fr", "Voyage à Rome", owners=tuple(one.address for one in owners), ends=ends)
    where = rosters.ListSettings.of(house.settings)
    await house.store.write(rosters.make, where, wanted, ORIGIN)
    await house.round(15 * DAY)
    assert await house.inbox(owners[0]) == []
    await house.round(2 * DAY)
    for owner in owners:
        (notice,) = await house.inbox(owner)
        text = text_of(notice)
        assert "Voyage à Rome <voyage@ac-exemple.fr>" in text
        assert "/m/liste/voyage%40ac-exemple.fr" in text
        assert "jusqu'au" in text
        assert "that day included" in text
    await house.round(DAY)
    assert len(await house.inbox(owners[0])) == 1
    later = ListChange(ends=ends + 20 * DAY)
    await house.store.write(rosters.change, where, wanted.address, later, ORIGIN)
    await house.round(2 * DAY)
    assert len(await house.inbox(owners[0])) == 1
    await house.round(18 * DAY)
    assert len(await house.inbox(owners[0])) == 2


async def test_owners_are_told_once_of_members_outside_who_get_nothing_any_more(house: House) -> None:
    """Not of who left by themselves; and what is old is forgotten, but for who left."""
    owner = await house.person()
    list_, members = "chorale@ac-exemple.fr", ("amie@ailleurs.fr", "ami@ailleurs.fr", "partie@ailleurs.fr")
    wanted = NewList(list_, "Chorale", owners=(owner.address,), members=members)
    write, read = house.store.write, house.store.read
    await write(rosters.make, rosters.ListSettings.of(house.settings), wanted, ORIGIN)
    numbers = await write(outside_members.ids, list_, [*members, "ancien@ailleurs.fr"])
    bounds = outside_members.Bounds(1, 30, 21)
    await write(outside_members.leave, numbers["partie@ailleurs.fr"])
    for member in members[:2]:
        await write(outside_members.bounce, numbers[member], bounds, hard=True, status="5.1.1", said="550 No")
    posted = list_posts.Posted(list_, "A", owner.account_id, "Émilie", "Sortie", 3)
    await write(list_posts.record, posted, 0, lambda _: "", lifetime=1, options=Options())
    await house.round(DAY)
    (notice,) = await house.inbox(owner)
    text = text_of(notice)
    for shown in (*members[:2], "/m/liste/chorale%40ac-exemple.fr/messages", "sends nothing to them any more"):
        assert shown in text
    assert "partie@" not in text
    assert await read(outside_members.get, numbers["ancien@ailleurs.fr"]) is None
    assert len(await read(list_posts.posts, list_, 10)) == 1
    await house.round(31 * DAY)
    assert len(await house.inbox(owner)) == 1
    assert await read(list_posts.posts, list_, 10) == []
    assert await read(outside_members.ended, list_, members) == set(members)
