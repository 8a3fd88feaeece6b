"""A commit in one process wakes subscribers of another."""

import asyncio
from collections.abc import Callable
from functools import partial

import pytest

from mailserver.foundation import wakeups
from mailserver.foundation.changes import Change, Changes, Kind
from mailserver.store.engine import news
from mailserver.store.engine.transactions import Store, Tx
from tests.waiting import PATIENCE, becomes


def touch(tx: Tx, account_id: int, mailbox_id: int) -> None:
    tx.changed(account_id, mailbox_id)


async def test_news_reach_both_workers_once(pair: tuple[Store, Store]) -> None:
    here, there = pair
    heard: list[str] = []
    later: set[str] = set()
    here.changes.subscribe("mailbox", 7, lambda: heard.append("here"))
    there.changes.subscribe("mailbox", 7, lambda: heard.append("there"))
    there.changes.subscribe("mailbox", 8, lambda: heard.append("other mailbox"))
    here.changes.subscribe("mailbox", 9, lambda: later.add("here"))
    there.changes.subscribe("mailbox", 9, lambda: later.add("there"))
    before = there.changes.generation()
    await here.write(touch, 1, 7)
    await here.write(touch, 1, 9)  # news come in the order of commits
    await becomes(lambda: len(later) == 2)
    assert sorted(heard) == ["here", "there"]
    assert there.changes.generation() != before


async def test_a_ring_brings_news_without_polling(
    make_store: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ring during the pause after a look is heard, too; and one that came before anybody listened."""
    monkeypatch.setattr(news, "UNHEARD_SECONDS", 3600)
    here, there = make_store(), make_store()
    if here.backend.dialect != "sqlite":
        return
    ours, theirs = wakeups.create(2)
    loop = asyncio.get_running_loop()
    carriers = [
        news.carrier(store.backend, store.worker, store.changes, wakeup)
        for store, wakeup in ((here, ours), (there, theirs))
    ]
    here.changes.attach(loop, carriers[0].generation, carriers[0].catch_up, carriers[0].ring)
    heard: list[int] = []
    there.changes.subscribe("mailbox", 7, lambda: heard.append(1))
    await here.write(touch, 1, 7)
    carrying = asyncio.create_task(carriers[1].run())
    for number in range(2, 40):
        async with asyncio.timeout(PATIENCE):
            while len(heard) < number - 1:
                await asyncio.sleep(0.001)
        await asyncio.sleep(number % 4 * 0.003)
        await here.write(touch, 1, 7)
    carrying.cancel()
    await asyncio.gather(carrying, return_exceptions=True)
    carriers[0].close()
    wakeups.close([ours, theirs])


async def test_commits_of_processes_without_a_bell_are_seen_all_the_same(make_store: Callable[[], Store]) -> None:
    command, worker = make_store(), make_store()
    (wakeup,) = wakeups.create(1)
    carrier = news.carrier(worker.backend, worker.worker, worker.changes, wakeup)
    worker.changes.attach(asyncio.get_running_loop(), carrier.generation, carrier.catch_up, carrier.ring)
    heard = asyncio.Event()
    worker.changes.subscribe("account", 3, heard.set)
    carrying = asyncio.create_task(carrier.run())
    await asyncio.sleep(0.3)
    heard.clear()
    await command.write(touch, 3, 0)
    await asyncio.wait_for(heard.wait(), PATIENCE)
    carrying.cancel()
    await asyncio.gather(carrying, return_exceptions=True)
    wakeups.close([wakeup])


async def test_generation_moves_before_the_writer_is_answered(pair: tuple[Store, Store]) -> None:
    here, _ = pair
    for _ in range(20):
        before = here.changes.generation()
        await here.write(touch, 1, 7)
        assert here.changes.generation() != before


async def test_failed_unit_publishes_nothing(pair: tuple[Store, Store]) -> None:
    here, _ = pair
    heard: list[int] = []
    later: set[int] = set()
    for number, store in enumerate(pair):
        store.changes.subscribe("account", 5, lambda: heard.append(1))
        store.changes.subscribe("account", 6, lambda number=number: later.add(number))  # type: ignore[misc]

    def fail(tx: Tx) -> None:
        tx.changed(5, 9)
        raise ValueError

    with pytest.raises(ValueError):
        await here.write(fail)
    await here.write(touch, 6, 10)  # news come in the order of commits
    await becomes(lambda: len(later) == 2)
    assert heard == []


async def test_many_changes_in_one_unit(pair: tuple[Store, Store]) -> None:
    here, there = pair
    heard: set[int] = set()
    for number in range(1, 1001):
        there.changes.subscribe("mailbox", number, lambda number=number: heard.add(number))  # type: ignore[misc]

    def touch_all(tx: Tx) -> None:
        for number in range(1, 1001):
            tx.changed(1, number)

    await here.write(touch_all)
    await becomes(lambda: len(heard) == 1000)


async def test_of_many_units_each_is_heard(pair: tuple[Store, Store]) -> None:
    """What comes while a worker rests from news comes with the next ones."""
    here, there = pair
    heard: set[int] = set()
    for number in range(1, 301):
        there.changes.subscribe("mailbox", number, lambda number=number: heard.add(number))  # type: ignore[misc]
    for first in range(1, 301, 30):
        await asyncio.gather(*(here.write(touch, 1, first + number) for number in range(30)))
    await becomes(lambda: len(heard) == 300)


async def test_who_rests_reads_all_that_has_come(pair: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of PostgreSQL one reading is 16 KiB at most, and over TLS one record: a rest is after all of them."""
    for pause in ("FIRST_PAUSE", "POLL_SECONDS", "QUIET_SECONDS"):
        monkeypatch.setattr(news, pause, 1.5)
    here, there = pair
    heard = asyncio.Event()
    large = 10**14
    there.changes.subscribe("mailbox", large + 30_000, heard.set)

    def touch_many(tx: Tx) -> None:
        for number in range(1, 30_001):
            tx.changed(large + number, large + number)

    await here.write(touch_many)
    await asyncio.wait_for(heard.wait(), PATIENCE)


async def test_lost_news_wake_everybody(make_store: Callable[[], Store]) -> None:
    store = make_store()
    carrier = news.carrier(store.backend, store.worker, store.changes)
    if not isinstance(carrier, news.SqliteCarrier):
        return
    woken: list[int] = []
    store.changes.subscribe("mailbox", 99, lambda: woken.append(1))
    for _ in range(3):
        await store.write(touch, 1, 7)
    carrier._ask("DELETE FROM news WHERE id = 1")
    carrier._read()
    assert woken == [1]
    carrier.close()


def test_much_news_at_once_wakes_those_who_watch_and_nobody_else() -> None:
    changes = Changes()
    woken: list[str] = []
    watched: tuple[tuple[Kind, int], ...] = (("mailbox", 5), ("account", 7), ("mailbox", 999999), ("account", 999999))
    for kind, key in watched:
        changes.subscribe(kind, key, partial(woken.append, f"{kind} {key}"))
    changes.publish([Change(account, account) for account in range(5000)])
    assert woken == ["mailbox 5", "account 7"]


def test_news_are_awaited_while_a_session_subscribes() -> None:
    """What services keep for all has keys that are no id; a doubled stop counts once."""
    changes = Changes()
    changes.subscribe("account", 0, lambda: None)
    changes.subscribe("mailbox", -1, lambda: None)
    assert not changes.awaited
    stops = [changes.subscribe("mailbox", 7, lambda: None), changes.subscribe("account", 7, lambda: None)]
    stops[0]()
    stops[0]()
    assert changes.awaited
    stops[1]()
    assert not changes.awaited


async def test_who_asks_at_once_sees_what_a_neighbour_has_acknowledged(make_store: Callable[[], Store]) -> None:
    """By the counts of rings: nobody has to wait for the carrier's look."""
    here, there = make_store(), make_store()
    if here.backend.dialect != "sqlite":
        return
    hung = wakeups.create(2)
    carriers = [
        news.carrier(store.backend, store.worker, store.changes, wakeup)
        for store, wakeup in zip((here, there), hung, strict=True)
    ]
    for store, carrier in zip((here, there), carriers, strict=True):
        store.changes.attach(asyncio.get_running_loop(), carrier.generation, carrier.catch_up, carrier.ring)
    heard: list[int] = []
    there.changes.subscribe("mailbox", 7, lambda: heard.append(1))
    there.changes.catch_up()
    for number in range(1, 20):
        await here.write(touch, 1, 7)
        there.changes.catch_up()
        there.changes.catch_up()
        assert len(heard) == number
    for carrier in carriers:
        carrier.close()
    wakeups.close(hung)
