"""How workers hear of each other's commits.

SQLite: each commit leaves one `news` row; a worker asks `PRAGMA data_version` (3 µs) every few
milliseconds and reads the rows it has not seen. PostgreSQL: NOTIFY inside the transaction, which arrives in
commit order. A lost stretch (a worker that slept too long, a broken connection) wakes everybody: the
woken ask the store what changed, so too much news costs time, never truth.
"""

import asyncio
import sqlite3
import struct
from collections.abc import Sequence
from typing import Protocol

import psycopg
import structlog
from sqlalchemy import delete, func, insert, select

from mailserver.changes import Change, Changes
from mailserver.store.engines import Backend
from mailserver.store.schema.mail import news
from mailserver.store.statements import Statement, Tx

log = structlog.get_logger("news")

POLL_SECONDS = 0.008
KEPT = 20_000
"""News rows kept; a worker further behind is woken for everything."""
CHANNEL = "mailserver_news"
NOTIFY_CHANGES = 200
"""Changes in one NOTIFY: its payload must stay under 8,000 octets."""

_PAIR = struct.Struct("<qq")
_INSERT = Statement(insert(news).returning(news.c.id), keys=("worker", "changes"))


def record(tx: Tx, worker: int, changes: Sequence[Change]) -> None:
    """Leave word of a commit for the other workers, inside the commit itself."""
    if tx.dialect == "sqlite":
        packed = b"".join(_PAIR.pack(change.account_id, change.mailbox_id) for change in changes)
        row = tx.one(_INSERT, worker=worker, changes=packed)
        if row is not None and row[0] % 1000 == 0:
            tx.execute(delete(news).where(news.c.id <= row[0] - KEPT))
        return
    for start in range(0, len(changes), NOTIFY_CHANGES):
        part = changes[start : start + NOTIFY_CHANGES]
        pairs = ",".join(f"{change.account_id}:{change.mailbox_id}" for change in part)
        tx.execute(select(func.pg_notify(CHANNEL, f"{worker};{pairs}")))


class Carrier(Protocol):
    """Brings other workers' news to this worker's `Changes`."""

    def generation(self) -> int:
        """Moves whenever the store may have moved."""

    def catch_up(self) -> None:
        """Publish what is known to be committed by now."""

    async def run(self) -> None:
        """Carry until cancelled."""


def carrier(backend: Backend, worker: int, changes: Changes) -> Carrier:
    """The carrier that suits the database."""
    if backend.dialect == "sqlite":
        return SqliteCarrier(str(backend.engine.url.database), worker, changes)
    return PostgresCarrier(backend, worker, changes)


class SqliteCarrier:
    """Polls `data_version` on the event loop with a connection of its own; reads news rows when it moved."""

    def __init__(self, path: str, worker: int, changes: Changes) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA busy_timeout=1000")
        self._cursor = self._connection.cursor()
        self._worker = worker
        self._changes = changes
        self._seen: int = self._cursor.execute("SELECT coalesce(max(id), 0) FROM news").fetchone()[0]
        self._version = -1

    def generation(self) -> int:
        version: int = self._cursor.execute("PRAGMA data_version").fetchone()[0]
        return version

    def catch_up(self) -> None:
        version = self.generation()
        if version != self._version:
            self._version = version
            self._read()

    async def run(self) -> None:
        try:
            while True:
                await asyncio.sleep(POLL_SECONDS)
                self.catch_up()
        finally:
            self._connection.close()

    def _read(self) -> None:
        rows = self._cursor.execute(
            "SELECT id, worker, changes FROM news WHERE id > ? ORDER BY id", (self._seen,)
        ).fetchall()
        if not rows:
            return
        gap = rows[0][0] > self._seen + 1
        self._seen = rows[-1][0]
        if gap:
            self._changes.publish_all()
            return
        self._changes.publish(
            dict.fromkeys(
                Change(*pair)
                for _, worker, packed in rows
                if worker != self._worker
                for pair in _PAIR.iter_unpack(packed)
            )
        )


class PostgresCarrier:
    """Listens on a connection of its own; after a loss of connection everybody is woken."""

    def __init__(self, backend: Backend, worker: int, changes: Changes) -> None:
        url = backend.engine.url.set(drivername="postgresql")
        self._conninfo = url.render_as_string(hide_password=False)
        self._worker = str(worker)
        self._changes = changes
        self._generation = 0

    def generation(self) -> int:
        return self._generation

    def catch_up(self) -> None:
        """Notices are published as they arrive."""

    async def run(self) -> None:
        while True:
            try:
                await self._listen()
            except psycopg.Error as error:
                log.warning("listening for news again in a second", error=type(error).__name__)
                await asyncio.sleep(1)

    async def _listen(self) -> None:
        connection = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)
        async with connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            self._generation += 1
            self._changes.publish_all()
            async for notice in connection.notifies():
                self._generation += 1
                worker, _, pairs = notice.payload.partition(";")
                if worker != self._worker:
                    self._changes.publish(_parse_pairs(pairs))


def _parse_pairs(pairs: str) -> list[Change]:
    changes = []
    for pair in pairs.split(","):
        account, _, mailbox = pair.partition(":")
        changes.append(Change(int(account), int(mailbox)))
    return changes
