"""What differs between SQLite and PostgreSQL: how to connect, begin, and recognise a failure.

Both drivers run in autocommit; the store writes BEGIN, SAVEPOINT and COMMIT itself. (Left to itself,
sqlite3 under SQLAlchemy lets the first SAVEPOINT open the transaction and its RELEASE commit it.)
"""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import TimeoutError as PoolTimeout

from mailserver.model.errors import DamagedDatabase, NoRoom, Reason, Refused, Temporary
from mailserver.store.engine import arrays

SQLITE_READER_CACHE_KIB = 8 * 1024
SQLITE_MMAP = 1024 * 1024 * 1024
BUSY_MS = 30_000
SQLITE_TEMPORARY = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    }
)
"""Primary result codes that an operator can mend without touching the data."""
POSTGRESQL_OPTIONS = {
    "connect_timeout": 4,
    "keepalives_idle": 6,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""A server that vanished without a word is noticed within a quarter of a minute, whether it was asked or not."""
SQLITE_LOG_PAGES = 4000
"""A log of so many is brought into the database by whoever commits; before that `Checkpoints` does so beside them."""
LOCK_SECONDS = 30
"""A unit that waits longer for somebody's row lock fails, so that no writer hangs for ever."""


@dataclass(frozen=True, slots=True)
class Backend:
    """One database behind the store."""

    engine: Engine
    begin_read: str
    begin_write: str
    lock_file: Path | None
    """SQLite: writers of several processes queue here, or they starve each other in BEGIN IMMEDIATE."""
    unsynced: Path | None = None
    """SQLite: where commits are that its writer has to sync, since COMMIT does not."""

    @property
    def dialect(self) -> str:
        return self.engine.dialect.name

    @property
    def is_shared(self) -> bool:
        """Whether other hosts may serve from it, too: then its clock is everybody's."""
        return self.dialect != "sqlite"

    @property
    def product(self) -> str:
        """The database in words, with the version of what is linked in."""
        return f"SQLite {sqlite3.sqlite_version}" if self.dialect == "sqlite" else "PostgreSQL"


_ENGINE: dict[str, Any] = {"pool_size": 128, "max_overflow": 0, "hide_parameters": True}
"""What goes into a statement is people's: it stays out of the text of errors, which are logged."""


def connect(url: str, data: Path, most: int = 128, *, syncs: bool = True) -> Backend:
    """Make the engine for a database URL (`sqlite:///path` or `postgresql://…`). Connects lazily.

    `most`: connections to a server. `syncs`: whether a commit is on disk when it is done; with SQLite that can be left
    to the writer (`Backend.unsynced`).
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        # A file that is gone (a disk that was not mounted) is never made anew by looking for it.
        engine = create_engine(parsed, creator=lambda: open_file(parsed.database or "", "rw"), **_ENGINE)
        event.listen(engine, "connect", _prepare_sqlite if syncs else _prepare_sqlite_unsynced)
        unsynced = None if syncs else Path(f"{parsed.database}-wal")
        return Backend(engine, "BEGIN", "BEGIN IMMEDIATE", data / "write.lock", unsynced)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    options = {**_ENGINE, "pool_size": most, "pool_pre_ping": True, "connect_args": POSTGRESQL_OPTIONS}
    engine = create_engine(parsed, **options)
    event.listen(engine, "connect", _prepare_postgresql)
    return Backend(
        engine, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "BEGIN ISOLATION LEVEL READ COMMITTED", None
    )


def connect_reading(url: str) -> Backend:
    """`connect`, for whoever only looks: a writer gets Temporary."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(parsed, creator=lambda: open_file(parsed.database or "", "ro"), **_ENGINE)
        event.listen(engine, "connect", _prepare_reading)
        return Backend(engine, "BEGIN", "BEGIN", None)
    backend = connect(url, Path())
    return Backend(backend.engine, backend.begin_read, backend.begin_read, None)


def _prepare_reading(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    connection.execute("PRAGMA query_only=ON")


def open_file(path: str, mode: str) -> sqlite3.Connection:
    """A SQLite database: `ro`, `rw`, or `rwc`, which alone makes one. Raises sqlite3.OperationalError.

    Read-only leaves no trace: where no process has the database open and none left a log of its commits behind, SQLite
    is told that nothing will change, and makes no files beside it. Of a database whose process was killed it rebuilds
    the index of that log (`-shm`), which holds nothing of its own.
    """
    options = f"mode={mode}"
    if mode == "ro" and not Path(f"{path}-wal").exists():
        options += "&immutable=1"
    return sqlite3.connect(f"file:{quote(path)}?{options}", uri=True, check_same_thread=False)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={BUSY_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=OFF",
        f"cache_size=-{SQLITE_READER_CACHE_KIB}",
        f"mmap_size={SQLITE_MMAP}",
        "temp_store=MEMORY",
        "journal_size_limit=67108864",
        f"wal_autocheckpoint={SQLITE_LOG_PAGES}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _prepare_sqlite_unsynced(connection: Any, record: object) -> None:
    """Checkpoints are synced all the same: they alone could spoil the database."""
    _prepare_sqlite(connection, record)
    connection.execute("PRAGMA synchronous=NORMAL")


def _prepare_postgresql(connection: Any, _record: object) -> None:
    connection.autocommit = True
    # SQL text is stable (see Statement), so every statement is worth a server-side plan.
    connection.prepare_threshold = 3
    arrays.register(connection)
    connection.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
    connection.execute("SET idle_in_transaction_session_timeout = '60s'")


TELL_TIME = "SELECT extract(epoch FROM clock_timestamp())::float8"
"""PostgreSQL: beside a BEGIN it costs no journey of its own."""
WRITERS_SETTING = "SET idle_in_transaction_session_timeout = '10s'"
"""PostgreSQL: a host that is frozen or cut off inside a unit must not hold its locks for long. (Readers hold none, and
may wait for octets meanwhile.)"""


def has_ended(driver: Any, dialect: str) -> bool:
    """True when a server connection is gone. SQLite's is a file: it never goes."""
    return dialect != "sqlite" and bool(driver.closed or driver.broken)


def asks_again(error: BaseException) -> bool:
    """A deadlock or serialisation failure: PostgreSQL wants the whole transaction again (SQLSTATE class 40)."""
    return _sqlstate(error).startswith("40")


def was_met(error: BaseException) -> bool:
    """A row that was not there when a unit looked, or was: on PostgreSQL another unit may have come between. Run again,
    it finds what is there now, and changes or refuses that."""
    return _sqlstate(error) in ("23503", "23505")


def _sqlstate(error: BaseException) -> str:
    return str(getattr(_cause(error), "sqlstate", "") or "")


def translate(error: BaseException) -> BaseException:
    """Temporary for a database that is out of reach, busy or full; Refused for text that PostgreSQL cannot hold, and so
    has not; every other error stays what it is."""
    if isinstance(error, PoolTimeout):
        return Temporary("The database is out of reach")
    cause = _cause(error)
    if isinstance(cause, sqlite3.Error):
        if getattr(cause, "sqlite_errorcode", 0) == sqlite3.SQLITE_CONSTRAINT_TRIGGER:
            return Temporary("The database was moved away")  # the only triggers that refuse: `moved_fence`
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            return NoRoom("No room on the disk")
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return DamagedDatabase("The database is damaged")
        return Temporary("The database is out of reach") if code in SQLITE_TEMPORARY else error
    if isinstance(cause, psycopg.errors.DataCorrupted | psycopg.errors.IndexCorrupted):
        return DamagedDatabase("The database is damaged")
    if isinstance(cause, psycopg.DataError) and _is_about_nul(cause):
        return Refused(Reason.INVALID, "Text with NUL")
    if isinstance(cause, psycopg.errors.DiskFull):
        return NoRoom("No room on the disk")
    if isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError | psycopg.errors.ReadOnlySqlTransaction):
        return Temporary("The database is out of reach")
    return error


def _is_about_nul(error: psycopg.DataError) -> bool:
    """What the driver does not send, and what the server says of it in JSON."""
    return isinstance(error, psycopg.errors.UntranslatableCharacter) or "contain NUL" in str(error)


def brief(error: BaseException) -> str:
    """First line of an error, without the SQL parameters (they may be content)."""
    cause = _cause(error)
    text = str(cause).splitlines()
    return f"{type(cause).__name__}: {text[0] if text else ''}"[:200]


def _cause(error: BaseException) -> BaseException:
    """The driver's own error behind SQLAlchemy's."""
    return getattr(error, "orig", None) or error
