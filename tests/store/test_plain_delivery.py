"""Messages that go to one INBOX each, delivered together: one statement of PostgreSQL, and what it leaves out."""

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import func, select, text, update

from mailserver.delivery import units
from mailserver.delivery.deliver import Delivery
from mailserver.delivery.envelope import Envelope, Part, Recipient
from mailserver.foundation.settings import Settings, secret_variable
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.runtime.directory_adapter import make_directory
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs, messages
from mailserver.store.queue.traces import Step, Trace
from mailserver.store.schema.mail.messages import content, mailbox, message
from mailserver.store.schema.service.console import message_trace
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
        self.real = {account: store.read_now(inbox_of, account) for account in self.accounts}
        self.inboxes = dict(self.real)
        """As they are remembered."""

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
        assert done[2][account] == self.real[account]
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


async def test_a_mailbox_that_is_remembered_and_wrong_refuses_nothing(store: Store) -> None:
    """Another server lacks it, or has given its number to somebody else's: the message is in the account's INBOX."""
    boxes = Boxes(store, 2)
    first, second = boxes.accounts
    boxes.inboxes[first] += 1_000_000
    await asyncio.gather(boxes.deliver(1, first), boxes.deliver(2, second))
    boxes.inboxes[first] = boxes.inboxes[second]
    await boxes.deliver(3, first)
    boxes.check({first: [1, 3], second: [2]})


async def test_who_stores_the_same_octets_holds_up_nobody_else(store: Store) -> None:
    boxes = Boxes(store, 2)
    first, second = boxes.accounts
    begun, go_on = threading.Event(), threading.Event()
    parts, *_ = boxes.asked(1, first)

    def hold(tx: Tx) -> None:
        messages.store_content(tx, parts[0].prepared)
        begun.set()
        assert go_on.wait(PATIENCE)

    holding = asyncio.create_task(store.write(hold))
    assert await asyncio.to_thread(begun.wait, PATIENCE)
    waits = asyncio.create_task(boxes.deliver(1, first))
    passes = asyncio.create_task(boxes.deliver(2, second))
    try:
        if not store.keeps_order:
            await asyncio.wait_for(passes, PATIENCE / 2)
            assert not waits.done()
    finally:
        go_on.set()
    await asyncio.gather(holding, waits, passes)
    boxes.check({first: [1], second: [2]})


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


async def test_inboxes_are_forgotten_when_another_server_may_be_there(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which has given the number of an account's INBOX to another mailbox of it."""
    if store.keeps_order:
        return  # a file is always itself
    (account,) = Boxes(store, 1).accounts
    monkeypatch.setenv(secret_variable("hmac"), "x" * 32)
    settings = Settings(domain="academie.example", directory=tmp_path)
    directory = make_directory(settings, store, store.clock)
    delivery = Delivery(settings=settings, store=store, directory=directory, clock=store.clock, changes=store.changes)

    async def deliver(number: int) -> None:
        envelope = Envelope("", (Recipient("u@academie.example", (account,)),), door=Door.SERVICE)
        await delivery.deliver(envelope, OCTETS % (number, number))

    await deliver(1)
    await store.write(_swap, account)
    store.changes.publish_all()
    await deliver(2)
    assert await store.read(_subjects, account) == {"Drafts": ["Numéro 1"], "INBOX": ["Numéro 2"]}


def _swap(tx: Tx, account_id: int) -> None:
    for before, after in (("INBOX", "x"), ("Drafts", "INBOX"), ("x", "Drafts")):
        tx.execute(update(mailbox).values(name=after).filter_by(account_id=account_id, name=before))


def _subjects(tx: Tx, account_id: int) -> dict[str, list[str]]:
    rows = tx.execute(
        select(mailbox.c.name, content.c.subject)
        .join(message, message.c.mailbox_id == mailbox.c.id)
        .join(content, content.c.id == message.c.content_id)
        .where(mailbox.c.account_id == account_id)
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.name, []).append(row.subject)
    return found


async def test_what_a_process_remembers_is_forgotten_when_another_server_may_be_there(store: Store) -> None:
    def remember(tx: Tx) -> None:
        tx.memory.put("segment", b"words", 5)

    def recall(tx: Tx) -> object:
        return tx.memory.get("segment")

    await store.read(remember)
    store.changes.publish_all()
    assert await store.read(recall) == (b"words" if store.keeps_order else None)
