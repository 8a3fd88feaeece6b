"""Several hosts over one PostgreSQL: news are not lost, turns go by the database's clock, connections are bounded."""

import asyncio
import dataclasses
import functools
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import QueuePool, delete, func, select, text, update

from directory.imports.import_setup import alone
from mailserver.background.blob_gc import BlobCollector
from mailserver.background.index_worker import Indexer
from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import Database, Settings, Storage
from mailserver.model.clock import DAY, HOUR, SystemClock
from mailserver.model.errors import Temporary
from mailserver.store.engine import news
from mailserver.store.engine.statements import Tx
from mailserver.store.engine.transactions import RELAY_CONNECTIONS, Store, connections_of
from mailserver.store.mail import collect
from mailserver.store.octets.files import files_of
from mailserver.store.queue import spool, waiting
from mailserver.store.schema.account.accounts import caretaker_lease
from mailserver.store.schema.mail.search import search_lease, search_text
from mailserver.store.schema.service.certificates import acme_certificate
from mailserver.store.search import indexing_lease
from mailserver.store.upkeep import caretaking, certificates
from mailserver.store.web import push_subscriptions
from tests.conftest import StoreMaker
from tests.smtp.test_spool import enqueue
from tests.store.test_search import fill
from tests.waiting import FELT, becomes

DOMAIN = "ac-exemple.fr"
MANY = 100
BROWSER = push_subscriptions.NewSubscription("https://push.fr/1", b"", b"", b"", "", "fr")
LONG = 600
"""Seconds of a lease: no machine is so slow, and a clock that is off is further off."""


def touch(tx: Tx, mailbox_id: int) -> None:
    tx.changed(1, mailbox_id)


def texts(tx: Tx) -> int:
    return int(tx.execute(select(func.count()).select_from(search_text)).scalar_one())


def listeners(tx: Tx) -> list[int]:
    """Server processes of connections that wait for news."""
    asked = "query IN ('SELECT 1', 'LISTEN mailserver_news')"
    found = tx.execute(text(f"SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND {asked}"))
    return [row[0] for row in found]


async def test_a_server_that_says_nothing_is_left(
    make_store: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that is cut off is told of nothing, and hears of nothing: it looks at once when it listens again."""
    here, there = make_store(), make_store()
    if here.backend.dialect == "sqlite":
        return
    monkeypatch.setattr(news, "SILENT_SECONDS", 0.05)
    carrier = news.carrier(there.backend, there.worker, there.changes)
    there.changes.attach(asyncio.get_running_loop(), carrier.generation)
    heard: list[int] = []
    there.changes.subscribe("mailbox", 7, lambda: heard.append(7))
    task = asyncio.create_task(carrier.run())
    try:
        await becomes(lambda: heard)
        frozen = await here.read(listeners)
        assert len(frozen) == 1
        os.kill(frozen[0], signal.SIGSTOP)
        heard.clear()
        monkeypatch.setattr(news, "ANSWER_SECONDS", 0.2)
        await becomes(lambda: heard)
        monkeypatch.setattr(news, "ANSWER_SECONDS", 20.0)
        os.kill(frozen[0], signal.SIGCONT)
        heard.clear()
        await here.write(touch, 7)
        await becomes(lambda: heard)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_no_notice_is_lost_while_the_server_is_asked(
    make_store: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = make_store(), make_store()
    if here.backend.dialect == "sqlite":
        return
    monkeypatch.setattr(news, "SILENT_SECONDS", 0.002)
    carrier = news.carrier(there.backend, there.worker, there.changes)
    there.changes.attach(asyncio.get_running_loop(), carrier.generation)
    task = asyncio.create_task(carrier.run())
    await becomes(carrier.generation)
    heard: set[int] = set()
    for number in range(1, MANY + 1):
        there.changes.subscribe("mailbox", number, lambda number=number: heard.add(number))  # type: ignore[misc]
    await asyncio.gather(*(here.write(touch, number) for number in range(1, MANY + 1)))
    try:
        await becomes(lambda: len(heard) == MANY)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_a_host_left_undone_another_does(make_store: Callable[[], Store], edupont: int) -> None:
    """Although nothing is committed any more that would wake it."""
    gone, store = make_store(), make_store()
    fill(store, edupont, 3)
    assert await gone.write(indexing_lease.take_lease, gone.worker)
    indexer = Indexer(store=store, clock=store.clock, changes=store.changes)
    asked: list[bool] = []
    ask = indexing_lease.is_elsewhere

    def watch(tx: Tx, worker: int) -> bool:
        asked.append(ask(tx, worker))
        return asked[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(indexing_lease, "is_elsewhere", watch)
        patch.setattr("mailserver.background.index_worker.PERIOD", 0.01)
        task = asyncio.create_task(indexer.run())
        try:
            await becomes(lambda: len(asked) > 2)
            assert all(asked)
            assert await store.read(texts) == 0
            await gone.write(indexing_lease.release_lease, gone.worker)
            await becomes(lambda: not all(asked))
            while not await store.read(texts):
                await asyncio.sleep(0.01)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


class WrongClock(SystemClock):
    """Of a host that is so many seconds ahead."""

    def __init__(self, ahead: float) -> None:
        self.ahead = ahead

    def wall(self) -> float:
        return super().wall() + self.ahead


@pytest.fixture(params=[HOUR, -HOUR])
def hosts(make_store: StoreMaker, request: pytest.FixtureRequest) -> Iterator[tuple[Store, Store]]:
    """One whose clock is the database's, and one whose clock is an hour off."""
    right = make_store()
    wrong = Store(right.url, right.data, WrongClock(request.param), Changes(), readers=2, writers=3)
    yield right, wrong
    wrong.close()


async def test_turns_are_by_the_clock_of_the_database(
    hosts: tuple[Store, Store], edupont: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = hosts
    if one.backend.dialect == "sqlite":
        return
    for module in (caretaking, indexing_lease, push_subscriptions):
        monkeypatch.setattr(module, "LEASE_SECONDS", LONG)
    for first, second in ((one, other), (other, one)):
        number = await first.write(push_subscriptions.subscribe, edupont, BROWSER)
        assert await first.write(caretaking.take_lease, first.worker)
        assert await first.write(indexing_lease.take_lease, first.worker)
        assert await first.write(push_subscriptions.claim, number)
        obtaining = await first.write(certificates.take_lease, LONG, due_only=True)
        assert obtaining
        assert not await second.write(caretaking.take_lease, second.worker), "its clock is not asked"
        assert not await second.write(indexing_lease.take_lease, second.worker)
        assert await second.read(indexing_lease.is_elsewhere, second.worker)
        assert not await second.write(push_subscriptions.claim, number)
        assert not await second.write(certificates.take_lease, LONG, due_only=True)
        await first.write(end_leases, obtaining)


async def test_whoever_was_frozen_over_a_notification_says_nothing_of_it(
    make_store: StoreMaker, edupont: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen, other = make_store(), make_store()
    number = await other.write(push_subscriptions.subscribe, edupont, BROWSER)
    monkeypatch.setattr(push_subscriptions, "LEASE_SECONDS", -1)
    late = await frozen.write(push_subscriptions.claim, number)
    await asyncio.to_thread(fill, other, edupont, 1)
    monkeypatch.setattr(push_subscriptions, "LEASE_SECONDS", LONG)
    due = await other.write(push_subscriptions.claim, number)
    assert late is not None
    assert due is not None
    last = dataclasses.replace(late, failures=push_subscriptions.MAX_FAILURES - 1)
    for said in (
        functools.partial(push_subscriptions.told, what=late, reminded=0, pause=False),
        functools.partial(push_subscriptions.failed, what=last),
        functools.partial(push_subscriptions.gone, what=late),
    ):
        await frozen.write(said)
    await other.write(push_subscriptions.told, due, 0, pause=False)
    await frozen.write(push_subscriptions.told, late, 0, pause=False)
    assert await other.read(push_subscriptions.with_news, 10) == [], "it is not told again"
    assert [one.id for one in await other.read(push_subscriptions.listing, edupont)] == [number]


def end_leases(tx: Tx, obtaining: int) -> None:
    certificates.release(tx, obtaining)
    tx.execute(delete(caretaker_lease))
    tx.execute(delete(search_lease))


async def test_a_host_whose_clock_is_off_sends_nothing_twice_and_nothing_late(hosts: tuple[Store, Store]) -> None:
    if hosts[0].backend.dialect == "sqlite":
        return
    for first, second in (hosts, hosts[::-1]):
        await first.write(enqueue, "x@ailleurs.fr")
        (row,) = await first.write(spool.lease, 10, LONG)
        assert await second.write(spool.lease, 10, LONG) == [], "the other is sending it"
        await second.write(spool.renew, [(row.id, row.lease)], LONG)
        assert await first.write(spool.lease, 10, LONG) == []
        due = await second.read(spool.next_due)
        for host in hosts:
            assert due is not None
            assert 0 < due - host.clock.now() <= LONG, "so long it waits for one that is killed"
        again = int(first.clock.now()) + 60
        assert await first.write(spool.settle, row, [], due=again)
        assert await second.read(spool.next_due) == again
        assert again - second.clock.now() <= 60
        assert await second.write(waiting.hold, [row.id]) == 1
        assert await second.write(spool.retry, [row.id]) == 1
        (row,) = await second.write(spool.lease, 10, LONG)
        assert await second.write(spool.settle, row, [one.id for one in row.recipients])


async def test_every_date_of_a_host_is_the_databases(hosts: tuple[Store, Store]) -> None:
    """Also of a process that asks no database for a while, and whose clock is set meanwhile; SQLite is its host's."""
    one, other = hosts
    assert isinstance(other.clock, WrongClock)
    before, off = other.clock.wall(), other.clock.ahead
    for host in hosts:
        await host.read(texts)
    if one.backend.dialect == "sqlite":
        assert other.clock.now() >= before
        assert other.clock.skew == 0.0
        return
    assert abs(other.clock.skew - off) < FELT
    assert abs(other.clock.now() - one.clock.now()) < FELT
    assert await other.read(lambda tx: abs(tx.now - one.clock.now())) < FELT
    other.clock.ahead = 0.0
    assert abs(other.clock.now() - one.clock.now()) < FELT, "set right, it has moved nothing"
    assert abs(other.clock.skew) < FELT


def test_a_slow_answer_moves_a_clock_no_further_than_it_proves() -> None:
    clock = WrongClock(0.0)
    clock.follow(clock.now() - 50.0, 60.0)
    assert abs(clock.skew) < FELT, "it may have been said ten seconds from now"
    clock.follow(clock.now() - 100.0, 60.0)
    assert 40.0 - FELT < clock.skew < 40.0 + FELT
    clock.follow(clock.now() + 1000.0, 1.0)
    assert clock.skew < 40.0 + FELT - 1000.0


async def test_a_clock_that_was_wrong_keeps_nobody_from_renewing(
    make_store: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails for certain: no authority's own certificate is good by it. By a file's clock, what it set is too far."""
    one, other = make_store(), make_store()
    real = time.time
    for done in (certificates.fail, None):
        monkeypatch.setattr(time, "time", lambda: real() + 400 * DAY)
        lease = await other.write(certificates.take_lease, 600, due_only=True)
        assert lease
        if done is not None:
            assert await other.write(done, lease, "unreachable", "", 3600)
        monkeypatch.setattr(time, "time", real)
        held, now = await one.read(certificates.get), one.clock.now()
        if one.backend.dialect == "sqlite":
            assert await one.write(certificates.take_lease, 0, due_only=True)
        elif done is not None:
            assert now < held.due <= now + 3600
        else:
            assert now < held.until <= now + 600
        await one.write(lambda tx: tx.execute(update(acme_certificate).values(due=0)))


async def test_a_file_under_way_is_no_stray_on_a_host_whose_clock_is_behind(
    hosts: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = hosts[1]
    if host.backend.dialect == "sqlite":
        return
    monkeypatch.setattr(collect, "STRAY_AGE", LONG)
    collector = BlobCollector(store=host, clock=host.clock, folder=host.blobs, settings=Storage(stray_floor=10))
    for age, gone in ((LONG // 2, 0), (LONG + 1, 1)):
        name = files_of(host.blobs).write(b"of a message")
        dated = min(host.clock.wall(), host.clock.now()) - age
        os.utime(host.data / "blobs" / name, (dated, dated))
        assert await collector.remove_strays(int(name[:2], 16)) == gone


def test_whoever_only_looks_may_wait_for_octets(make_store: StoreMaker) -> None:
    """Writers hold locks, and may not: the looks of `check` are no units, although its store has no others."""
    store = make_store()
    if store.backend.dialect == "sqlite":
        return
    looking = Store(store.url, store.data, SystemClock(), Changes(), readers=1, writers=1, read_only=True)
    try:
        assert [looking.read_now(patience), store.read_now(patience)] == ["1min", "1min"]
        assert store.write_now(patience) == "10s"
    finally:
        looking.close()


def patience(tx: Tx) -> str:
    return str(tx.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one())


def test_one_import_at_a_time_on_whichever_host(make_store: StoreMaker, tmp_path: Path) -> None:
    store = make_store()
    if store.backend.dialect == "sqlite":
        return
    hosts = [Settings(domain=DOMAIN, directory=tmp_path / name, database=Database(url=store.url)) for name in "ab"]
    for settings in hosts:
        settings.data.mkdir(parents=True)
    for first, second in (hosts, hosts[::-1]):
        with alone(first), pytest.raises(Temporary, match="import"), alone(second):
            pass
        with alone(second):
            pass


async def test_connections_are_bounded_and_a_shortage_is_told(
    make_store: Callable[[], Store], capfd: pytest.CaptureFixture[str]
) -> None:
    store = make_store()
    if store.backend.dialect == "sqlite":
        return
    database = Database(readers=2, writers=3)
    assert connections_of(database, 4) - connections_of(database, 3) == 2 + 3 + 2 + 4 + 1
    assert connections_of(database, 2) - connections_of(database, 1) == 2 + 3 + 2 + 4 + 1 + RELAY_CONNECTIONS
    pool = store.backend.engine.pool
    assert isinstance(pool, QueuePool)
    assert (pool.size(), pool._max_overflow) == (2 + 3 + 2 + 4, 0)
    url = store.backend.engine.url.set(drivername="postgresql")
    name = url.database
    with psycopg.connect(url.set(database="postgres").render_as_string(hide_password=False), autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        try:
            for _ in range(3):
                with pytest.raises(Temporary):
                    await store.read(texts)
        finally:
            admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    said = capfd.readouterr().out
    assert said.count("no connection to the database") == 1
    assert "not currently accepting connections" in said
    assert await store.read(texts) == 0
