"""Planned suspensions and closings come true on their day, once, whoever looks."""

import asyncio

import pytest

from directory.people import lifecycle
from mailserver.background.housekeeping import states
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import State
from mailserver.store.account import accounts
from mailserver.store.record.audit import Action
from mailserver.store.upkeep import caretaking
from tests.background.conftest import DAY, House


async def test_a_suspension_begins_and_ends_by_itself(house: House) -> None:
    person = await house.person()
    await house.enter()
    now = int(house.clock.now())
    planned = await house.accounts.suspend("edupont", "enquête", False, start=now + DAY, until=now + 3 * DAY)
    assert planned.standing.state is State.ACTIVE
    assert (planned.standing.suspend_from, planned.standing.reason) == (now + DAY, "enquête")
    await house.round(DAY // 2)
    await house.enter()
    await house.round(DAY // 2)
    standing = await house.standing(person)
    assert (standing.state, standing.suspend_from, standing.suspend_until) == (State.SUSPENDED, 0, now + 3 * DAY)
    text = await house.refusal()
    assert text.startswith("Compte suspendu depuis le ")
    assert " et jusqu'au " in text
    assert text.endswith(": call le 03 80 00 00 00")
    await house.round(2 * DAY)
    standing = await house.standing(person)
    assert (standing.state, standing.suspend_until, standing.reason) == (State.ACTIVE, 0, "")
    await house.enter()
    actors = [(event.action, event.actor) for event in await house.history(person)]
    assert actors.count((Action.SUSPENDED, "caretaker")) == actors.count((Action.RESUMED, "caretaker")) == 1


async def test_a_suspension_that_was_slept_through_never_begins(house: House) -> None:
    person = await house.person()
    now = int(house.clock.now())
    await house.accounts.suspend("edupont", "", False, start=now + 60, until=now + 120)
    await house.round(DAY)
    standing = await house.standing(person)
    assert (standing.state, standing.suspend_from, standing.suspend_until) == (State.ACTIVE, 0, 0)


async def test_a_planned_suspension_is_called_off(house: House) -> None:
    person = await house.person()
    await house.accounts.suspend("edupont", "", False, start=int(house.clock.now()) + 60)
    await house.accounts.resume("edupont")
    await house.round(DAY)
    assert (await house.standing(person)).state is State.ACTIVE
    with pytest.raises(Refused, match="active"):
        await house.accounts.resume("edupont")


async def test_terms_that_make_no_sense(house: House) -> None:
    await house.person()
    now = int(house.clock.now())
    for terms in ({"until": now - 1}, {"start": now + 100, "until": now + 50}):
        with pytest.raises(Refused) as refused:
            await house.accounts.suspend("edupont", "", False, **terms)
        assert refused.value.reason is Reason.INVALID
    await house.accounts.suspend("edupont", "", False)
    with pytest.raises(Refused) as refused:
        await house.accounts.suspend("edupont", "", False, start=now + 100)
    assert refused.value.reason is Reason.CONFLICT


async def test_a_planned_closing_closes_with_the_settings_dates(house: House) -> None:
    person = await house.person()
    close_at = int(house.clock.now()) + 5 * DAY
    await house.accounts.plan_closing("edupont", close_at, "retraite")
    version = (await house.standing(person)).login_version
    await house.enter()
    await house.round(4 * DAY)
    assert (await house.standing(person)).login_version == version, "a plan throws nobody out"
    await house.round(DAY)
    standing = await house.standing(person)
    assert (standing.state, standing.close_at, standing.reason) == (State.CLOSED, 0, "retraite")
    terms = house.settings.accounts
    assert standing.reply_until - standing.since == terms.reply_days * DAY
    assert standing.erase_at - standing.since == terms.grace_days * DAY
    assert await house.refusal() == (
        "Ce compte n'est plus ouvert: contactez le 03 80 00 00 00 / This account is closed: call le 03 80 00 00 00"
    )


async def test_a_planned_closing_keeps_what_was_said_with_it(house: House) -> None:
    person = await house.person()
    close_at = int(house.clock.now()) + DAY
    said = lifecycle.farewell(house.settings.accounts, close_at, reply="Partie.", replies=False, grace_days=3)
    await house.accounts.plan_closing("edupont", close_at, "", said)
    await house.round(DAY)
    standing = await house.standing(person)
    assert (standing.state, standing.reply_until, standing.erase_at) == (State.CLOSED, 0, close_at + 3 * DAY)


async def test_a_closing_is_planned_once_and_called_off(house: House) -> None:
    person = await house.person()
    close_at = int(house.clock.now()) + 5 * DAY
    for first in (True, False):
        planned = await house.store.write(accounts.plan_closing, person.account_id, close_at, "parti")
        assert planned is first
    await house.accounts.cancel_closing("edupont")
    with pytest.raises(Refused, match="no closing"):
        await house.accounts.cancel_closing("edupont")
    await house.round(6 * DAY)
    standing = await house.standing(person)
    assert (standing.state, standing.close_reason) == (State.ACTIVE, "")


async def test_restored_within_grace_everything_is_back(house: House) -> None:
    person = await house.person()
    await house.deliver("edupont@ac-exemple.fr", b"Subject: avant\r\n\r\n")
    await house.accounts.close("edupont", "", lifecycle.farewell(house.settings.accounts, int(house.clock.now())))
    await house.round(80 * DAY)
    restored = await house.accounts.restore("edupont")
    assert restored.standing.state is State.ACTIVE
    assert (restored.standing.erase_at, restored.standing.reply_until) == (0, 0)
    await house.enter()
    assert [message["Subject"] for message in await house.inbox(person)] == ["avant"]
    await house.round(80 * DAY)
    assert (await house.standing(person)).erased == 0
    with pytest.raises(Refused, match="active"):
        await house.accounts.restore("edupont")


async def test_closed_while_suspended_and_restored(house: House) -> None:
    person = await house.person()
    end = int(house.clock.now()) + DAY
    await house.accounts.suspend("edupont", "enquête", True, until=end)
    await house.accounts.close("edupont", "parti")
    await house.round(60)
    back = (await house.accounts.restore("edupont")).standing
    assert (back.state, back.reason, back.may_receive, back.suspend_until) == (State.SUSPENDED, "enquête", True, end)
    await house.accounts.close("edupont", "parti")
    await house.round(2 * DAY)
    assert (await house.standing(person)).state is State.CLOSED, "the end of the suspension opens nothing"
    back = (await house.accounts.restore("edupont")).standing
    assert (back.state, back.reason, back.may_receive, back.suspend_until) == (State.ACTIVE, "", False, 0), "it is over"
    await house.accounts.suspend("edupont", "enquête", False)
    await house.accounts.close("edupont", "parti")
    assert (await house.accounts.resume("edupont")).standing.state is State.SUSPENDED
    assert (await house.accounts.resume("edupont")).standing.state is State.ACTIVE


async def test_two_housekeepers_do_nothing_twice(house: House) -> None:
    """Without the lease, as when one worker was thought dead."""
    people = [await house.person(surname=f"Dupont{chr(97 + n)}") for n in range(6)]
    now = int(house.clock.now())
    for person in people[:3]:
        await house.store.write(accounts.plan_closing, person.account_id, now + 60, "parti")
    for person in people[3:]:
        await house.store.write(accounts.suspend, person.account_id, "", False, start=now + 60)
    house.clock.step(120)
    other = house.another()
    terms = house.settings.accounts
    await asyncio.gather(
        *(states.close(worker.store, terms) for worker in (house.worker, other)),
        *(states.suspend(worker.store) for worker in (house.worker, other)),
    )
    for person in people:
        done = [event.action for event in await house.history(person) if event.actor == "caretaker"]
        assert len(done) == 1


async def test_one_worker_has_the_lease(house: House) -> None:
    one, other = house.worker.store, house.another().store
    assert await one.write(caretaking.take_lease, one.worker)
    assert not await other.write(caretaking.take_lease, other.worker)
    assert await one.write(caretaking.take_lease, one.worker)
    house.clock.step(caretaking.LEASE_SECONDS + 1)
    assert await other.write(caretaking.take_lease, other.worker)
    house.clock.step(caretaking.LEASE_SECONDS + 1)
    assert await one.write(caretaking.take_lease, one.worker)
    house.clock.step(-DAY)
    assert await other.write(caretaking.take_lease, other.worker), "that lease is of a clock that was ahead"
