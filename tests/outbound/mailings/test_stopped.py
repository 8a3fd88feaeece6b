"""A mailing that cannot go on, or that somebody stopped: it does not stay so for ever, and who should know is told."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update

from mailserver.model.clock import DAY
from mailserver.model.errors import Refused, Temporary
from mailserver.model.identity import State as Standing
from mailserver.outbound.mailings import sending
from mailserver.store.account import accounts
from mailserver.store.engine.transactions import Tx
from mailserver.store.people.mailing_lists import lists
from mailserver.store.queue import mailings
from mailserver.store.queue.held import moderation_queue
from mailserver.store.queue.mailings import State
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.schema.account.accounts import account
from mailserver.store.upkeep import returning
from tests.clocks import StandingClock
from tests.outbound.mailings.letters import PEOPLE, got, one_by_one, subjects, submit
from tests.outbound.mailings.workers import ADMIN, Worker
from tests.smtp.house import DOMAIN, LIST, House

ADA = Origin("ada", "test")


def while_it_goes_out(house: House, monkeypatch: pytest.MonkeyPatch, after: int, act: Callable[[], Any]) -> None:
    """Somebody does something once so many have it."""
    one_by_one(monkeypatch)
    parts_of: Callable[..., Any] = house.delivery.parts_of
    calls = 0

    async def acts(copy: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == after + 1:
            await act()
        return await parts_of(copy)

    monkeypatch.setattr(house.delivery, "parts_of", acts)


def test_stopped_half_way_and_forgotten_it_is_over_for_those_without_it(
    house: House, worker: Worker, clock: StandingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = submit(house).mailing
    worker.approve(number)
    while_it_goes_out(house, monkeypatch, 2, lambda: worker.decides.stop(number, ADMIN))
    worker.look()
    assert "arr" in " ".join(subjects(house, "ada")), "its author is told who did not stop it"
    clock.step(6 * DAY)
    assert house.run(worker.decides.expire()) == 0
    clock.step(DAY)
    assert house.run(worker.decides.expire()) == 1
    one = worker.get(number)
    assert (one.state, one.reached, one.content_id) == (State.UNFINISHED, 2, 0)
    for name in ("ada", "admin"):
        assert any("abandonn" in subject for subject in subjects(house, name))
    acts = house.read(audit.find, audit.Wanted(action=Action.MAILING_DECIDED), 10)
    assert acts[0].detail.values["verdict"] == ("expired",)
    with pytest.raises(Refused):
        house.run(worker.decides.resume(number, ADMIN))
    worker.look()
    assert sum(got(house).values()) == 2
    worker.take_back(number)
    assert worker.get(number).state is State.WITHDRAWN
    assert got(house) == dict.fromkeys(PEOPLE, 0)


def test_stopped_before_it_began_by_its_author_nobody_has_it(
    house: House, worker: Worker, clock: StandingClock
) -> None:
    number = submit(house).mailing
    worker.approve(number)
    before = len(subjects(house, "ada"))
    house.run(worker.decides.stop(number, ADA))
    assert len(subjects(house, "ada")) == before, "who stops it knows"
    clock.step(7 * DAY)
    house.run(worker.decides.expire())
    assert worker.get(number).state is State.EXPIRED


def test_what_could_not_leave_last_week_does_not_leave_today(
    house: House, worker: Worker, clock: StandingClock
) -> None:
    late, planned = submit(house).mailing, submit(house).mailing
    worker.approve(late)
    worker.approve(planned)
    house.run(worker.decides.plan(planned, int(clock.now()) + 9 * DAY, ADMIN))
    clock.step(8 * DAY)
    assert house.run(worker.decides.expire()) == 1
    assert [worker.get(one).state for one in (late, planned)] == [State.EXPIRED, State.APPROVED]


def test_taken_back_while_it_goes_out_nobody_else_gets_it(
    house: House, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = submit(house).mailing
    worker.approve(number)
    while_it_goes_out(house, monkeypatch, 2, lambda: worker.decides.take_back(number, ADA))
    worker.look()
    one = worker.get(number)
    assert (one.state, one.reached) == (State.WITHDRAWN, 2)
    worker.look()
    house.run(worker.withdrawals.look())
    assert worker.get(number).withdrawal_id > 0
    assert got(house) == dict.fromkeys(PEOPLE, 0)


def test_a_list_that_holds_too_much_already_fails_it(
    house: House, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.store.write_now(lambda tx: lists.change(tx, LIST, {"moderated": 1}))
    house.store.write_now(lists.set_owners, LIST, [f"bob@{DOMAIN}"])
    monkeypatch.setattr(moderation_queue, "MAX_WAITING", 0)
    number = submit(house, LIST, f"ida@{DOMAIN}", "un@un.fr", "deux@deux.fr").mailing
    worker.approve(number)
    worker.look()
    assert worker.get(number).state is State.FAILED
    assert got(house) == dict.fromkeys(PEOPLE, 0)
    assert any(LIST.encode() in one and b"garde d" in one for one in house.mail("ada"))


def test_one_that_cannot_go_on_is_tried_again_later_and_later(
    house: House, worker: Worker, clock: StandingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = submit(house).mailing
    worker.approve(number)
    octets: Callable[..., Any] = worker.decides.octets
    tries = 0

    async def away(_one: Any) -> Any:
        nonlocal tries
        tries += 1
        raise Temporary("the database is out of reach")

    monkeypatch.setattr(worker.decides, "octets", away)
    for _ in range(3):
        worker.look()
    assert tries == 1
    for pause in (sending.LOOK_SECONDS, 2 * sending.LOOK_SECONDS):
        clock.step(pause - 1)
        worker.look()
        clock.step(1)
        worker.look()
    assert tries == 3
    monkeypatch.setattr(worker.decides, "octets", octets)
    clock.step(sending.LATER_SECONDS)
    worker.look()
    assert worker.get(number).state is State.SENT


def test_who_is_gone_since_it_began_keeps_nobody_from_it(
    house: House, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = submit(house).mailing
    worker.approve(number)
    while_it_goes_out(house, monkeypatch, 0, lambda: worker.decides.stop(number, ADMIN))
    worker.look()
    assert worker.get(number).state is State.STOPPED
    house.store.write_now(_close, house.people["bob"].account_id)
    house.run(worker.decides.resume(number, ADMIN))
    worker.look()
    one = worker.get(number)
    assert (one.state, one.total, one.done) == (State.SENT, 3, 3)
    assert got(house) == {"ada": 1, "bob": 0, "ida": 1}


def _close(tx: Tx, account_id: int) -> None:
    tx.execute(update(account).where(account.c.id == account_id).values(state=Standing.CLOSED.value))
    assert accounts.require(tx, account_id).state is Standing.CLOSED


def test_a_backup_that_comes_back_leaves_the_usual_time(house: House, worker: Worker, clock: StandingClock) -> None:
    number = submit(house).mailing
    worker.approve(number)
    clock.step(30 * DAY)
    house.store.write_now(returning.advance)
    one = worker.get(number)
    assert (one.state, one.actor) == (State.STOPPED, mailings.SERVICE.actor)
    assert house.run(worker.decides.expire()) == 0
