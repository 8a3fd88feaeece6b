"""What happens between two looks: the collector beside a delivery, a rule that moves while rules are read."""

import asyncio
import random
import threading
from collections.abc import Callable
from typing import Any

import pytest

from mailserver.filters.active import ActiveScripts
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Population
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.policy.rules.policy_cache import PolicyCache
from mailserver.store.account import filters, rules
from mailserver.store.account.filters import Bounds
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import access, blobs, collect, mailboxes, messages
from mailserver.store.mail.access import Viewer
from mailserver.store.mail.access.rights import parse
from mailserver.store.mail.messages import NO_QUOTA
from mailserver.store.people.mailing_lists import lists
from mailserver.store.queue import mailings, outbox, spool
from mailserver.store.queue.held import moderation_queue
from mailserver.store.queue.held.moderation_queue import Hold
from mailserver.store.queue.mailings import State, Wanted
from mailserver.store.queue.outbox import Terms
from mailserver.store.queue.spool import HELD, Options
from mailserver.store.record.audit import Origin
from mailserver.store.upkeep import securing
from mailserver.store.web import webmail
from tests.clocks import StandingClock
from tests.store.conftest import create_account
from tests.store.test_messages import mail
from tests.waiting import PATIENCE, until

ORIGIN = Origin("test", "test")
FOR_EVER = 1 << 40
READERS = 2
"""Of the stores that `make_store` opens."""


class Unit:
    """A unit of another process, which stops at its pause until it may go on; its result afterwards."""

    def __init__(self, store: Store, function: Callable[..., Any], *args: Any, held: bool = False) -> None:
        """`function` has the pause as its last argument; without `held` it is none."""
        self._store = store
        self._function = function
        self._args = args
        self._paused, self._go_on = threading.Event(), threading.Event()
        if not held:
            self._go_on.set()
        self.result: Any = None
        self._thread = threading.Thread(target=self._work)
        self._thread.start()
        if held:
            assert self._paused.wait(PATIENCE)

    def _work(self) -> None:
        self.result = self._store.write_now(self._function, *self._args, self._pause)

    def _pause(self) -> None:
        self._paused.set()
        assert self._go_on.wait(PATIENCE)

    @property
    def is_held_up(self) -> bool:
        """It waits for another's lock. On SQLite the second writer does before it begins."""
        if self._store.keeps_order:
            return True
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        return bool(self._store.read_now(lambda tx: tx._cursor.execute(query).fetchone()[0]))

    @property
    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def end(self) -> None:
        """Let it commit, and wait for that."""
        self._go_on.set()
        self._thread.join(PATIENCE)
        assert self.is_over
        assert self.result is not None, "the unit failed"


def put(tx: Tx, account_id: int, prepared: blobs.Prepared, pause: Callable[[], None]) -> int:
    """Deliver, with a pause when it is known whether the content is there."""
    content_id, _ = messages.store_content(tx, prepared)
    pause()
    return messages.place(tx, account_id, mailboxes.get(tx, account_id, "INBOX").id, content_id, prepared.size).uid


def collect_all(tx: Tx, pause: Callable[[], None]) -> tuple[int, list[str]]:
    """Collect, with a pause before the commit."""
    collected = collect.collect(tx, FOR_EVER)
    pause()
    return collected


@pytest.mark.parametrize("collector_is_first", [False, True])
@pytest.mark.parametrize("size", [0, 150_000])
def test_a_content_that_is_collected_is_delivered_again(
    make_store: Callable[[], Store], collector_is_first: bool, size: int
) -> None:
    """The last appearance of a content went; the collector and a delivery of the same content meet over it."""
    store, other = make_store(), make_store()
    account = store.write_now(create_account, "edupont")
    inbox = store.read_now(mailboxes.get, account, "INBOX")
    octets = mail(1) + random.Random(1).randbytes(size).hex().encode() + b"\r\n"
    store.write_now(messages.append, account, inbox.id, blobs.prepare(octets, store.blobs))
    store.write_now(messages.erase, account, inbox.id, [1])
    delivery = (store, put, account, blobs.prepare(octets, store.blobs))
    collection = (other, collect_all)
    first = Unit(*(collection if collector_is_first else delivery), held=True)
    second = Unit(*(delivery if collector_is_first else collection))
    until(lambda: second.is_held_up or second.is_over)
    first.end()
    second.end()
    for file in (first if collector_is_first else second).result[1]:
        blobs.remove_file(store.blobs, file)
    assert store.read_now(messages.octets, account, inbox.id, 2, store.blobs) == octets


def hold(tx: Tx, address: str, prepared: blobs.Prepared, pause: Callable[[], None]) -> str:
    """Keep a message for a list's owners, with a pause before the commit."""
    content_id, _ = messages.store_content(tx, prepared)
    try:
        moderation_queue.hold(tx, content_id, Hold(address, "", 0, Population.OUTSIDE, FOR_EVER))
    except moderation_queue.Full:
        return "full"
    pause()
    return "held"


def test_two_at_once_keep_no_more_for_a_lists_owners_than_it_may(
    make_store: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moderation_queue, "MAX_WAITING", 1)
    store, other = make_store(), make_store()
    store.write_now(lists.create, "debat@x.fr", "", "")
    first = Unit(store, hold, "debat@x.fr", blobs.prepare(mail(1), store.blobs), held=True)
    second = Unit(other, hold, "debat@x.fr", blobs.prepare(mail(2), store.blobs))
    until(lambda: second.is_held_up or second.is_over)
    first.end()
    second.end()
    assert [first.result, second.result] == ["held", "full"]


async def test_rules_that_were_read_before_a_change_are_not_kept(store: Store) -> None:
    """The brake is pulled after the rules were read and before they are believed: the next question reads again."""
    store.changes.attach(asyncio.get_running_loop(), lambda: 0)
    book = PolicyCache(store=store, clock=StandingClock(), changes=store.changes)
    asking = asyncio.create_task(book.rules())
    await asyncio.sleep(0)
    # Once every reader is here the question, which came before, was read; this loop has not heard of it yet.
    everybody = threading.Barrier(READERS + 1)
    others = [asyncio.create_task(store.read(lambda _: everybody.wait(PATIENCE))) for _ in range(READERS)]
    await asyncio.sleep(0)
    everybody.wait(PATIENCE)
    store.write_now(rules.brake, ORIGIN, Population.PUPIL, 0, "essai")
    assert (await asking).brakes == {}
    assert set((await book.rules()).brakes) == {Population.PUPIL}
    await asyncio.gather(*others)


async def test_an_older_answer_takes_no_newer_ones_place(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two ask at once, and one reads before a script is switched off, but is answered last: mail ran through it for a
    minute more."""
    store.changes.attach(asyncio.get_running_loop(), lambda: 0)
    account = store.write_now(create_account, "edupont")
    store.write_now(filters.put, account, "a", b"discard;", Bounds(9, 99, 99), ORIGIN)
    store.write_now(filters.activate, account, "a", ORIGIN)
    scripts = ActiveScripts(store=store, clock=StandingClock(), changes=store.changes)
    read, was_read, goes_on = store.read, asyncio.Event(), asyncio.Event()

    async def late(function: Any, *args: Any) -> Any:
        answer = await read(function, *args)
        was_read.set()
        await goes_on.wait()
        return answer

    monkeypatch.setattr(store, "read", late)
    first = asyncio.create_task(scripts.hashes())
    await was_read.wait()
    monkeypatch.setattr(store, "read", read)
    await store.write(filters.activate, account, "", ORIGIN)
    assert await scripts.hashes() == {}
    goes_on.set()
    assert set(await first) == {account}, "it asked before"
    assert await scripts.hashes() == {}


# ---------------------------------------------------------------------- one unit behind another


def behind(make_store: Callable[[], Store], first: Callable[[Tx], Any], second: Callable[[Tx], Any]) -> list[Any]:
    """What two units come to, or why they are refused. The second one, of another process, begins before the first is
    committed, and comes as far as it can."""

    def unit(function: Callable[[Tx], Any]) -> Callable[[Tx, Callable[[], None]], tuple[Any]]:
        def stopping(tx: Tx, pause: Callable[[], None]) -> tuple[Any]:
            try:
                done = function(tx)
            except Refused as refusal:
                return (refusal.reason,)
            pause()
            return (done,)

        return stopping

    one = Unit(make_store(), unit(first), held=True)
    other = Unit(make_store(), unit(second))
    until(lambda: other.is_held_up or other.is_over)
    one.end()
    other.end()
    return [one.result[0], other.result[0]]


@pytest.fixture
def lender(store: Store) -> int:
    """Somebody whose folder "Classe" mmartin reads, fills and empties."""
    account = store.write_now(create_account, "edupont")
    me = Viewer.of(account, "edupont")
    store.write_now(access.create, me, "Classe")
    rights = parse("lrswite")
    store.write_now(access.change, me, "Classe", "mmartin", "=", rights, ORIGIN, negative=False)
    return account


@pytest.fixture
def borrower(store: Store) -> Viewer:
    return Viewer.of(store.write_now(create_account, "mmartin"), "mmartin")


def test_what_is_made_meanwhile_is_shared_with_nobody(
    store: Store, make_store: Callable[[], Store], lender: int, borrower: Viewer
) -> None:
    """A program that makes several folders at once: what stood beside a shared one had its rights."""
    me = Viewer.of(lender, "edupont")
    made = [lambda tx, name=name: access.create(tx, me, name).name for name in ("Journal intime", "Classe/6A")]
    assert behind(make_store, *made) == ["Journal intime", "Classe/6A"]
    shared = [reach.name for reach in store.read_now(access.listing, borrower)]
    assert shared == ["Partagés/edupont/Classe", "Partagés/edupont/Classe/6A"]


THERE = "Partagés/edupont/Classe"
ACTS: dict[str, Callable[[Tx, Viewer, int, blobs.Prepared], Any]] = {
    "flags": lambda tx, who, box, _: access.store_flags(tx, who, box, [1], "+", ["\\Flagged"]),
    "expunge": lambda tx, who, box, _: access.expunge(tx, who, box),
    "append": lambda tx, who, _, new: access.append(tx, who, THERE, [(new, (), None)], NO_QUOTA),
    "copy": lambda tx, who, box, _: access.copy(tx, who, box, THERE, [1], NO_QUOTA, whole=True),
    "move": lambda tx, who, box, _: access.move(tx, who, box, "INBOX", [1], NO_QUOTA, whole=True),
    "replace": lambda tx, who, box, new: access.replace(tx, who, box, 1, THERE, (new, (), None), NO_QUOTA),
}


@pytest.mark.parametrize("make_store", ["postgresql"], indirect=True)
@pytest.mark.parametrize("act", ACTS)
def test_a_right_that_is_taken_back_is_gone_for_who_waits(
    store: Store, make_store: Callable[[], Store], lender: int, borrower: Viewer, act: str
) -> None:
    me, box = Viewer.of(lender, "edupont"), store.read_now(mailboxes.get, lender, "Classe")
    prepared = blobs.prepare(mail(1), store.blobs)
    store.write_now(messages.append, lender, box.id, prepared, ("\\Deleted",))

    def take_back(tx: Tx) -> None:
        access.change(tx, me, "Classe", "mmartin", "=", parse("l"), ORIGIN, negative=False)

    new = blobs.prepare(mail(2), store.blobs)
    assert behind(make_store, take_back, lambda tx: ACTS[act](tx, borrower, box.id, new)) == [None, Reason.FORBIDDEN]
    after = store.read_now(mailboxes.get, lender, "Classe")
    assert (after.messages, after.modseq) == (1, box.modseq + 1)


@pytest.mark.parametrize("again", [True, False])
def test_a_draft_is_replaced_once(store: Store, make_store: Callable[[], Store], lender: int, again: bool) -> None:
    """By two windows at once, or while it is sent: it stood there twice, or as a draft of what had left."""
    versions = [blobs.prepare(mail(number), store.blobs) for number in range(3)]
    old = store.write_now(webmail.replace_draft, lender, 0, versions[0], NO_QUOTA)

    def save(tx: Tx) -> int:
        return webmail.replace_draft(tx, lender, old, versions[1], NO_QUOTA)

    def send(tx: Tx) -> Any:
        terms = Terms("edupont@x.fr", ("x@y.fr",))
        return outbox.hold(tx, lender, b"l" * 32, old, versions[2], terms, FOR_EVER, NO_QUOTA, planned=True)

    _, refused = behind(make_store, save if again else send, save)
    assert refused is Reason.CONFLICT
    drafts = store.read_now(mailboxes.get, lender, "Drafts")
    assert drafts.messages == int(again)


def test_of_two_windows_one_sends_what_is_sent_once(store: Store, make_store: Callable[[], Store], lender: int) -> None:
    """As a receipt."""
    box = store.read_now(mailboxes.get, lender, "INBOX")
    read = store.write_now(messages.append, lender, box.id, blobs.prepare(mail(1), store.blobs)).content_id

    def first_time(tx: Tx) -> bool:
        return webmail.flag_once(tx, lender, read, "$MDNSent")

    assert behind(make_store, first_time, first_time) == [True, False]


def test_what_a_relay_takes_while_its_account_is_secured_is_held_when_it_comes_back(
    store: Store, make_store: Callable[[], Store], lender: int
) -> None:
    """It was on record as held, and so was let go as what an operator had let go."""

    def queue(tx: Tx) -> int:
        content_id, _ = messages.store_content(tx, blobs.prepare(mail(1), store.blobs))
        options = Options(name="A" * 16, account_id=lender)
        return spool.enqueue(tx, content_id, "edupont@x.fr", ["y@z.fr"], lifetime=1000, options=options)

    def secure(tx: Tx) -> int:
        return securing.secure(tx, ORIGIN, lender, lambda *_: None).queued

    store.write_now(queue)
    (taken,), _ = behind(make_store, lambda tx: spool.lease(tx, 9), secure)
    store.write_now(spool.give_back, [(taken.id, taken.lease)])
    assert store.write_now(spool.lease, 9) == []
    (row,) = store.read_now(spool.show)
    assert row.error == HELD


def test_a_mailing_that_is_taken_back_while_its_author_is_secured_is_not_stopped(
    store: Store, make_store: Callable[[], Store], lender: int
) -> None:
    """Whoever resumed it would have sent it to those from whom it had been taken."""

    def begin(tx: Tx) -> int:
        content_id, _ = messages.store_content(tx, blobs.prepare(mail(1), store.blobs))
        came, options = Provenance(Door.SUBMISSION, lender), Options(name="B" * 16)
        head = lender, Population.PUPIL, "Annonce", 99, "edupont@x.fr", (), options, came
        return mailings.begin(tx, content_id, Wanted(*head, 9, 0, "{}", State.APPROVED, FOR_EVER, actor="mmartin"))

    number = store.write_now(begin)

    def take_back(tx: Tx) -> None:
        mailings.move(tx, ORIGIN, number, lambda _: State.WITHDRAWN, "withdrawing")

    assert behind(make_store, take_back, lambda tx: mailings.stop_all(tx, ORIGIN, lender)) == [None, 0]
    assert store.read_now(mailings.get, number).state is State.WITHDRAWN


def test_what_is_brought_twice_at_once_is_there_once(
    store: Store, make_store: Callable[[], Store], lender: int
) -> None:
    box = store.read_now(mailboxes.get, lender, "Classe")
    brought = [(blobs.prepare(mail(number), store.blobs), (), 0) for number in range(2)]

    def bring(tx: Tx) -> int:
        return webmail.append_new(tx, lender, box.id, brought, NO_QUOTA)[0]

    assert behind(make_store, bring, bring) == [2, 0]
    assert store.read_now(messages.usage, lender)[1] == 2
