"""Brings a database to the newest schema (alembic), safely when several processes try at once."""

import contextlib
import fcntl
import functools
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import URL, Connection, column, create_engine, event, inspect, make_url, select, table, text, update
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
    ProgrammingError,
)

from mailserver import __version__
from mailserver.foundation.ownership import give_to_owner
from mailserver.model.errors import NewerSchema, OlderSchema, Temporary
from mailserver.store.engine.engines import BUSY_MS, POSTGRESQL_OPTIONS, brief, open_file
from mailserver.store.engine.statements import Tx
from mailserver.store.schema.service.keeping import instance

LOCATION = Path(__file__).parent.parent / "migrations"
FURTHER: list[Path] = []
"""Folders of further revisions: tests have some that are still to come."""
EXPAND, CONTRACT = "expand", "contract"
"""What a revision says of itself as `KIND`: programs of before can serve while it runs and afterwards, or not. Those
that say nothing are of a time when none could."""
FIRST_WITH_NOTES = "0059"
ADVISORY_LOCK = 0x6D61696C
"""PostgreSQL advisory lock that one migration holds."""
LOCK_MS = 2000
"""So long a revision waits for a table on PostgreSQL: behind it waits everybody who wants that table. Behind a long
transaction of somebody else (a backup) it lets them go first;"""
LOCK_PAUSE = 3.0
"""after so many seconds it is tried again,"""
LOCK_ATTEMPTS = 20
"""so often."""
_LOCK_NOT_AVAILABLE = "55P03"
_WRITES = "writes"


@dataclass(frozen=True, slots=True)
class Step:
    """One revision."""

    revision: str
    summary: str
    kind: str
    rewrites: tuple[str, ...] = ()
    """Tables of which it reads or writes every row."""
    can_go_back: bool = False

    @classmethod
    def of(cls, script: Script) -> "Step":
        module = script.module
        return cls(
            script.revision,
            (script.doc or "").splitlines()[0] if script.doc else "",
            getattr(module, "KIND", CONTRACT),
            tuple(getattr(module, "REWRITES", ())),
            hasattr(module, "downgrade"),
        )


@dataclass(frozen=True, slots=True)
class Notes:
    """Columns of `instance`."""

    compatible_since: str = ""
    upgraded_from: str = ""
    upgraded_by: str = ""


class NoWayBack(Temporary):
    """A revision cannot be undone."""

    def __init__(self, step: Step) -> None:
        super().__init__(f"revision {step.revision} ({step.summary}) cannot be undone: restore the backup from before")


def upgrade_over(connection: Connection, check: Callable[[], None] = lambda: None) -> None:
    """Run every missing revision over a connection of `locked`; nothing where a newer program did, which lets us serve.

    `check`: asked first, in the same transaction. Raises NewerSchema, and what that raises, and changes nothing.
    """
    check_known(connection)
    missing = pending(connection)
    if not missing:
        return
    before = max(revisions(connection), default="")

    def work() -> None:
        check()
        command.upgrade(_config(connection), "head")
        _note(connection, compatible_since=compatible_since(), upgraded_from=before, upgraded_by=__version__)

    _change(connection, work)


def downgrade_over(connection: Connection, revision: str, check: Callable[[], None] = lambda: None) -> None:
    """Undo every revision after this one. `check`: asked first, in the same transaction. Raises NewerSchema, NoWayBack,
    and what that raises, and changes nothing."""
    check_known(connection)
    for step in since(connection, revision):
        if not step.can_go_back:
            raise NoWayBack(step)

    def work() -> None:
        check()
        command.downgrade(_config(connection), revision)
        if revision >= FIRST_WITH_NOTES:
            _note(connection, compatible_since=compatible_since(revision), upgraded_from="", upgraded_by=__version__)

    _change(connection, work)


def _change(connection: Connection, work: Callable[[], None]) -> None:
    """Do it in one transaction: all of it or, however we end, nothing."""
    for left in reversed(range(LOCK_ATTEMPTS)):
        begin_writing(connection)
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_MS}"))
        else:
            connection.execute(text("SELECT 1"))  # alembic joins a transaction that has begun
        try:
            work()
            connection.commit()
        except OperationalError as error:
            connection.rollback()
            if getattr(error.orig, "sqlstate", "") != _LOCK_NOT_AVAILABLE:
                raise
            if not left:
                raise Temporary("a long transaction (a backup?) is in the way: try again after it") from error
            time.sleep(LOCK_PAUSE)
        except BaseException:
            connection.rollback()
            raise
        else:
            return


def begin_writing(connection: Connection) -> None:
    """What was read is over. From now on transactions of this connection are for writing: on SQLite one that has read
    could not write any more once somebody else has."""
    connection.commit()
    connection.info[_WRITES] = True


def pending(connection: Connection) -> "list[Step]":
    """What an upgrade would run, in this order; nothing where the database is newer than we are."""
    now = revisions(connection)
    scripts = _scripts()
    if now - _known():
        return []
    # Of an empty database: everything.
    missing = scripts.iterate_revisions("head", max(now, default="base"))
    return [Step.of(script) for script in reversed(list(missing))]


def before(revision: str) -> str:
    """The revision that this one follows."""
    return str(_scripts().get_revision(revision).down_revision)


def since(connection: Connection, revision: str) -> "list[Step]":
    """What was run after this revision, the newest first; nothing where the database is newer than we are."""
    now = max(revisions(connection), default="base")
    if revisions(connection) - _known():
        return []
    return [Step.of(script) for script in _scripts().iterate_revisions(now, revision)]


def compatible_since(revision: str = "head") -> str:
    """The last revision, up to this one, that programs of before cannot serve with."""
    steps = (Step.of(script) for script in _scripts().iterate_revisions(revision, "base"))
    return next((step.revision for step in steps if step.kind == CONTRACT), "")


def notes(connection: Connection) -> "Notes":
    """What was written down at the last upgrade; nothing by programs that did not."""
    found = (
        {column["name"] for column in inspect(connection).get_columns("instance")}
        if _has_instance(connection)
        else set()
    )
    if "compatible_since" not in found:
        return Notes()
    row = connection.execute(text("SELECT compatible_since, upgraded_from, upgraded_by FROM instance")).first()
    return Notes(*row) if row is not None else Notes()


def _has_instance(connection: Connection) -> bool:
    return inspect(connection).has_table("instance")


def _note(connection: Connection, **values: str) -> None:
    """Nothing where the instance has no identifier yet: whoever gives it one writes the same."""
    if _has_instance(connection):
        connection.execute(update(instance).values(**values))


def revisions(connection: Connection) -> set[str]:
    """What the database says of itself; empty: it has no schema of ours."""
    return set(MigrationContext.configure(connection).get_current_heads())


def newest() -> set[str]:
    """What this version wants."""
    return set(_scripts().get_heads())


def check_known(connection: Connection) -> None:
    """Raises NewerSchema for a database that a newer version has upgraded so that this one would misread its rows."""
    strange = min(revisions(connection) - _known(), default="")
    if strange:
        check_revision(connection.engine.url, strange, notes(connection).compatible_since)


def check_revision(url: str | URL, revision: str, since: str) -> None:
    """The same of what `current` says."""
    known = _known()
    if revision not in known and since not in known:
        raise NewerSchema(
            f"the database {shown(url)} was upgraded by a newer version of mailserver"
            f" (its schema is {revision}, this version knows {max(newest())}):"
            " install that version again, or restore a backup from before"
        )


def current(tx: Tx) -> tuple[str, str]:
    """The revision, and what may serve it, by a program that has begun to."""
    revision = tx.execute(select(column("version_num")).select_from(table("alembic_version"))).scalar_one()
    if revision < FIRST_WITH_NOTES:  # it went back
        return revision, ""
    return revision, tx.execute(select(instance.c.compatible_since)).scalar() or ""


def check_served(url: str, revision: str, since: str) -> None:
    """What `current` says, for a program that serves. Raises NewerSchema; OlderSchema for one that went back."""
    check_revision(url, revision, since)
    if revision in _known() - newest():
        raise OlderSchema(f"the schema of the database {shown(url)} was taken back to {revision} while it was served")


def _known() -> set[str]:
    return {script.revision for script in _scripts().walk_revisions()}


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


def is_served(connection: Connection) -> bool:
    """Whether the schema is ours, or a newer one that we may serve. Raises NewerSchema for others."""
    check_known(connection)
    return not pending(connection) and bool(revisions(connection))


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(LOCATION))
    if FURTHER:
        config.set_main_option("path_separator", "newline")
        config.set_main_option("version_locations", "\n".join(map(str, (LOCATION / "versions", *FURTHER))))
    if connection is not None:
        config.attributes["connection"] = connection
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config()) if FURTHER else _own_scripts()


@functools.cache
def _own_scripts() -> ScriptDirectory:
    """The revisions of this program, read once: each opening asks several times, and reading costs more than all else
    of it. What an upgrade puts in their place while we serve is not ours."""
    return ScriptDirectory.from_config(_config())


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
        give_to_owner(data / "migrate.lock", data)
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
    if mode != "ro":
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _prepare(connection: Any, _record: object) -> None:
    """The driver's own transactions leave out what changes the schema: half of a revision would stay."""
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if _WRITES in connection.info else "BEGIN")
