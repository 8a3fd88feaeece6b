"""The database goes away, fills up, or comes back: callers hear `Temporary`, threads and news live on."""

import asyncio
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from mailserver.foundation.changes import Changes
from mailserver.model.clock import SystemClock
from mailserver.model.errors import NoRoom, Temporary
from mailserver.store.engine import news, writing
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.octets.disk import DiskFiles
from mailserver.store.schema.mail.messages import orphan
from tests.postgres import Postgres
from tests.schema import create_schema
from tests.store.conftest import handed_over, held
from tests.waiting import PATIENCE


def add(tx: Tx, number: int) -> int:
    tx.execute(insert(orphan).values(id=number, content_id=number, since=0))
    tx.changed(1, 7)
    return number


def numbers(tx: Tx) -> list[int]:
    return [row[0] for row in tx.execute(select(orphan.c.id).order_by(orphan.c.id))]


@pytest.fixture
def cluster() -> Iterator[Postgres]:
    """A PostgreSQL of the test's own, to be stopped and started."""
    with tempfile.TemporaryDirectory(prefix="mailserver-postgres-") as folder:
        server = Postgres(Path(folder))
        server.start()
        yield server
        server.stop()


@pytest.fixture
def on_postgresql(cluster: Postgres, tmp_path: Path) -> Iterator[Store]:
    url = cluster.create()
    create_schema(url, tmp_path)
    store = Store(url, tmp_path, SystemClock(), Changes(), readers=2, writers=2)
    yield store
    store.close()


@pytest.mark.needs("postgresql")
async def test_postgresql_restarts_while_we_serve(cluster: Postgres, on_postgresql: Store) -> None:
    store = on_postgresql
    carrier = news.carrier(store.backend, store.worker, store.changes)
    store.changes.attach(asyncio.get_running_loop(), carrier.generation, carrier.catch_up)
    carrying = asyncio.create_task(carrier.run())
    await asyncio.gather(*(store.write(add, number) for number in range(4)), store.read(numbers), store.read(numbers))
    await asyncio.to_thread(cluster.stop)
    async with asyncio.timeout(20):
        refused = await asyncio.gather(
            *(store.write(add, number) for number in range(10, 20)),
            *(store.read(numbers) for _ in range(4)),
            return_exceptions=True,
        )
    assert {type(one) for one in refused} == {Temporary}
    await asyncio.to_thread(cluster.run)
    woken = asyncio.Event()
    store.changes.subscribe("mailbox", 7, woken.set)
    assert await asyncio.gather(*(store.write(add, number) for number in range(20, 24))) == [20, 21, 22, 23]
    assert [one for one in await store.read(numbers) if one < 10 or one >= 20] == [0, 1, 2, 3, 20, 21, 22, 23]
    await asyncio.wait_for(woken.wait(), PATIENCE)
    carrying.cancel()
    await asyncio.gather(carrying, return_exceptions=True)


@pytest.mark.needs("postgresql")
async def test_sessions_that_were_cut_off_are_not_noticed(cluster: Postgres, on_postgresql: Store) -> None:
    """Stopped and started between two requests: the idle connections are dead, nobody hears of it."""
    store = on_postgresql
    await asyncio.gather(*(store.write(add, number) for number in range(4)), *(store.read(numbers) for _ in range(4)))
    await asyncio.to_thread(cluster.stop)
    await asyncio.to_thread(cluster.run)
    assert await store.write(add, 9) == 9
    assert 9 in await store.read(numbers)


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path / 'mail.db'}"
    create_schema(url, tmp_path)
    store = Store(url, tmp_path, SystemClock(), Changes(), readers=1)
    yield store
    store.close()


def limit(tx: Tx, pages: int) -> None:
    """What a full disk does: the database may not grow."""
    tx._cursor.execute(f"PRAGMA max_page_count={pages}")


def fill(tx: Tx) -> None:
    tx._cursor.execute("CREATE TABLE ballast AS SELECT randomblob(1000000) AS octets")


async def test_full_database(on_sqlite: Store) -> None:
    """The unit that found no room fails as NoRoom; those that came with it are not hurt."""
    await on_sqlite.write(limit, 1)  # SQLite takes the present size
    results = await asyncio.gather(
        on_sqlite.write(add, 1), on_sqlite.write(fill), on_sqlite.write(add, 2), return_exceptions=True
    )
    assert [type(result) for result in results] == [int, NoRoom, int]
    await on_sqlite.write(limit, 1_000_000)
    await on_sqlite.write(fill)
    assert await on_sqlite.read(numbers) == [1, 2]


async def test_a_transaction_that_cannot_begin(on_sqlite: Store) -> None:
    """Somebody holds the database: every unit hears Temporary, and the writer lives on."""
    await on_sqlite.write(lambda tx: tx._cursor.execute("PRAGMA busy_timeout=50").fetchall())
    other = sqlite3.connect(on_sqlite.data / "mail.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    async with asyncio.timeout(PATIENCE):
        refused = await asyncio.gather(*(on_sqlite.write(add, number) for number in range(5)), return_exceptions=True)
    assert {type(one) for one in refused} == {Temporary}
    other.execute("ROLLBACK")
    other.close()
    assert await on_sqlite.write(add, 9) == 9


async def test_waiting_units_are_bounded(on_sqlite: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow disk and clients without end: memory has a bound."""
    monkeypatch.setattr(writing, "MAX_WAITING", 20)
    slow, go_on = await held(on_sqlite)
    waiting = asyncio.gather(*(on_sqlite.write(add, number) for number in range(30)), return_exceptions=True)
    await handed_over()
    go_on.set()
    results = await waiting
    await slow
    assert [type(result) for result in results] == [int] * 20 + [Temporary] * 10


async def test_units_nobody_waits_for_are_passed_over(on_sqlite: Store) -> None:
    slow, go_on = await held(on_sqlite)
    waiting = asyncio.create_task(on_sqlite.write(add, 1))
    await handed_over()
    waiting.cancel()
    go_on.set()
    await slow
    await on_sqlite.write(add, 2)
    assert await on_sqlite.read(numbers) == [2]


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(NoRoom):
        DiskFiles(tmp_path).write(b"x" * 100_000)
    assert [path for path in tmp_path.glob("*/*") if path.is_file()] == []


async def test_news_of_sqlite_survive_their_connection(make_store: Callable[[], Store]) -> None:
    here, there = make_store(), make_store()
    carrier = news.carrier(there.backend, there.worker, there.changes)
    if not isinstance(carrier, news.SqliteCarrier):
        return
    heard: list[int] = []
    there.changes.subscribe("mailbox", 7, lambda: heard.append(1))
    await here.write(add, 1)
    carrier.catch_up()
    carrier._connection.close()  # type: ignore[union-attr]
    before = carrier.generation()
    await here.write(add, 2)
    carrier.catch_up()
    carrier.catch_up()
    assert len(heard) == 2
    assert carrier.generation() != before
    carrier.close()


async def test_a_worker_far_behind_wakes_everybody(
    make_store: Callable[[], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(news, "READ_AT_ONCE", 3)
    here, there = make_store(), make_store()
    carrier = news.carrier(there.backend, there.worker, there.changes)
    if not isinstance(carrier, news.SqliteCarrier):
        return
    heard: list[int] = []
    there.changes.subscribe("mailbox", 99, lambda: heard.append(1))
    for number in range(6):
        await here.write(add, number)
    carrier.catch_up()
    assert heard == [1]
    await here.write(add, 10)
    carrier.catch_up()
    assert heard == [1]
    carrier.close()
