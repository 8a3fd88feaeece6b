"""A worker of a running service is killed in the middle of the work; the one that takes its place goes on."""

import asyncio
import os
import signal
from collections.abc import Callable

from sqlalchemy import text, update

from mailserver.cli.shared import settings_of
from mailserver.foundation.changes import Changes
from mailserver.model.clock import SystemClock
from mailserver.outbound.withdrawal import service as module
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.schema.mail.withdrawal import withdrawal
from mailserver.store.withdrawal import rows
from tests.harness import Instance, workers_of
from tests.imap.world import create_account
from tests.outbound.withdrawal.mail import IT, letter, put, withdrawals
from tests.waiting import until

PEOPLE = 150
SLOW = """
    CREATE TRIGGER slow AFTER INSERT ON withdrawn WHEN new.id > :first
    BEGIN SELECT count(*) FROM message a, message b, message c, message d, message e; END
"""
"""In the middle of the second unit the database has something to do for longer than anybody waits."""


def fill(tx: Tx, store: Store) -> int:
    people = [create_account(tx, f"p{number}") for number in range(PEOPLE)]
    return put(tx, store.blobs, letter(), people)


def boxes(tx: Tx) -> list[tuple[int, int, int]]:
    """Messages, octets and the mod-sequence of everybody's INBOX."""
    found = tx.execute(text("SELECT messages, octets, modseq FROM mailbox WHERE name = 'INBOX' AND modseq > 1"))
    return [tuple(row) for row in found]


def go_on(tx: Tx) -> None:
    """As if the lease of the one that is gone were over."""
    tx.execute(text("DROP TRIGGER slow"))
    tx.execute(update(withdrawal).values(leased=0))


def test_a_worker_that_is_killed_is_followed_by_another(fresh: Callable[..., Instance]) -> None:
    instance = fresh()
    settings = settings_of(instance.directory)
    store = Store(settings.database_url, settings.data, SystemClock(), Changes(), readers=1, writers=1)
    content = store.write_now(fill, store)
    first = module.FIRST
    store.write_now(lambda tx: tx.execute(text(SLOW.replace(":first", str(first + 10)))))
    instance.start("--workers", "1")

    async def begin() -> int:
        service = withdrawals(store)
        return await service.begin(await service.preview(content, alike=False), 0, IT)

    number = asyncio.run(begin())
    until(lambda: store.read_now(rows.get, number).taken)
    (worker,) = workers_of(instance)
    os.kill(instance.pid, signal.SIGSTOP)  # nobody takes its place before the database is mended
    os.kill(worker, signal.SIGKILL)
    store.write_now(go_on)
    assert store.read_now(rows.get, number).taken == first
    there = store.read_now(boxes)
    assert (there.count((0, 0, 3)), there.count((1, len(letter()), 2))) == (first, PEOPLE - first)
    os.kill(instance.pid, signal.SIGCONT)
    until(lambda: store.read_now(rows.get, number).swept)
    act = store.read_now(rows.get, number)
    assert (act.taken, store.read_now(rows.kept, number)) == (PEOPLE, (PEOPLE, PEOPLE))
    assert store.read_now(boxes) == [(0, 0, 3)] * PEOPLE
    assert workers_of(instance) != [worker]
    store.close()
