"""Writers of several processes that share a SQLite file: those that serve go first, the log is synced and emptied."""

import asyncio
import contextlib
import errno
import fcntl
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from mailserver.foundation.changes import Changes
from mailserver.model.clock import SystemClock
from mailserver.store.engine import checkpoints, turns
from mailserver.store.engine.checkpoints import Checkpoints
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.engine.unit import Uncertain
from mailserver.store.schema.mail.messages import blob, orphan
from tests.schema import create_schema
from tests.store.conftest import handed_over, held
from tests.waiting import PATIENCE, becomes

Opened = Callable[[bool], Store]


def add(tx: Tx, number: int) -> None:
    tx.execute(insert(orphan).values(id=number, content_id=number, since=0))


def add_large(tx: Tx, number: int, octets: int) -> None:
    add(tx, number)
    tx.execute(insert(blob).values(content_id=number + 1, header=b"", octets=os.urandom(octets)))


def numbers(tx: Tx) -> list[int]:
    return list(tx.execute(select(orphan.c.id).order_by(orphan.c.id)).scalars())


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """Stores over one file; whether each gives way."""
    url = f"sqlite:///{tmp_path}/mail.db"
    create_schema(url, tmp_path)
    with contextlib.ExitStack() as stack:

        def made(gives_way: bool) -> Store:
            store = Store(url, tmp_path, SystemClock(), Changes(), gives_way=gives_way)
            stack.callback(store.close)
            return store

        yield made


def blocked(file: Path) -> int:
    """How many wait for this lock file."""
    number = file.stat().st_ino
    return sum(f":{number} " in line for line in Path("/proc/locks").read_text().splitlines() if "->" in line)


async def test_one_alone_of_those_that_give_way_waits_among_those_that_serve(opened: Opened, tmp_path: Path) -> None:
    serving, *background = opened(False), *(opened(True) for _ in range(3))
    first, go_on = await held(serving)
    behind = [asyncio.create_task(one.write(add, number)) for number, one in enumerate(background)]
    try:
        await becomes(lambda: blocked(tmp_path / "write.background") == 2)
        await becomes(lambda: blocked(tmp_path / "write.lock") == 1)
    finally:
        go_on.set()
    await first
    await asyncio.gather(*behind)
    assert await serving.read(numbers) == [0, 1, 2]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who gives way does so for as long as it takes."""
    monkeypatch.setattr(turns, "GIVES_WAY_SECONDS", PATIENCE)


@pytest.mark.needs("root")
def test_what_root_makes_belongs_to_whom_the_data_belongs_to(opened: Opened, tmp_path: Path) -> None:
    """The service could not start otherwise, after a command of root."""
    os.chown(tmp_path, 65534, 65534)
    opened(True)
    assert {file.stat().st_uid for file in tmp_path.glob("write.*")} == {65534}
    assert len(list(tmp_path.glob("write.*"))) == 3


@pytest.mark.usefixtures("patient")
async def test_who_serves_goes_before_those_that_give_way(opened: Opened, tmp_path: Path) -> None:
    serving, background = opened(False), opened(True)
    order: list[str] = []
    first, go_on = await held(background)
    try:
        behind = asyncio.create_task(background.write(lambda tx: order.append("background")))
        await handed_over()
        mail = asyncio.create_task(serving.write(lambda tx: order.append("mail")))
        await becomes(lambda: blocked(tmp_path / "write.lock") == 1)
    finally:
        go_on.set()
    await asyncio.gather(first, mail, behind)
    assert order == ["mail", "background"]


@pytest.mark.usefixtures("patient")
async def test_who_serves_waits_for_one_unit_of_a_group(opened: Opened, tmp_path: Path) -> None:
    """What was to be committed with it is left for another turn."""
    serving, background = opened(False), opened(True)
    order: list[str] = []
    begun, go_on = threading.Event(), threading.Event()

    def first(tx: Tx) -> None:
        order.append("first")
        begun.set()
        assert go_on.wait(PATIENCE)

    turn, ends = await held(serving)
    group = [asyncio.create_task(background.write(first))]
    group += [asyncio.create_task(background.write(lambda tx: order.append("behind"))) for _ in range(3)]
    await becomes(lambda: blocked(tmp_path / "write.lock") == 1)
    ends.set()
    await turn
    try:
        assert await asyncio.to_thread(begun.wait, PATIENCE)
        mail = asyncio.create_task(serving.write(lambda tx: order.append("mail")))
        await becomes(lambda: blocked(tmp_path / "write.lock") == 1)
    finally:
        go_on.set()
    await asyncio.gather(mail, *group)
    assert order == ["first", "mail", "behind", "behind", "behind"]


async def test_who_gives_way_is_not_kept_out_by_those_that_always_come(opened: Opened, tmp_path: Path) -> None:
    background = opened(True)
    await background.write(add, 1)
    waiting = os.open(tmp_path / "write.waiting", os.O_RDONLY)
    fcntl.flock(waiting, fcntl.LOCK_SH)
    try:
        await background.write(add, 2)
    finally:
        os.close(waiting)
    assert await background.read(numbers) == [1, 2]


async def test_who_gives_way_syncs_when_others_write_again_and_is_answered_then(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving, background = opened(False), opened(True)
    synced: list[str] = []
    sync = os.fdatasync

    def after_others(file: int) -> None:
        serving.write_now(add, 2)
        assert not task.done()
        synced.append(os.readlink(f"/proc/self/fd/{file}"))
        sync(file)

    monkeypatch.setattr(os, "fdatasync", after_others)
    task = asyncio.create_task(background.write(add, 1))
    await task
    assert [Path(name).name for name in synced] == ["mail.db-wal"]
    assert await serving.read(numbers) == [1, 2]


async def test_what_could_not_be_synced_is_uncertain(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    background = opened(True)

    def refuse(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    def fail(tx: Tx) -> None:
        raise ValueError("this unit fails")

    first, go_on = await held(background)
    monkeypatch.setattr(os, "fdatasync", refuse)
    group = asyncio.gather(background.write(add, 1), background.write(fail), return_exceptions=True)
    await handed_over()
    go_on.set()
    with pytest.raises(Uncertain):
        await first
    told = await group
    assert [type(one) for one in told] == [Uncertain, ValueError], "what failed by itself is not in doubt"


async def test_the_log_is_emptied_beside_those_who_commit(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they committed is in the database itself, and the log is used again instead of growing."""
    monkeypatch.setattr(checkpoints, "QUIET_SECONDS", 0.01)
    monkeypatch.setattr(checkpoints, "LONG_LOG_PAGES", 100)
    serving, indexer = opened(False), opened(True)
    emptying = Checkpoints(indexer.backend)
    task = asyncio.create_task(emptying.run())
    log_file = tmp_path / "mail.db-wal"
    octets = 150 * 4096

    def in_database(number: int) -> bool:
        copy = tmp_path / "copy.db"
        shutil.copyfile(tmp_path / "mail.db", copy)
        with contextlib.closing(sqlite3.connect(f"file:{copy}?immutable=1", uri=True)) as alone:
            return bool(alone.execute("SELECT 1 FROM orphan WHERE id = ?", (number,)).fetchall())

    try:
        for number in range(8):
            await serving.write(add_large, number, octets)
            await becomes(partial(in_database, number))
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        emptying.close()
    assert log_file.stat().st_size < 3 * octets
