"""Several hosts over one PostgreSQL: news are not lost, turns go by the database's clock, connections are bounded."""

import asyncio
import os
import signal
import time
from collections.abc import Callable

import psycopg
import pytest
from sqlalchemy import QueuePool, func, select, text, update

from mailserver.background.index_worker import Indexer
from mailserver.foundation.settings import Database
from mailserver.model.clock import DAY
from mailserver.model.errors import Temporary
from mailserver.store.engine import news
from mailserver.store.engine.server_time import server_time
from mailserver.store.engine.statements import Tx
from mailserver.store.engine.transactions import Store, connections_of
from mailserver.store.schema.certificates import acme_certificate
from mailserver.store.schema.search import search_text
from mailserver.store.search import index
from mailserver.store.upkeep import caretaking, certificates
from tests.store.test_search import fill
from tests.waiting import becomes

MANY = 100


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
        monkeypatch.setattr(news, "ANSWER_SECONDS", 0.2)
        frozen = await here.read(listeners)
        assert len(frozen) == 1
        os.kill(frozen[0], signal.SIGSTOP)
        heard.clear()
        monkeypatch.setattr(news, "ANSWER_SECONDS", 20.0)
        await becomes(lambda: heard)
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
    assert await gone.write(index.take_lease, gone.worker)
    indexer = Indexer(store=store, clock=store.clock, changes=store.changes)
    asked: list[bool] = []
    ask = index.is_elsewhere

    def watch(tx: Tx, worker: int) -> bool:
        asked.append(ask(tx, worker))
        return asked[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "is_elsewhere", watch)
        patch.setattr("mailserver.background.index_worker.PERIOD", 0.01)
        task = asyncio.create_task(indexer.run())
        try:
            await becomes(lambda: len(asked) > 2)
            assert all(asked)
            assert await store.read(texts) == 0
            await gone.write(index.release_lease, gone.worker)
            await becomes(lambda: not all(asked))
            while not await store.read(texts):
                await asyncio.sleep(0.01)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_turns_are_by_the_clock_of_the_database(
    make_store: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = make_store(), make_store()
    if one.backend.dialect == "sqlite":
        return
    assert await one.write(caretaking.take_lease, one.worker)
    assert await one.write(index.take_lease, one.worker)
    assert await one.write(certificates.take_lease, 600, due_only=False)
    real = time.time
    for ahead in (3600, -3600):
        monkeypatch.setattr(time, "time", lambda ahead=ahead: real() + ahead)
        assert not await other.write(caretaking.take_lease, other.worker), "its clock is not asked"
        assert not await other.write(index.take_lease, other.worker)
        assert await other.read(index.is_elsewhere, other.worker)
        assert not await other.write(certificates.take_lease, 600, due_only=False)
        assert await one.write(caretaking.take_lease, one.worker)


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
        held, now = await one.read(certificates.get), await one.read(server_time)
        if one.backend.dialect == "sqlite":
            assert await one.write(certificates.take_lease, 0, due_only=True)
        elif done is not None:
            assert now < held.due <= now + 3600
        else:
            assert now < held.until <= now + 600
        await one.write(lambda tx: tx.execute(update(acme_certificate).values(due=0)))


async def test_connections_are_bounded_and_a_shortage_is_told(
    make_store: Callable[[], Store], capfd: pytest.CaptureFixture[str]
) -> None:
    store = make_store()
    if store.backend.dialect == "sqlite":
        return
    database = Database(readers=2, writers=3)
    assert connections_of(database, 2) - connections_of(database, 1) == 2 + 3 + 2 + 4 + 1
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
