"""Brings a database to the newest schema (alembic), safely when several processes try at once."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, DatabaseError, InterfaceError, NoSuchModuleError, ProgrammingError

from mailserver.errors import Temporary
from mailserver.store.engines import POSTGRESQL_OPTIONS, brief

ADVISORY_LOCK = 0x6D61696C
"""PostgreSQL advisory lock that one migration holds."""


def upgrade(url: str, data: Path) -> None:
    """Run every missing revision. Idempotent. Raises OSError, and Temporary when the database cannot be used."""
    with _refusals(url), _connection(url, data) as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()


def is_current(url: str, data: Path) -> bool:
    """True when the database has exactly the newest revision. Raises OSError, Temporary."""
    with _refusals(url), _connection(url, data) as connection:
        heads = set(ScriptDirectory.from_config(_config()).get_heads())
        return set(MigrationContext.configure(connection).get_current_heads()) == heads


@contextlib.contextmanager
def _refusals(url: str) -> Iterator[None]:
    """One line that names the database instead of the driver's errors. Defects of ours stay what they are."""
    try:
        yield
    except (DatabaseError, InterfaceError, ArgumentError, NoSuchModuleError) as error:
        if isinstance(error, ProgrammingError):
            raise
        raise Temporary(f"the database {_shown(url)} cannot be used: {brief(error)}") from error


def _shown(url: str) -> str:
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "of [database] url"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


@contextlib.contextmanager
def _connection(url: str, data: Path) -> Iterator[Connection]:
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        engine = create_engine(parsed.set(drivername="postgresql+psycopg"), connect_args=POSTGRESQL_OPTIONS)
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
            connection.commit()
            try:
                yield connection
            finally:
                connection.rollback()
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ADVISORY_LOCK})
                connection.commit()
        engine.dispose()
        return
    data.mkdir(parents=True, exist_ok=True)
    lock = os.open(data / "migrate.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        engine = create_engine(parsed)
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()
    finally:
        os.close(lock)
