"""One database connection a thread, thrown away when it breaks."""

import select
import threading
import time
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Connection

from mailserver.model.clock import Clock
from mailserver.store.engine.engines import TELL_TIME, WRITERS_SETTING, Backend, brief, has_ended, translate
from mailserver.store.engine.memory import Memory
from mailserver.store.engine.statements import OneStatement, Tx

log = structlog.get_logger("store")

TOLD_SECONDS = 5.0
ASK_TIME_SECONDS = 1.0
"""Between two questions of a process for the time of a shared database."""
IDLE_SECONDS = 1.0
"""A connection that nobody used for so long is asked whether it is there, before what cannot run twice."""


@dataclass(slots=True, eq=False)
class Session:
    """One thread's connection."""

    connection: Connection
    driver: Any
    cursor: Any
    tx: Tx
    brief: OneStatement
    used: float = 0.0
    """When a statement of its own was last about to run on it."""


class Sessions:
    """Gives each thread a connection of its own and closes them all at the end."""

    def __init__(self, backend: Backend, clock: Clock) -> None:
        self._backend = backend
        self._clock = clock
        self.memory = Memory()
        self._local = threading.local()
        self._open: set[Session] = set()
        self._lock = threading.Lock()
        self._told = -TOLD_SECONDS
        self._asked = -ASK_TIME_SECONDS
        """When the database last told its time."""

    def begin(self, statement: str) -> Session:
        """Begin a transaction. A connection that broke while it was idle is replaced. Raises Temporary."""
        writes = statement != self._backend.begin_read
        session = self._current(writes=writes)
        try:
            self._begin(session, statement)
        except Exception as error:
            ended = has_ended(session.driver, self._backend.dialect)
            if ended or self._in_transaction(session):
                self.forget(session)
            if not ended:
                raise translate(error) from error
            session = self._current(writes=writes)
            try:
                self._begin(session, statement)
            except Exception as again:
                self.forget(session)
                raise translate(again) from again
        return session

    def current(self) -> Session:
        """The thread's connection, outside of any transaction: each statement is one of its own. Raises Temporary."""
        return self._current(writes=False)

    def ready(self) -> Session:
        """The same for a statement that must not run twice, and that writes: so that nobody has to wonder later, a
        connection that broke while it was idle is replaced. Raises Temporary."""
        session = self._current(writes=True)
        try:
            self._look_at(session)
        except Exception as error:
            ended = has_ended(session.driver, self._backend.dialect)
            self.forget(session)
            if not ended:
                raise translate(error) from error
            session = self._current(writes=True)
            try:
                self._look_at(session)
            except Exception as again:
                self.forget(session)
                raise translate(again) from again
        return session

    def _look_at(self, session: Session) -> None:
        """Whether it is there, if that is in doubt; and the time, now and then."""
        now = time.monotonic()
        is_in_use = now - session.used < IDLE_SECONDS and now - self._asked < ASK_TIME_SECONDS
        session.used = now
        if not is_in_use or _has_come(session.driver.fileno()):
            session.cursor.execute(TELL_TIME)
            self._follow(session, now)

    def _begin(self, session: Session, statement: str) -> None:
        """Where hosts share the database, now and then with its time: leases and dates of all of them go by it."""
        asked = time.monotonic()
        if not self._backend.is_shared or asked - self._asked < ASK_TIME_SECONDS:
            session.cursor.execute(statement)
            return
        session.cursor.execute(f"{statement}; {TELL_TIME}", prepare=False)
        session.cursor.nextset()
        self._follow(session, asked)

    def _follow(self, session: Session, asked: float) -> None:
        """It has told the time."""
        told = float(session.cursor.fetchone()[0])
        now = time.monotonic()
        self._clock.follow(told, now - asked)
        self._asked = now

    def rollback(self, session: Session) -> None:
        """End a transaction without keeping anything of it."""
        session.tx.take_changes()
        if not self._in_transaction(session):
            return  # SQLite rolled back by itself
        try:
            session.cursor.execute("ROLLBACK")
        except Exception:  # noqa: BLE001 - whatever the driver says, the connection is unusable
            log.warning("database connection lost")
            self.forget(session)

    def _in_transaction(self, session: Session) -> bool:
        """Exact for SQLite; PostgreSQL takes a ROLLBACK too many without complaint."""
        return self._backend.lock_file is None or bool(session.driver.in_transaction)

    def forget(self, session: Session) -> None:
        """Throw a connection away; the thread's next transaction opens another."""
        self._local.session = None
        with self._lock:
            self._open.discard(session)
        session.connection.invalidate()
        session.connection.close()

    def close(self) -> None:
        """Close every connection; no thread may be using one."""
        with self._lock:
            for session in self._open:
                session.connection.close()
            self._open.clear()

    def _tell(self, error: BaseException) -> None:
        """Why there is no connection: too many, no server, no password. Not for each of those who wait."""
        now = self._clock.monotonic()
        if now - self._told >= TOLD_SECONDS:
            self._told = now
            log.error("no connection to the database", why=brief(error))

    def _current(self, *, writes: bool) -> Session:
        session: Session | None = getattr(self._local, "session", None)
        if session is not None:
            return session
        try:
            connection = self._backend.engine.connect()
            if writes and self._backend.dialect != "sqlite":
                connection.exec_driver_sql(WRITERS_SETTING)
        except Exception as error:
            self._tell(error)
            raise translate(error) from error
        driver: Any = connection.connection.driver_connection
        cursor = driver.cursor()
        parts = connection, cursor, self._clock, self.memory
        session = Session(connection, driver, cursor, Tx(*parts), OneStatement(*parts))
        self._local.session = session
        with self._lock:
            self._open.add(session)
        return session


def _has_come(file: int) -> bool:
    """Whether something can be read there that nobody asked for: mostly that the other side has gone."""
    poll = select.poll()
    poll.register(file, select.POLLIN)
    return bool(poll.poll(0))
