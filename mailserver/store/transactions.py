"""The store: reader pool, group-commit writer, publication after commit."""

import asyncio
import collections
import fcntl
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from mailserver.changes import Change, Changes
from mailserver.clock import Clock
from mailserver.errors import Temporary
from mailserver.store import engines, news
from mailserver.store.statements import Statement, Tx

__all__ = ["Statement", "Store", "Tx"]

P = ParamSpec("P")
T = TypeVar("T")

log = structlog.get_logger("store")

GROUP_UNITS = 256
"""Units of one SQLite transaction."""
KEY_UNITS = 50
"""Units of one PostgreSQL transaction, all of one key."""
RETRIES = 5
"""Times a unit that met a deadlock or serialisation failure is run again."""


@dataclass(slots=True, eq=False)
class _Unit:
    """One function to run in a transaction, and whoever waits for it."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    key: int
    loop: asyncio.AbstractEventLoop | None
    waiter: "asyncio.Future[Any] | Future[Any]"
    result: Any = None
    error: BaseException | None = None
    changes: tuple[Change, ...] = ()

    def settle(self) -> None:
        """Answer; on the loop's thread for asyncio waiters."""
        if self.waiter.done():  # cancelled meanwhile: the unit is committed all the same
            return
        if self.error is not None:
            self.waiter.set_exception(self.error)
        else:
            self.waiter.set_result(self.result)


class _GroupFailed(Exception):
    """The transaction is gone as a whole; its units run again one by one."""


@dataclass(slots=True)
class _Session:
    """One thread's connection."""

    connection: Connection
    cursor: Any
    tx: Tx
    driver: Any = field(repr=False)


class Store:
    """Runs functions over transactions. One per process; threads are its own."""

    def __init__(
        self, url: str, data: Path, clock: Clock, changes: Changes, *, readers: int = 4, writers: int = 4
    ) -> None:
        """Open lazily: the schema is there already (`mailserver.store.upgrade`)."""
        self.url = url
        self.data = data
        self.clock = clock
        self.changes = changes
        self.backend = engines.connect(url, data)
        self.worker = int.from_bytes(clock.token(7), "big")
        """Marks our own news."""
        self._local = threading.local()
        self._sessions: list[_Session] = []
        self._sessions_lock = threading.Lock()
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="store-read")
        self._waiting: collections.deque[_Unit] = collections.deque()
        self._condition = threading.Condition()
        self._closed = False
        sqlite = self.backend.lock_file is not None
        self._group_limit = GROUP_UNITS if sqlite else KEY_UNITS
        self._threads = [
            threading.Thread(target=self._write_loop, name=f"store-write-{n}", daemon=True)
            for n in range(1 if sqlite else writers)
        ]
        for thread in self._threads:
            thread.start()

    # ------------------------------------------------------------------ reading

    async def read(self, function: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `function(tx, …)` on one snapshot in a reader thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, lambda: self.read_now(function, *args, **kwargs))

    def read_now(self, function: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same in the calling thread (never the event loop's)."""
        session = self._session()
        session.cursor.execute(self.backend.begin_read)
        try:
            return function(session.tx, *args, **kwargs)
        except DBAPIError as error:
            raise self._translate(error) from error
        finally:
            self._end(session)

    # ------------------------------------------------------------------ writing

    async def write(self, function: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `function(tx, …)` as one unit; returns after the commit is on disk.

        Cancelling the caller does not undo a unit that was already taken. Raises what the function raises,
        Temporary when the database is out of reach.
        """
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[T] = loop.create_future()
        self._submit(_Unit(function, args, kwargs, 0, loop, waiter))
        return await waiter

    def write_now(self, function: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same, blocking the calling thread (never the event loop's)."""
        waiter: Future[T] = Future()
        self._submit(_Unit(function, args, kwargs, 0, None, waiter))
        return waiter.result()

    def _submit(self, unit: _Unit) -> None:
        with self._condition:
            if self._closed:
                raise Temporary("The service is stopping")
            self._waiting.append(unit)
            self._condition.notify()

    def _write_loop(self) -> None:
        lock = self._open_lock()
        while self._wait_for_units():
            if lock is not None:
                fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                group = self._take()
                if group:
                    self._run_group(group)
            finally:
                if lock is not None:
                    fcntl.flock(lock, fcntl.LOCK_UN)
            self._answer(group)
        if lock is not None:
            os.close(lock)

    def _open_lock(self) -> int | None:
        path = self.backend.lock_file
        if path is None:
            return None
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _wait_for_units(self) -> bool:
        """Sleep until there is work; False when closed and everything is written."""
        with self._condition:
            while not self._waiting:
                if self._closed:
                    return False
                self._condition.wait()
            return True

    def _take(self) -> list[_Unit]:
        """Everything that waits (SQLite); the first unit alone (PostgreSQL commits in parallel)."""
        with self._condition:
            if self.backend.lock_file is None:
                return [self._waiting.popleft()] if self._waiting else []
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), self._group_limit))]

    def _run_group(self, group: list[_Unit]) -> None:
        try:
            self._commit(group)
        except (_GroupFailed, DBAPIError) as failure:
            if len(group) > 1:
                log.warning("group failed, its units run one by one", units=len(group), error=_brief(failure))
            for unit in group:
                self._run_alone(unit)

    def _run_alone(self, unit: _Unit) -> None:
        for attempt in range(RETRIES):
            try:
                self._commit([unit])
                return
            except (_GroupFailed, DBAPIError) as failure:
                log.warning("unit failed with its transaction", attempt=attempt + 1, error=_brief(failure))
                unit.result, unit.changes = None, ()
                unit.error = Temporary("The database is out of reach")

    def _commit(self, group: list[_Unit]) -> None:
        """One transaction, a savepoint a unit. Raises _GroupFailed when nothing of it survives."""
        session = self._session()
        cursor = session.cursor
        try:
            cursor.execute(self.backend.begin_write)
            for unit in group:
                self._run_unit(session, unit)
            touched = dict.fromkeys(change for unit in group for change in unit.changes)
            if touched:
                news.record(session.tx, self.worker, tuple(touched))
            cursor.execute("COMMIT")
        except BaseException as failure:
            self._discard(session)
            if isinstance(failure, _GroupFailed | DBAPIError):
                raise
            raise _GroupFailed(_brief(failure)) from failure

    def _run_unit(self, session: _Session, unit: _Unit) -> None:
        cursor = session.cursor
        cursor.execute("SAVEPOINT unit")
        try:
            unit.result = unit.function(session.tx, *unit.args, **unit.kwargs)
            unit.error = None
        except Exception as error:
            session.tx.take_changes()
            if engines.lost_transaction(error, session.driver, self.backend.dialect):
                raise _GroupFailed(_brief(error)) from error
            cursor.execute("ROLLBACK TO SAVEPOINT unit")
            unit.error = self._translate(error)
        cursor.execute("RELEASE SAVEPOINT unit")
        unit.changes = session.tx.take_changes()

    def _answer(self, group: list[_Unit]) -> None:
        """Publish and settle every waiter, with one wake-up per loop."""
        by_loop: dict[asyncio.AbstractEventLoop, list[_Unit]] = {}
        changes = tuple(dict.fromkeys(change for unit in group if unit.error is None for change in unit.changes))
        if changes:
            # Before the answers: whoever is answered finds its own news published already.
            self.changes.committed()
            self.changes.publish_soon(changes)
        for unit in group:
            if unit.loop is None:
                unit.settle()
            else:
                by_loop.setdefault(unit.loop, []).append(unit)
        for loop, units in by_loop.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(_settle_all, units)

    # ------------------------------------------------------------------ connections

    def _session(self) -> _Session:
        session: _Session | None = getattr(self._local, "session", None)
        if session is None:
            try:
                connection = self.backend.engine.connect()
            except DBAPIError as error:
                raise Temporary("The database is out of reach") from error
            driver = connection.connection.driver_connection
            cursor = driver.cursor()  # type: ignore[union-attr]
            session = _Session(connection, cursor, Tx(connection, cursor, self.clock), driver)
            self._local.session = session
            with self._sessions_lock:
                self._sessions.append(session)
        return session

    def _end(self, session: _Session) -> None:
        """End a read; a broken connection is thrown away."""
        try:
            session.cursor.execute("ROLLBACK")
        except Exception:  # noqa: BLE001 - the driver's own error classes; whatever it was, the connection is unusable
            log.warning("reader connection lost")
            self._forget(session)

    def _discard(self, session: _Session) -> None:
        """Roll a failed write back; a broken connection is thrown away."""
        session.tx.take_changes()
        try:
            session.cursor.execute("ROLLBACK")
        except Exception:  # noqa: BLE001 - SQLite may have rolled back already, PostgreSQL may be gone
            self._forget(session)

    def _forget(self, session: _Session) -> None:
        self._local.session = None
        with self._sessions_lock:
            self._sessions.remove(session)
        session.connection.invalidate()
        session.connection.close()

    def _translate(self, error: BaseException) -> BaseException:
        """A connection that is gone is Temporary; every other error stays what it is."""
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            return Temporary("The database is out of reach")
        return error

    def close(self) -> None:
        """Write what waits, then stop the threads and close the connections."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
        for thread in self._threads:
            thread.join()
        self._readers.shutdown(wait=True)
        with self._sessions_lock:
            for session in self._sessions:
                session.connection.close()
            self._sessions.clear()
        self.backend.engine.dispose()


def _settle_all(units: list[_Unit]) -> None:
    for unit in units:
        unit.settle()


def _brief(error: BaseException) -> str:
    """First line of an error, without the SQL parameters (they may be content)."""
    cause = getattr(error, "orig", None) or error
    return f"{type(cause).__name__}: {str(cause).splitlines()[0] if str(cause) else ''}"[:200]
