"""Attempts that other servers took whole are settled together, on both engines."""

import asyncio
from pathlib import Path

import pytest

from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs, messages
from mailserver.store.queue import spool, traces
from mailserver.store.queue.spool import Leased, Options
from mailserver.store.queue.traces import Step, Trace
from smtp.relay.settling import MOST_UNSETTLED, SETTLED_TOGETHER, Settling, Taken

COUNT = SETTLED_TOGETHER + 20


def enqueue(tx: Tx) -> None:
    content_id, _ = messages.store_content(tx, blobs.prepare(b"Subject: x\r\n\r\nx\r\n", Path()))
    for number in range(COUNT):
        options = Options(name=f"M{number}")
        spool.enqueue(tx, content_id, "a@b.fr", [f"x@d{number}.fr"], lifetime=1000, options=options)


def taken(row: Leased, sender: str = "a@b.fr") -> Taken:
    addresses = [one.address for one in row.recipients]
    return Taken(row, [Trace(Step.SENT, row.name, sender, addresses)], addresses)


def steps(store: Store, name: str) -> list[Step]:
    return [one.step for one in store.read_now(traces.whole, name).steps]


@pytest.fixture
def rows(store: Store) -> list[Leased]:
    store.write_now(enqueue)
    return store.write_now(spool.lease, 2 * COUNT)


async def test_each_is_told_once_it_is_on_disk(store: Store, rows: list[Leased]) -> None:
    settling = Settling(store)

    async def settle(row: Leased) -> list[Step]:
        await settling.settle(taken(row))
        return steps(store, row.name)

    assert await asyncio.gather(*map(settle, rows)) == [[Step.SENT]] * COUNT
    assert store.read_now(spool.show) == []


async def test_one_that_cannot_be_put_down_keeps_no_other_from_it(store: Store, rows: list[Leased]) -> None:
    settling = Settling(store)
    work = [settling.settle(taken(row, "a@b.fr" if number else "\udcff")) for number, row in enumerate(rows)]
    first, *others = await asyncio.gather(*work, return_exceptions=True)
    assert isinstance(first, ValueError)
    assert others == [None] * (COUNT - 1)
    assert [one.name for one in store.read_now(spool.show)] == [rows[0].name]


async def test_who_is_cut_off_is_settled_all_the_same(store: Store, rows: list[Leased]) -> None:
    settling = Settling(store)
    tasks = [asyncio.create_task(settling.settle(taken(row))) for row in rows]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await settling.finish()
    assert store.read_now(spool.show) == []


async def test_there_is_room_again_once_they_are_on_disk(store: Store, rows: list[Leased]) -> None:
    settling = Settling(store)
    tasks = [asyncio.create_task(settling.settle(taken(row))) for row in rows[:MOST_UNSETTLED]]
    assert settling.has_room
    await asyncio.sleep(0)
    assert not settling.has_room
    await asyncio.gather(*tasks)
    assert settling.has_room


async def test_who_stops_waits_for_no_turn(store: Store, rows: list[Leased]) -> None:
    """Cut off in it, the record of who has the message would be lost."""
    settling = Settling(store)
    await settling.settle(taken(rows[0]))
    waiting = asyncio.create_task(settling.turn())  # the rest after a unit is not over
    await asyncio.sleep(0)
    settling.hurry()
    later = asyncio.create_task(settling.turn())
    await asyncio.sleep(0)
    assert waiting.done()
    assert later.done()
    await settling.finish()
    await asyncio.wait_for(settling.turn(), 30)
