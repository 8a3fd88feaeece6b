"""Messages that go to one INBOX each, delivered together: one statement of PostgreSQL, and what it leaves out."""

import asyncio
import threading
from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import func, select, text, update

from mailserver.delivery import units
from mailserver.delivery.envelope import Part
from mailserver.model.errors import Reason, Refused
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs
from mailserver.store.queue.traces import Step, Trace
from mailserver.store.schema.console import message_trace
from mailserver.store.schema.mail import content, mailbox, message
from tests.store.conftest import create_account, held
from tests.waiting import PATIENCE, becomes

OCTETS = b"From: anne@exemple.fr\r\nSubject: Num\xc3\xa9ro %d\r\nMessage-ID: <%d@exemple.fr>\r\n\r\nBonjour.\r\n"


def inbox_of(tx: Tx, account_id: int) -> int:
    return int(tx.execute(select(mailbox.c.id).filter_by(account_id=account_id, name="INBOX")).scalar_one())


class Boxes:
    """Some people's INBOX, and messages for them."""

    def __init__(self, store: Store, count: int) -> None:
        self.store = store
        self.accounts = [store.write_now(create_account, f"personne{number}") for number in range(count)]
        self.inboxes = {account: store.read_now(inbox_of, account) for account in self.accounts}

    def asked(self, number: int, account: int) -> tuple[list[Part], dict[int, int], int, Trace]:
        octets = OCTETS % (number, number)
        prepared = blobs.prepare(octets, self.store.blobs)
        name = f"{number:026}"
        trace = Trace(Step.RECEIVED, name, "anne@exemple.fr", ["u@academie.example"], len(octets))
        part = Part(prepared, "anne@exemple.fr", (account,), provenance=Provenance(Door.SMTP))
        return [part], dict(self.inboxes), 100, trace

    async def deliver(self, number: int, account: int) -> int:
        asked = self.asked(number, account)
        assert units.is_plain(asked[0], asked[1], asked[3])
        done = await self.store.write_together(units.deliver_together, units.deliver_parts, *asked)
        assert done[2][account] == self.inboxes[account]
        return done[0]

    def check(self, expected: dict[int, list[int]]) -> None:
        """The numbers of each account's messages, in their order."""
        assert self.store.read_now(self._found) == {account: sorted(each) for account, each in expected.items()}
        self.store.read_now(_check_counters)

    def _found(self, tx: Tx) -> dict[int, list[int]]:
        rows = tx.execute(
            select(mailbox.c.account_id, content.c.subject)
            .join(message, message.c.mailbox_id == mailbox.c.id)
            .join(content, content.c.id == message.c.content_id)
        )
        found: dict[int, list[int]] = {}
        for row in rows:
            found.setdefault(row.account_id, []).append(int(row.subject.split()[1]))
        return {account: sorted(each) for account, each in found.items()}


def _check_counters(tx: Tx) -> None:
    """They say what there is; each message has a UID and a mod-sequence of its own, and is on record."""
    rows = tx.execute(
        select(
            *(mailbox.c[name] for name in ("uidnext", "modseq", "messages", "unseen", "octets")),
            func.count(message.c.uid),
            func.count(message.c.modseq.distinct()),
            func.coalesce(func.max(message.c.uid), 0),
            func.coalesce(func.max(message.c.modseq), 1),
            func.coalesce(func.sum(message.c.size), 0),
        )
        .outerjoin(message, message.c.mailbox_id == mailbox.c.id)
        .group_by(mailbox.c.id)
    )
    total = 0
    for row in rows:
        uidnext, modseq, messages, unseen, octets, count, modseqs, last, newest, sizes = tuple(row)
        assert (uidnext, modseq, octets) == (last + 1, newest, sizes)
        assert messages == unseen == count == modseqs
        total += count
    assert tx.execute(select(func.count(message_trace.c.name.distinct()))).scalar_one() == total
    assert tx.execute(text("SELECT count(*) FROM blob")).scalar_one() == total


async def test_many_at_once_are_each_delivered_once(make_store: Callable[[], Store]) -> None:
    """By two workers, so that they meet in mailboxes."""
    one, other = make_store(), make_store()
    boxes = Boxes(one, 5)
    also = Boxes.__new__(Boxes)
    also.__dict__ = {**boxes.__dict__, "store": other}
    work, expected = [], dict[int, list[int]]()
    for number in range(120):
        account = boxes.accounts[number % 5]
        expected.setdefault(account, []).append(number)
        work.append((boxes if number % 2 else also).deliver(number, account))
    contents = await asyncio.gather(*work)
    assert len(set(contents)) == 120
    assert 0 not in contents
    boxes.check(expected)


async def test_who_waits_for_a_mailbox_holds_up_nobody_else(store: Store) -> None:
    boxes = Boxes(store, 2)
    first, second = boxes.accounts
    begun, go_on = threading.Event(), threading.Event()

    def hold(tx: Tx) -> None:
        tx.execute(update(mailbox).values(recent=1).filter_by(id=boxes.inboxes[first]))
        begun.set()
        assert go_on.wait(PATIENCE)

    holding = asyncio.create_task(store.write(hold))
    assert await asyncio.to_thread(begun.wait, PATIENCE)
    waits = asyncio.create_task(boxes.deliver(1, first))
    passes = asyncio.create_task(boxes.deliver(2, second))
    if not store.keeps_order:
        await asyncio.wait_for(passes, PATIENCE)
        assert not waits.done()
    go_on.set()
    await asyncio.gather(holding, waits, passes)
    boxes.check({first: [1], second: [2]})


async def test_the_same_octets_are_stored_once(store: Store) -> None:
    boxes = Boxes(store, 2)
    first, second = boxes.accounts
    again = await asyncio.gather(boxes.deliver(7, first), boxes.deliver(7, second), boxes.deliver(7, first))
    assert len(set(again)) == 1
    assert await boxes.deliver(7, second) == again[0]

    def count(tx: Tx) -> tuple[int, ...]:
        return tuple(tx.execute(select(func.count()).select_from(table)).scalar_one() for table in (content, message))

    assert await store.read(count) == (1, 4)


async def test_a_mailbox_that_is_gone_is_refused_and_the_others_are_not(store: Store) -> None:
    boxes = Boxes(store, 2)
    first, second = boxes.accounts
    real = boxes.inboxes[first]
    boxes.inboxes[first] = real + 1_000_000
    found = await asyncio.gather(boxes.deliver(1, first), boxes.deliver(2, second), return_exceptions=True)
    assert isinstance(found[0], Refused)
    assert found[0].reason is Reason.NO_SUCH_MAILBOX
    boxes.inboxes[first] = boxes.inboxes[second]
    with pytest.raises(Refused):  # somebody else's
        await boxes.deliver(3, first)
    boxes.check({second: [2]})


async def test_watchers_hear_of_it_in_every_worker(pair: tuple[Store, Store]) -> None:
    boxes = Boxes(pair[0], 1)
    heard: set[int] = set()
    (account,) = boxes.accounts
    for number, store in enumerate(pair):
        store.changes.subscribe("mailbox", boxes.inboxes[account], partial(heard.add, number))
    await boxes.deliver(1, account)
    await becomes(lambda: len(heard) == 2)


async def test_what_cannot_be_written_together_is_by_itself(store: Store) -> None:
    """One that the database refuses spoils no other."""
    boxes = Boxes(store, 2)
    first, second = boxes.accounts
    await store.write(
        lambda tx: tx.execute(update(mailbox).values(octets=2**63 - 1).filter_by(id=boxes.inboxes[first]))
    )
    blocker, go_on = await held(store)
    work = asyncio.gather(boxes.deliver(1, first), boxes.deliver(2, second), return_exceptions=True)
    go_on.set()
    found = await work
    await blocker
    if not store.keeps_order:
        assert isinstance(found[0], Exception)
    assert isinstance(found[1], int)
