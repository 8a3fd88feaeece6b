"""What happens between two looks: the collector beside a delivery, a rule that moves while rules are read."""

import asyncio
import random
import threading
from collections.abc import Callable
from typing import Any

import pytest

from mailserver.model.identity import Population
from mailserver.rules.policy_cache import PolicyCache
from mailserver.store.account import rules
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs, collect, mailboxes, messages
from mailserver.store.people.mailing_lists import lists
from mailserver.store.queue.held import moderation_queue
from mailserver.store.queue.held.moderation_queue import Hold
from mailserver.store.record.audit import Origin
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
