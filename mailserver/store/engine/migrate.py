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
from sqlalchemy import URL, Connection, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, DatabaseError, InterfaceError, NoSuchModuleError, ProgrammingError

from mailserver.model.errors import NewerSchema, Temporary
from mailserver.store.engine.engines import POSTGRESQL_OPTIONS, brief, open_file

ADVISORY_LOCK = 0x6D61696C
"""PostgreSQL advisory lock that one migration holds."""


def upgrade_over(connection: Connection) -> None:
    """Run every missing revision over a connection of `locked`. Raises NewerSchema, and changes nothing."""
    check_known(connection)
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.commit()


def revisions(connection: Connection) -> set[str]:
    """What the database says of itself; empty: it has no schema of ours."""
    return set(MigrationContext.configure(connection).get_current_heads())


def newest() -> set[str]:
    """What this version wants."""
    return set(ScriptDirectory.from_config(_config()).get_heads())


def check_known(connection: Connection) -> None:
    """Raises NewerSchema for a database that a newer version has upgraded: this one would misread its rows."""
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if strange := min(revisions(connection) - known, default=""):
        raise NewerSchema(
            f"the database {shown(connection.engine.url)} was upgraded by a newer version of mailserver"
            f" (its schema is {strange}, this version knows {max(newest())}):"
            " install that version again, or restore a backup from before"
        )


@contextlib.contextmanager
def refusals(url: str) -> Iterator[None]:
    """One line that names the database instead of the driver's errors. Defects of ours stay what they are."""
    try:
        yield
    except (DatabaseError, InterfaceError, ArgumentError, NoSuchModuleError) as error:
        if isinstance(error, ProgrammingError):
            raise
        raise Temporary(f"the database {shown(url)} cannot be used: {brief(error)}") from error


def shown(url: str | URL) -> str:
    """A database for people: without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "of [database] url"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent.parent / "migrations"))
    return config


@contextlib.contextmanager
def locked(url: str, data: Path, *, making: bool = False) -> Iterator[Connection]:
    """A connection that one process at a time has: whoever migrates. A file is made only for `making`.

    Raises OSError, and what the driver raises.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        with _postgresql(parsed) as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
            connection.commit()
            try:
                yield connection
            finally:
                connection.rollback()
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ADVISORY_LOCK})
                connection.commit()
        return
    lock = os.open(data / "migrate.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with _sqlite(parsed, "rwc" if making else "rw") as connection:
            yield connection
    finally:
        os.close(lock)


@contextlib.contextmanager
def reading(url: str) -> Iterator[Connection]:
    """A connection that changes nothing, not even a file beside the database. Raises what the driver raises."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        with _postgresql(parsed) as connection:
            connection.execute(text("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"))
            connection.commit()
            yield connection
        return
    with _sqlite(parsed, "ro") as connection:
        yield connection


@contextlib.contextmanager
def _postgresql(parsed: URL) -> Iterator[Connection]:
    engine = create_engine(parsed.set(drivername="postgresql+psycopg"), connect_args=POSTGRESQL_OPTIONS)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


@contextlib.contextmanager
def _sqlite(parsed: URL, mode: str) -> Iterator[Connection]:
    engine = create_engine(parsed, creator=lambda: open_file(parsed.database or "", mode))
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()
