"""A message to very many people: what becomes of it, whichever door it came by, and that everybody gets it once."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import delete, func, select

from mailserver.delivery.held.moderation import Moderation
from mailserver.filters import documents
from mailserver.model.clock import DAY
from mailserver.model.errors import Reason, Refused, Temporary
from mailserver.model.identity import Population
from mailserver.model.rules.sentences import SentTooMuch
from mailserver.outbound.mailings import beginning, decisions, delivering, sending
from mailserver.outbound.mailings.decisions import UNQUEUED, reach_of
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import mailboxes, messages
from mailserver.store.mail.flags import FIRST_KEYWORD_BIT
from mailserver.store.people.mailing_lists import lists, outside_members
from mailserver.store.queue import list_posts, mailings, spool, traces
from mailserver.store.queue.held import moderation_queue
from mailserver.store.queue.mailings import State, mailing_batches, mailing_counts
from mailserver.store.queue.mailings.mailing_batches import Sharing
from mailserver.store.queue.mailings.mailing_counts import Readers
from mailserver.store.queue.traces import Step
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.schema.outgoing.mailings import mailing, mailing_batch
from mailserver.store.schema.people.rosters import digest_post, list_post
from mailserver.store.upkeep import securing
from mailserver.store.web import archive_pages
from mailserver.store.web.archive_view import ArchiveView
from mailserver.store.withdrawal import rows
from mailserver.store.withdrawal.marking import MARK
from tests.clocks import StandingClock
from tests.outbound.mailings.letters import PEOPLE, SMALL, got, one_by_one, subjects, submit
from tests.outbound.mailings.workers import ADMIN, Worker
from tests.smtp.conftest import HouseMaker
from tests.smtp.house import DOMAIN, LIST, House


def test_what_a_thief_sends_does_not_come_behind_what_took_the_account_back(house: House) -> None:
    """It takes a while until it is known whom it reaches."""
    house.store.write_now(securing.secure, ADMIN, house.people["ada"].account_id, documents.sent_on_to)
    with pytest.raises(Refused) as refused:
        submit(house)
    assert refused.value.reason is Reason.AUTHENTICATION
    assert house.read(mailings.listing) == []


def test_it_waits_for_a_second_person_and_then_everybody_has_it(house: House, worker: Worker) -> None:
    outcome = submit(house, save_to_sent=True)
    one = worker.get(outcome.mailing)
    reach = reach_of(one)
    assert (outcome.waits, one.state, one.people, one.outside) == (True, State.WAITING, 3, 1)
    assert reach.populations == ((Population.TEACHER.value, 3),)
    assert reach.names == ("Ada Essai", "Bob Essai", "Ida Essai")
    assert reach.lists == (LIST,)
    worker.look()
    assert got(house) == dict.fromkeys(PEOPLE, 0)
    assert [one for one in subjects(house, "admin") if "attend" in one]
    assert house.mail("ada", "Sent")
    with pytest.raises(Refused):
        worker.approve(outcome.mailing, Origin("ada", "test"))
    worker.approve(outcome.mailing)
    worker.look()
    one = worker.get(outcome.mailing)
    assert (one.state, one.total, one.reached, one.queued) == (State.SENT, 4, 3, 1)
    assert got(house) == dict.fromkeys(PEOPLE, 1)
    assert [row.recipients for row in house.read(spool.show)] == [("amie@ailleurs.fr",)]
    assert b"List-Id" in house.mail("bob")[-1]
    assert b"List-Id" not in house.mail("ida")[-1]
    worker.look()
    assert got(house) == dict.fromkeys(PEOPLE, 1)
    acts = house.read(audit.find, audit.Wanted(action=Action.MAILING_DECIDED), 10)
    assert [act.detail.values["verdict"] for act in acts] == [("fully-sent",), ("approved",), ("handed-in",)]


def test_what_waits_for_a_digest_is_taken_back_with_the_others(house: House, worker: Worker) -> None:
    house.store.write_now(lists.change, LIST, {"digest": 1, "archive": "members"})
    number = submit(house, LIST, f"ida@{DOMAIN}").mailing
    worker.approve(number)
    worker.look()
    assert got(house) == {"ada": 0, "bob": 0, "ida": 1}
    assert house.read(archive_pages.count, ArchiveView(LIST)) == 1
    worker.take_back(number)
    assert got(house)["ida"] == 0
    assert house.read(archive_pages.count, ArchiveView(LIST)) == 0
    assert house.read(waiting_posts) == 0
    number = submit(house, LIST).mailing
    worker.approve(number)
    worker.look()
    assert house.read(waiting_posts) == 1
    worker.take_back(number)
    assert house.read(waiting_posts) == 0, "nobody had it yet, and nobody will"
    assert house.read(archive_pages.count, ArchiveView(LIST)) == 0


def waiting_posts(tx: Tx) -> int:
    return int(tx.execute(select(func.count()).select_from(digest_post)).scalar_one())


def test_few_recipients_are_no_mailing_and_fewer_than_the_mark_need_no_approval(make_house: HouseMaker) -> None:
    house = make_house(mailings={**SMALL, "approval_above": 100})
    worker = Worker(house)
    assert submit(house, f"bob@{DOMAIN}").mailing == 0
    assert got(house)["bob"] == 1
    outcome = submit(house)
    assert (outcome.waits, worker.get(outcome.mailing).state) == (False, State.APPROVED)
    worker.look()
    assert got(house) == {"ada": 1, "bob": 2, "ida": 1}


@pytest.mark.parametrize("decided", ["refused", "expired"])
def test_it_is_not_sent_and_its_author_is_told(house: House, worker: Worker, decided: str) -> None:
    number = submit(house).mailing
    if decided == "refused":
        house.run(worker.decides.refuse(number, ADMIN, "Pas maintenant"))
    else:
        clock = house.clock
        assert isinstance(clock, StandingClock)
        clock.step(8 * DAY)
        house.run(worker.decides.expire())
    worker.look()
    assert worker.get(number).state == decided
    assert got(house) == dict.fromkeys(PEOPLE, 0)
    assert any(b"Votre envoi en nombre" in one for one in house.mail("ada"))
    with pytest.raises(Refused):
        worker.approve(number)


def test_who_hands_in_and_cancels_does_not_write_to_approvers_for_ever(
    house: House, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailings.deciding, "MAX_DROPPED", 2)
    for _ in range(2):
        worker.take_back(submit(house).mailing)
    with pytest.raises(SentTooMuch):
        submit(house)
    assert len([one for one in subjects(house, "admin") if "attend" in one]) == 2
    assert submit(house, author="bob").mailing
    clock = house.clock
    assert isinstance(clock, StandingClock)
    clock.step(DAY)
    assert submit(house).mailing


def test_who_may_approve_several_is_asked_of_each_list_once(
    house: House, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.store.write_now(lists.set_owners, LIST, [f"ida@{DOMAIN}"])
    numbers = {submit(house).mailing, submit(house).mailing}
    moderators: Callable[..., Any] = house.delivery.moderators
    asked: list[str] = []

    async def counted(address: str) -> Any:
        asked.append(address)
        return await moderators(address)

    monkeypatch.setattr(house.delivery, "moderators", counted)
    found = house.run(worker.decides.to_approve(house.people["ida"]))
    assert {one.id for one in found} == numbers
    assert asked == [LIST]
    assert house.run(worker.decides.to_approve(house.people["bob"])) == []


def test_the_owner_of_one_list_speaks_for_no_other(house: House, worker: Worker) -> None:
    house.store.write_now(lists.set_owners, LIST, [f"ida@{DOMAIN}"])
    small = f"petite@{DOMAIN}"
    house.store.write_now(lists.create, small, "Petite", f"bob@{DOMAIN}")
    house.store.write_now(lists.add_members, small, [f"bob@{DOMAIN}"])
    number = submit(house, LIST, small, f"ida@{DOMAIN}").mailing
    for name in ("ida", "bob"):
        assert not house.run(worker.decides.may_approve(worker.get(number), house.people[name]))
        assert not [subject for subject in subjects(house, name) if "attend" in subject]
    house.store.write_now(lists.set_owners, small, [f"ida@{DOMAIN}"])
    assert house.run(worker.decides.may_approve(worker.get(number), house.people["ida"]))


def test_what_reaches_many_more_by_now_waits_for_a_second_person(make_house: HouseMaker) -> None:
    house = make_house(mailings={**SMALL, "approval_above": 4}, clock=StandingClock())
    worker = Worker(house)
    number = submit(house).mailing
    assert worker.get(number).state is State.APPROVED
    house.store.write_now(lists.add_members, LIST, ["deux@ailleurs.fr"])
    worker.look()
    one = worker.get(number)
    assert (one.state, one.people, one.outside, one.actor) == (State.WAITING, 3, 2, "")
    assert got(house) == dict.fromkeys(PEOPLE, 0)
    for name in ("admin", "ada"):
        assert [subject for subject in subjects(house, name) if "attend" in subject]
    worker.approve(number)
    house.store.write_now(lists.add_members, LIST, ["trois@ailleurs.fr"])
    worker.look()
    assert worker.get(number).state is State.SENT, "a few more than were approved are no other mailing"
    assert got(house) == dict.fromkeys(PEOPLE, 1)


def test_stopped_half_way_and_resumed_everybody_gets_it_once(
    house: House, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_by_one(monkeypatch)
    number = submit(house).mailing
    worker.approve(number)
    _stop_after(house, worker, number, 2, monkeypatch)
    worker.look()
    one = worker.get(number)
    # Two people here; whom the list has elsewhere has their turn after them.
    assert (one.state, one.reached, one.queued) == (State.STOPPED, 2, 0)
    assert sum(got(house).values()) == 2
    worker.look()
    assert worker.get(number).done == 2
    house.run(worker.decides.resume(number, ADMIN))
    worker.look()
    assert worker.get(number).state is State.SENT
    assert got(house) == dict.fromkeys(PEOPLE, 1)


def test_whom_a_list_has_elsewhere_is_queued_some_at_a_time(
    house: House, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FEWEST_OUTSIDE", "MOST_OUTSIDE"):
        monkeypatch.setattr(delivering, name, 2)
    away = [f"m{number}@ailleurs.fr" for number in range(5)]
    house.store.write_now(lists.add_members, LIST, away)
    number = submit(house, LIST).mailing
    worker.approve(number)
    check: Callable[..., Any] = house.delivery.check_brake
    calls = 0

    async def stops(*args: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 4:  # it begins, those who are here, two elsewhere
            await worker.decides.stop(number, ADMIN)
        await check(*args)

    monkeypatch.setattr(house.delivery, "check_brake", stops)
    worker.look()
    one = worker.get(number)
    assert (one.state, one.reached, one.queued, one.total) == (State.STOPPED, 2, 2, 8)
    assert len(house.read(spool.show)) == 2
    assert house.store.write_now(list_posts.prune, 1 << 40) == 0, "it may be resumed"
    (post,) = house.read(list_posts.posts, LIST, 9)
    assert (post.outside, post.fates) == (6, {list_posts.Fate.WAITING: 2})
    left = next(address for address in away if address not in _queued(house))
    house.store.write_now(lambda tx: outside_members.leave(tx, outside_members.ids(tx, LIST, [left])[left]))
    house.run(worker.decides.resume(number, ADMIN))
    worker.look()
    one = worker.get(number)
    assert (one.state, one.reached, one.queued, one.total) == (State.SENT, 2, 5, 7), "who left meanwhile gets nothing"
    assert _queued(house) == sorted({*away, "amie@ailleurs.fr"} - {left})
    assert len({row.sender for row in house.read(spool.show)}) == 5, "each under a return path of their own"
    assert house.store.write_now(list_posts.prune, 1 << 40) == 1


def test_one_whose_message_is_not_on_record_any_more_waits_and_drops_nobody(
    house: House, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = submit(house, LIST).mailing
    worker.approve(number)
    check: Callable[..., Any] = house.delivery.check_brake

    async def loses(*args: Any) -> None:
        await house.store.write(lambda tx: bool(tx.execute(delete(list_post)).rowcount))
        await check(*args)

    monkeypatch.setattr(house.delivery, "check_brake", loses)
    worker.look()
    one = worker.get(number)
    assert (one.state, one.reached, one.queued, one.total) == (State.SENDING, 2, 0, 3)


def _queued(house: House) -> list[str]:
    return sorted(address for row in house.read(spool.show) for address in row.recipients)


def _stop_after(house: House, worker: Worker, number: int, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody stops it once so many have it."""
    parts_of: Callable[..., Any] = house.delivery.parts_of
    calls = 0

    async def stops(copy: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == count + 1:
            await worker.decides.stop(number, ADMIN)
        return await parts_of(copy)

    monkeypatch.setattr(house.delivery, "parts_of", stops)


def test_who_is_killed_before_it_begins_leaves_nobody_who_gets_it_twice(
    house: House, worker: Worker, clock: StandingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its recipients are kept before, some at a time; the next attempt finds them anew."""
    monkeypatch.setattr(mailing_batches, "SIZE", 1)
    for name in ("FEWEST", "MOST"):
        monkeypatch.setattr(beginning, name, 1)
    number = submit(house).mailing
    worker.approve(number)
    start = mailing_batches.start

    def killed(*_: object) -> None:
        monkeypatch.setattr(mailing_batches, "start", start)
        raise Temporary("killed")

    monkeypatch.setattr(mailing_batches, "start", killed)
    worker.look()
    assert worker.get(number).state is State.APPROVED
    assert house.read(_rows_kept) == 4
    house.store.write_now(lists.remove_members, LIST, [f"bob@{DOMAIN}"])
    clock.step(sending.LATER_SECONDS)
    worker.look()
    one = worker.get(number)
    assert (one.state, one.total, one.done) == (State.SENT, 3, 3)
    assert got(house) == {"ada": 1, "bob": 0, "ida": 1}


def _rows_kept(tx: Tx) -> int:
    return int(tx.execute(select(func.count()).select_from(mailing_batch)).scalar_one())


def test_two_workers_at_once(make_house: HouseMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    one_by_one(monkeypatch)
    house, other = make_house(mailings=SMALL), make_house(mailings=SMALL)
    first, second = Worker(house), Worker(other)
    number = submit(house).mailing
    first.approve(number)
    both = [asyncio.run_coroutine_threadsafe(each.sender.look(), each.house.loop) for each in (first, second)]
    for each in both:
        each.result(60)
    first.look()
    assert first.get(number).state is State.SENT
    assert got(house) == dict.fromkeys(PEOPLE, 1)


def test_taken_back_what_was_read_is_marked_and_the_rest_is_gone(house: House, worker: Worker) -> None:
    number = submit(house, save_to_sent=True).mailing
    worker.approve(number)
    worker.look()
    house.store.write_now(_read, house.people["bob"].account_id)
    worker.take_back(number)
    assert got(house) == {"ada": 0, "bob": 1, "ida": 0}
    assert house.mail("ada", "Sent"), "the author's own copy stays"
    assert house.read(spool.show) == []
    account, box = house.people["bob"].account_id, house.read(_inbox, house.people["bob"].account_id)
    assert MARK in house.read(mailboxes.keywords, box)
    content_id = house.read(_last, account)
    assert house.read(mailings.taken_back, content_id) == worker.get(number).decided
    assert worker.get(number).state is State.WITHDRAWN
    with pytest.raises(Refused):
        house.run(worker.decides.resume(number, ADMIN))


def test_the_same_text_that_was_sent_twice_is_taken_back_once(house: House, worker: Worker) -> None:
    first, second = submit(house).mailing, submit(house).mailing
    for number in (first, second):
        worker.approve(number)
    worker.look()
    assert got(house) == dict.fromkeys(PEOPLE, 2)
    worker.take_back(second)
    assert got(house) == dict.fromkeys(PEOPLE, 1)


def test_what_was_taken_back_comes_back_as_if_nothing_had_been(house: House, worker: Worker) -> None:
    number = submit(house).mailing
    worker.approve(number)
    worker.look()
    account = house.people["bob"].account_id
    house.store.write_now(_read, account)
    worker.take_back(number)
    assert MARK in _marks(house, account)
    act = worker.get(number).withdrawal_id
    house.run(worker.withdrawals.undo(act, ADMIN))
    house.run(worker.withdrawals.work(act))
    assert got(house) == dict.fromkeys(PEOPLE, 1)
    assert MARK not in _marks(house, account)
    assert house.read(mailings.taken_back, house.read(_last, account)) == 0


def test_killed_while_it_is_taken_back_one_act_has_all_of_it(
    house: House, worker: Worker, clock: StandingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.store.write_now(lists.change, LIST, {"archive": "members"})
    number = submit(house).mailing
    worker.approve(number)
    worker.look()
    withdrawn_by = mailings.withdrawn_by

    def killed(*_: object) -> None:
        monkeypatch.setattr(mailings, "withdrawn_by", withdrawn_by)
        raise Temporary("killed")

    monkeypatch.setattr(mailings, "withdrawn_by", killed)
    worker.take_back(number)
    clock.step(sending.LATER_SECONDS)
    worker.look()
    house.run(worker.withdrawals.look())
    assert got(house) == dict.fromkeys(PEOPLE, 0)
    assert house.read(archive_pages.count, ArchiveView(LIST)) == 0
    (act,) = house.read(rows.listing)
    assert worker.get(number).withdrawal_id == act.id
    with pytest.raises(Refused):
        house.run(worker.decides.withdraw(worker.get(number)))
    assert len(house.read(rows.listing)) == 1
    house.run(worker.withdrawals.undo(act.id, ADMIN))
    house.run(worker.withdrawals.work(act.id))
    assert got(house) == dict.fromkeys(PEOPLE, 1)
    assert house.read(archive_pages.count, ArchiveView(LIST)) == 1


def test_a_lease_of_a_clock_that_was_ahead_keeps_nobody_waiting(
    house: House, worker: Worker, clock: StandingClock
) -> None:
    number = submit(house).mailing
    worker.approve(number)
    clock.jump(DAY)
    assert house.store.write_now(mailings.claim, number, 7)
    clock.jump(-DAY)
    worker.look()
    assert worker.get(number).state is State.SENT


def test_who_was_kept_by_an_attempt_that_broke_off_keeps_nobody_waiting(house: House, worker: Worker) -> None:
    """The next one finds that nobody gets it in batches: the list is moderated by then."""
    number = submit(house).mailing
    worker.approve(number)
    rows = mailing_batches.rows_of(number, [Sharing(0, [house.people["bob"].account_id], [], [])])
    house.store.write_now(mailing_batches.keep, number, 7, rows)
    house.store.write_now(mailing_batches.start, number, 7, [], 0)
    house.store.write_now(mailing_batches.finish, number)
    assert worker.get(number).state is State.SENT


def test_what_waits_for_more_people_than_one_unit_takes_is_taken_back(house: House, worker: Worker) -> None:
    number = submit(house).mailing
    worker.approve(number)
    worker.look()
    one = worker.get(number)

    def members(tx: Tx) -> None:
        targets = [(f"r{place}@{DOMAIN}", f"m{place}@loin.fr") for place in range(UNQUEUED + 100)]
        spool.enqueue_each(tx, one.content_id, targets, lifetime=3600, options=one.options)

    house.store.write_now(members)
    worker.take_back(number)
    assert worker.get(number).state is State.WITHDRAWN
    assert house.read(spool.show) == []
    assert house.read(traces.whole, one.options.name).steps[-1].step is Step.DROPPED


def _inbox(tx: Tx, account_id: int) -> int:
    return mailboxes.get(tx, account_id, "INBOX").id


def _last(tx: Tx, account_id: int) -> int:
    rows = messages.fetch(tx, account_id, _inbox(tx, account_id), ["content_id"])
    return int(rows[-1][-1])


def _marks(house: House, account_id: int) -> set[str]:
    """The keywords of the last message of somebody."""
    box = house.read(_inbox, account_id)
    flags = house.read(messages.state, box)[-1][1]
    names = house.read(mailboxes.keywords, box)
    return {name for bit, name in enumerate(names) if flags >> (FIRST_KEYWORD_BIT + bit) & 1}


def _read(tx: Tx, account_id: int) -> None:
    messages.store_flags(tx, account_id, _inbox(tx, account_id), None, "+", ("\\Seen",))


def test_taken_back_nothing_of_it_waits_for_other_servers_or_for_owners_of_lists(
    house: House, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "UNQUEUED", 1)
    house.store.write_now(_moderated)
    elsewhere = (f"{name}@{name}.fr" for name in ("un", "deux"))
    number = submit(house, LIST, f"ida@{DOMAIN}", *elsewhere).mailing
    worker.approve(number)
    worker.look()
    assert len(house.read(spool.show)) == 2
    assert len(house.read(moderation_queue.waiting)) == 1
    worker.take_back(number)
    assert house.read(spool.show) == []
    assert house.read(moderation_queue.waiting) == []


def test_one_that_fails_costs_none_of_the_others(house: House, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = submit(house).mailing, submit(house, author="bob").mailing
    worker.approve(first)
    worker.approve(second)
    octets: Callable[..., Any] = worker.decides.octets

    async def fails(one: Any) -> Any:
        if one.id == first:
            raise RuntimeError("a defect")
        return await octets(one)

    monkeypatch.setattr(worker.decides, "octets", fails)
    worker.look()
    assert [worker.get(one).state for one in (first, second)] == [State.APPROVED, State.SENT]
    assert got(house) == dict.fromkeys(PEOPLE, 1)


def test_one_is_taken_back_while_another_is_sent(house: House, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    one_by_one(monkeypatch)
    first, second = submit(house, author="bob").mailing, submit(house).mailing
    worker.approve(first)
    worker.look()
    worker.approve(second)
    parts_of: Callable[..., Any] = house.delivery.parts_of
    begun: list[int] = []

    async def takes_back(copy: Any) -> Any:
        if not begun:
            await worker.decides.take_back(first, ADMIN)
        begun.append(house.store.read_now(mailings.get, first).withdrawal_id)
        return await parts_of(copy)

    monkeypatch.setattr(house.delivery, "parts_of", takes_back)
    worker.look()
    assert worker.get(second).state is State.SENT
    assert begun[0] == 0
    assert begun[-1] > 0


def test_the_lease_lasts_as_long_as_the_copies_take(
    house: House, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "RENEW_SECONDS", 0.0)
    number = submit(house).mailing
    worker.approve(number)
    clock, copies = house.clock, house.delivery.copies
    assert isinstance(clock, StandingClock)
    others: list[bool] = []

    async def slow(*args: Any) -> Any:
        clock.step(mailings.LEASE_SECONDS + 1)
        async with asyncio.timeout(120):
            while not house.store.read_now(_is_leased, number):
                await asyncio.sleep(0)
        others.append(await house.store.write(mailings.claim, number, 7))
        return await copies(*args)

    monkeypatch.setattr(house.delivery, "copies", slow)
    worker.look()
    assert others == [False]
    assert worker.get(number).state is State.SENT


def _is_leased(tx: Tx, number: int) -> bool:
    return int(tx.execute(select(mailing.c.leased).where(mailing.c.id == number)).scalar_one()) > tx.now


def test_planned_while_its_copies_are_made_it_leaves_at_its_time(
    house: House, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = submit(house).mailing
    worker.approve(number)
    copies: Callable[..., Any] = house.delivery.copies

    async def planned(*args: Any) -> Any:
        await worker.decides.plan(number, int(house.clock.now()) + 600, ADMIN)
        return await copies(*args)

    monkeypatch.setattr(house.delivery, "copies", planned)
    worker.look()
    assert worker.get(number).state is State.APPROVED
    assert got(house) == dict.fromkeys(PEOPLE, 0)


def test_cancelled_before_it_left_nobody_has_it(house: House, worker: Worker) -> None:
    number = submit(house).mailing
    worker.take_back(number)
    assert worker.get(number).state is State.CANCELLED
    assert got(house) == dict.fromkeys(PEOPLE, 0)


def test_planned_it_leaves_at_its_time(house: House, worker: Worker) -> None:
    clock = house.clock
    assert isinstance(clock, StandingClock)
    number = submit(house).mailing
    house.run(worker.decides.plan(number, int(clock.now()) + 600, ADMIN))
    worker.approve(number)
    worker.look()
    assert worker.get(number).state is State.APPROVED
    clock.step(601)
    worker.look()
    assert worker.get(number).state is State.SENT


def test_a_moderator_of_the_list_is_the_second_person(house: House, worker: Worker) -> None:
    house.store.write_now(_moderated)
    assert not submit(house, LIST).mailing
    (held,) = house.read(moderation_queue.waiting)
    house.run(moderation_of(house).approve(held.id, Origin("bob", "test")))
    (one,) = house.read(mailings.listing)
    assert (one.state, one.actor, one.released) == (State.APPROVED, "bob", (LIST,))
    worker.look()
    assert got(house) == {"ada": 1, "bob": 1, "ida": 0}


def test_one_that_an_owner_let_pass_is_taken_back_and_the_owners_of_other_lists_decide_for_themselves(
    house: House, worker: Worker
) -> None:
    other = f"autre@{DOMAIN}"
    house.store.write_now(_moderated)
    house.store.write_now(_moderated, other)
    assert not submit(house, LIST, other).mailing
    held = {one.list: one.id for one in house.read(moderation_queue.waiting)}
    house.run(moderation_of(house).approve(held[LIST], Origin("bob", "test")))
    (one,) = house.read(mailings.listing)
    worker.look()
    assert got(house)["ada"] == 1
    worker.take_back(one.id)
    assert got(house)["ada"] == 0
    assert [one.list for one in house.read(moderation_queue.waiting)] == [other]


def moderation_of(house: House) -> Moderation:
    return Moderation(
        settings=house.settings,
        store=house.store,
        directory=house.directory,
        delivery=house.delivery,
        clock=house.clock,
    )


def _moderated(tx: Tx, address: str = LIST) -> None:
    if lists.get(tx, address) is None:
        lists.create(tx, address, "Autre", "")
        lists.add_members(tx, address, [f"ida@{DOMAIN}"])
    lists.change(tx, address, {"moderated": 1})
    lists.set_owners(tx, address, [f"bob@{DOMAIN}"])


def test_from_outside_it_waits_for_the_owners_of_the_list(house: House) -> None:
    stranger = house.delivery.outsider("someone@ailleurs.fr")
    found = house.run(house.delivery.resolve(LIST, 0, stranger))
    assert [roster.address for roster in found.held] == [LIST]
    assert found.accounts == ()


def test_readers_of_small_schools_are_told_together(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker(house)
    number = submit(house).mailing
    worker.approve(number)
    worker.look()
    house.store.write_now(_read, house.people["bob"].account_id)
    one = worker.get(number)
    assert house.run(worker.decides.readers(one)) == [], "three people are too few to say anything of them"
    monkeypatch.setattr(mailing_counts, "FEWEST", 3)
    monkeypatch.setattr(mailing_counts, "ROUND", 1)
    assert house.run(worker.decides.readers(one)) == [Readers("", 3, 1)]


def test_of_an_account_that_was_hijacked_nothing_goes_on(house: House, worker: Worker) -> None:
    number = submit(house).mailing
    worker.approve(number)
    house.store.write_now(securing.secure, ADMIN, house.people["ada"].account_id, documents.sent_on_to)
    worker.look()
    assert worker.get(number).state is State.STOPPED
    assert got(house) == dict.fromkeys(PEOPLE, 0)
