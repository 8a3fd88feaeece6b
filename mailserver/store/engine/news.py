"""How workers hear of each other's commits.

SQLite: each commit leaves one `news` row, and whoever committed rings (`mailserver.foundation.wakeups`); a worker
then, and now and then by itself, asks `PRAGMA data_version` and reads the rows it has not seen. Whoever must know at
once that nothing has happened (each command of IMAP) looks at the counts of rings; what processes without a wakeup
commit waits for the worker's own look. PostgreSQL: NOTIFY inside the transaction, of ids alone, which arrives in commit
order, on whatever host; a connection that is silent is asked whether the server is there. On both, many commits
together are one look. A lost stretch (a worker that slept too long, a broken connection) wakes everybody: the woken ask
the store what changed, so too much news costs time, never truth.
"""

import asyncio
import contextlib
import os
import select
import socket
import sqlite3
import struct
from collections.abc import Sequence
from typing import Any, Protocol

import psycopg
import structlog
from psycopg.conninfo import make_conninfo
from sqlalchemy import delete, insert

from mailserver.foundation.changes import Change, Changes
from mailserver.foundation.wakeups import Wakeup
from mailserver.store.engine.engines import POSTGRESQL_OPTIONS, Backend, brief
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.schema.mail.messages import news

log = structlog.get_logger("news")

POLL_SECONDS = 0.008
"""Between two looks while a session waits for news, when many commit. A process that looks 125 times a second takes 2 %
of a core on a busy machine."""
QUIET_SECONDS = 0.05
"""The same while none is there."""
FIRST_PAUSE = 0.001
"""After a look that came after a time without commits; doubled up to POLL_SECONDS while more of them come."""
UNHEARD_SECONDS = 0.25
"""The longest time between two looks: for what is committed by processes without a wakeup."""
KEPT = 20_000
"""News rows kept; a worker further behind is woken for everything."""
READ_AT_ONCE = 4000
"""Rows, or changes in them, told one by one; more wake everybody, which costs the event loop less."""
CHANNEL = "mailserver_news"
SILENT_SECONDS = 5.0
"""Without a notice, after which the server is asked whether it is there."""
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 5.0
LOOK_SECONDS = 10.0
"""Between two looks while no connection listens."""
NOTIFY_CHANGES = 200
"""Changes in one NOTIFY: its payload must stay under 8,000 octets."""

_PAIR = struct.Struct("<qq")
_INSERT = Statement(insert(news), keys=("worker", "changes"))


def record(tx: Tx, worker: int, changes: Sequence[Change]) -> None:
    """Leave word of a commit for the other workers, inside the commit itself; on SQLite."""
    packed = b"".join(_PAIR.pack(change.account_id, change.mailbox_id) for change in changes)
    key = tx.key(_INSERT, worker=worker, changes=packed)
    if key is not None and key % 1000 == 0:
        tx.execute(delete(news).where(news.c.id <= key - KEPT))


def announcing(worker: int, changes: Sequence[Change]) -> str:
    """The same on PostgreSQL: statements that go with the COMMIT and cost no journey. Numbers, all of it."""
    parts = (changes[start : start + NOTIFY_CHANGES] for start in range(0, len(changes), NOTIFY_CHANGES))
    return "".join(f"NOTIFY {CHANNEL}, '{payload(worker, part)}'; " for part in parts)


def payload(worker: int, changes: Sequence[Change]) -> str:
    """What a NOTIFY says of NOTIFY_CHANGES at most."""
    pairs = ",".join(f"{int(change.account_id)}:{int(change.mailbox_id)}" for change in changes)
    return f"{int(worker)};{pairs}"


class Carrier(Protocol):
    """Brings other workers' news to this worker's `Changes`."""

    def generation(self) -> int:
        """Moves whenever the store may have moved."""

    def catch_up(self) -> None:
        """Publish what is known to be committed by now."""

    async def run(self) -> None:
        """Carry until cancelled."""

    def ring(self) -> None:
        """Tell the others that something was committed, where the commit itself does not; from the writer's thread."""

    def close(self) -> None:
        """Let go of what `catch_up` opened; `run` does it by itself."""


def carrier(backend: Backend, worker: int, changes: Changes, wakeup: Wakeup | None = None) -> Carrier:
    """The carrier that suits the database. Without a wakeup it looks every few milliseconds."""
    if backend.dialect == "sqlite":
        return SqliteCarrier(str(backend.engine.url.database), worker, changes, wakeup)
    return PostgresCarrier(backend, worker, changes)


class _Pauses:
    """Between two looks for news, so that many commits together are one look."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._next = FIRST_PAUSE

    async def rest(self) -> None:
        """Before a look: longer where nobody's session waits for news."""
        await asyncio.sleep(self._next if self._changes.awaited else QUIET_SECONDS)

    def came_after(self, waited: float) -> None:
        """News came so many seconds after the last rest."""
        self._next = FIRST_PAUSE if waited > POLL_SECONDS else min(2 * self._next, POLL_SECONDS)


class SqliteCarrier:
    """Asks for `data_version` on the event loop with a connection of its own; reads news rows when it moved."""

    def __init__(self, path: str, worker: int, changes: Changes, wakeup: Wakeup | None = None) -> None:
        self._path = path
        self._worker = worker
        self._changes = changes
        self._bell = wakeup
        self._pauses = _Pauses(changes)
        self._version = -1
        self._told = 0
        """What `generation` answers: moves with `data_version`, and with each new connection."""
        self._caught_up = -1
        """The generation up to which news have been read."""
        self._heard: bytes | None = None
        """The counts of rings when they were read."""
        self._connection: sqlite3.Connection | None = None
        self._seen: int = self._ask("SELECT coalesce(max(id), 0) FROM news")[0][0]

    def generation(self) -> int:
        try:
            version: int = self._ask("PRAGMA data_version")[0][0]
        except sqlite3.Error as error:
            # Whoever asks must not believe that nothing moved; the poll below tries again in a moment.
            log.warning("reading news again soon", error=brief(error))
            self._reset()
            return self._told
        if version != self._version:
            self._version = version
            self._told += 1
        return self._told

    def catch_up(self) -> None:
        heard = self._bell.heard() if self._bell is not None else None
        if heard is None or heard != self._heard:
            self._heard = heard if self._look() else None

    def _look(self) -> bool:
        """Read what was committed; False: it could not be read now."""
        now = self.generation()
        if now == self._caught_up:
            return True
        try:
            self._read()
        except sqlite3.Error as error:
            log.warning("reading news again soon", error=brief(error))
            self._reset()
            return False
        self._caught_up = now
        return True

    async def run(self) -> None:
        try:
            while True:
                await self._wait()
                self._look()
        finally:
            self.close()

    def ring(self) -> None:
        if self._bell is not None:
            self._bell.ring()

    async def _wait(self) -> None:
        """Until it is time to look. Rings during a pause wake nobody: many commits together are one look."""
        if self._bell is None:
            await asyncio.sleep(POLL_SECONDS if self._changes.awaited else QUIET_SECONDS)
            return
        await self._pauses.rest()
        loop = asyncio.get_running_loop()
        began = loop.time()
        await self._bell.rung(UNHEARD_SECONDS)
        self._pauses.came_after(loop.time() - began)

    def close(self) -> None:
        """Let go of the connection; it comes back if somebody asks again."""
        self._reset()

    def _ask(self, query: str, *values: int) -> list[tuple[Any, ...]]:
        if self._connection is None:
            self._connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            # On the event loop nobody waits: what cannot be read now is read at the next poll.
            self._connection.execute("PRAGMA busy_timeout=0")
        return self._connection.execute(query, values).fetchall()

    def _reset(self) -> None:
        """Close the connection; the next question opens another, which counts its versions anew."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._version = -1
        self._told += 1

    def _read(self) -> None:
        rows = self._ask(
            "SELECT id, worker, changes FROM news WHERE id > ? ORDER BY id LIMIT ?", self._seen, READ_AT_ONCE + 1
        )
        if not rows:
            return
        lost = rows[0][0] > self._seen + 1
        if lost or len(rows) > READ_AT_ONCE or sum(len(row[2]) for row in rows) > READ_AT_ONCE * _PAIR.size:
            self._seen = self._ask("SELECT coalesce(max(id), 0) FROM news")[0][0]
            self._changes.publish_all()
            return
        self._seen = rows[-1][0]
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
        self._conninfo = make_conninfo(url.render_as_string(hide_password=False), **POSTGRESQL_OPTIONS)
        self._worker = str(worker)
        self._changes = changes
        self._pauses = _Pauses(changes)
        self._generation = 0
        self._looked = -LOOK_SECONDS

    def generation(self) -> int:
        return self._generation

    def catch_up(self) -> None:
        """Notices are published as they arrive."""

    def ring(self) -> None:
        """NOTIFY has told everybody."""

    def close(self) -> None:
        """Only `run` opens a connection, and closes it."""

    async def run(self) -> None:
        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError) as error:
                log.warning("listening for news again in a second", why=brief(error))
                self._look_around()
                await asyncio.sleep(1)

    async def _listen(self) -> None:
        """Until the connection breaks, or its silence turns out to be the server's."""
        # Not `wait_for`, which before Python 3.12 may swallow that its own task is cancelled.
        async with asyncio.timeout(CONNECT_SECONDS):
            connection = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True)
        async with connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            self._wake_all()
            while True:
                while await self._hear(connection):
                    await self._pauses.rest()
                # A host that was cut off hears nothing, and the system would tell it in a minute only. Who is cancelled
                # over a question asks the server to forget it, and waits for that, too: so the connection is cut.
                patience = asyncio.get_running_loop().call_later(ANSWER_SECONDS, _cut, connection)
                try:
                    await connection.execute("SELECT 1")
                finally:
                    patience.cancel()

    async def _hear(self, connection: psycopg.AsyncConnection[Any]) -> bool:
        """Publish what is told next, and all that has come by then; False: silence."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        heard = await self._read(connection)
        self._pauses.came_after(loop.time() - began)
        # One reading is 16 KiB, over TLS one record, often a single notice: who rested after each would fall behind.
        while heard and _has_more(connection):
            heard = await self._read(connection)
        return heard

    async def _read(self, connection: psycopg.AsyncConnection[Any]) -> bool:
        """Publish what is read at once, as soon as there is something; False: silence."""
        heard = False
        async for notice in connection.notifies(timeout=SILENT_SECONDS, stop_after=1):
            heard = True
            self._generation += 1
            worker, _, pairs = notice.payload.partition(";")
            if worker != self._worker:
                self._changes.publish(_parse_pairs(pairs))
        return heard

    def _look_around(self) -> None:
        """Whoever waits for news asks the store now and then, while nobody brings any."""
        now = asyncio.get_running_loop().time()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._wake_all()

    def _wake_all(self) -> None:
        self._generation += 1
        self._changes.publish_all()


def _has_more(connection: psycopg.AsyncConnection[Any]) -> bool:
    """Whether something has come that was not read."""
    watched = select.poll()
    watched.register(connection.fileno(), select.POLLIN)
    return bool(watched.poll(0))


def _cut(connection: psycopg.AsyncConnection[Any]) -> None:
    """Whoever waits for the server is told that it has gone."""
    with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as its:
        its.shutdown(socket.SHUT_RDWR)


def _parse_pairs(pairs: str) -> list[Change]:
    changes = []
    for pair in pairs.split(","):
        account, _, mailbox = pair.partition(":")
        changes.append(Change(int(account), int(mailbox)))
    return changes
