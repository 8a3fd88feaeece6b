"""What differs between SQLite and PostgreSQL: how to connect, begin, and recognise a failure.

Both drivers run in autocommit; the store writes BEGIN, SAVEPOINT and COMMIT itself. (Left to itself,
sqlite3 under SQLAlchemy lets the first SAVEPOINT open the transaction and its RELEASE commit it.)
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url

SQLITE_READER_CACHE_KIB = 8 * 1024
SQLITE_WRITER_CACHE_KIB = 32 * 1024
SQLITE_MMAP = 1024 * 1024 * 1024
BUSY_MS = 30_000


@dataclass(frozen=True, slots=True)
class Backend:
    """One database behind the store."""

    engine: Engine
    begin_read: str
    begin_write: str
    lock_file: Path | None
    """SQLite: writers of several processes queue here, or they starve each other in BEGIN IMMEDIATE."""

    @property
    def dialect(self) -> str:
        return self.engine.dialect.name


def connect(url: str, data: Path) -> Backend:
    """Make the engine for a database URL (`sqlite:///path` or `postgresql://…`). Connects lazily."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(parsed, pool_size=64, max_overflow=64, connect_args={"check_same_thread": False})
        event.listen(engine, "connect", _prepare_sqlite)
        return Backend(engine, "BEGIN", "BEGIN IMMEDIATE", data / "write.lock")
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    engine = create_engine(parsed, pool_size=64, max_overflow=64, pool_pre_ping=True)
    event.listen(engine, "connect", _prepare_postgresql)
    return Backend(engine, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "BEGIN", None)


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
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _prepare_postgresql(connection: Any, _record: object) -> None:
    connection.autocommit = True
    # SQL text is stable (see Statement), so every statement is worth a server-side plan.
    connection.prepare_threshold = 3


def lost_transaction(error: BaseException, driver_connection: Any, dialect: str) -> bool:
    """True when the engine itself ended or poisoned the whole transaction (disk full, deadlock).

    SQLite rolls everything back on FULL, IOERR and NOMEM; PostgreSQL ends it on a lost connection, and
    a deadlock or serialisation failure asks for the whole transaction again (SQLSTATE class 40).
    """
    if dialect == "sqlite":
        return not driver_connection.in_transaction
    if driver_connection.closed:
        return True
    cause = getattr(error, "orig", None) or error
    return str(getattr(cause, "sqlstate", "") or "").startswith("40")
