"""A consistent copy of the database while it is used, and what it names: the database's part of backups."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy import Connection, inspect, make_url, select, text
from sqlalchemy.exc import DatabaseError

from mailserver.model.errors import NoRoom, NotThere
from mailserver.store.engine import migrate
from mailserver.store.engine.engines import BUSY_MS, open_file, translate
from mailserver.store.schema.base import CodePoints
from mailserver.store.schema.mail.messages import blob
from mailserver.store.schema.service.keeping import damage, instance
from mailserver.store.upkeep import opening
from mailserver.store.upkeep.opening import Place

MARGIN = 64 * 1024 * 1024
"""Octets of the disk that a copy leaves to the service."""
ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Described:
    """What a copy says of itself."""

    instance: str
    schema: str
    files: int
    """Large messages that it names."""


def is_sqlite(url: str) -> bool:
    return make_url(url).get_backend_name() == "sqlite"


def copy_sqlite(url: str, target: Path) -> None:
    """Copy the database in one step: one reading transaction, beside which writers go on.

    Raises NoRoom, Temporary, OSError.
    """
    try:
        with contextlib.closing(open_file(str(sqlite_file(url)), "rw")) as source:
            source.execute(f"PRAGMA busy_timeout={BUSY_MS}")
            source.execute("PRAGMA query_only=ON")
            pages, size = (source.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
            check_room(target.parent, pages * size)
            with contextlib.closing(open_file(str(target), "rwc")) as copy:
                source.backup(copy, pages=-1)
                copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
    except sqlite3.Error as error:
        raise translate(error) from error


def check_room(folder: Path, octets: int) -> None:
    """Raises NoRoom when so much does not fit, or the service would not have enough left."""
    disk = os.statvfs(folder)
    if octets + MARGIN > disk.f_bavail * disk.f_frsize:
        raise NoRoom(f"{folder}: no room for a copy of the database, which takes {octets >> 20} MiB")


@contextlib.contextmanager
def held_snapshot(url: str) -> Iterator[tuple[str, Connection]]:
    """PostgreSQL: a transaction that changes nothing, and its snapshot's name for `pg_dump --snapshot`."""
    with migrate.refusals(url), migrate.reading(url) as connection:
        connection.execute(text("SET idle_in_transaction_session_timeout = 0"))
        connection.commit()
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        yield str(connection.execute(text("SELECT pg_export_snapshot()")).scalar()), connection


def program_environment(url: str) -> dict[str, str]:
    """What PostgreSQL's own programs find a database by: a command line would show its password to every user."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    options = psycopg.pq.Conninfo.parse(plain.encode())
    return {one.envvar.decode(): one.val.decode() for one in options if one.envvar and one.val}


def describe(connection: Connection, names: Path, copied: Place | None = None) -> Described:
    """Write the files that its rows name, sorted, one a line. Those that are known to be lost are not asked for.

    `copied`: it is about to be a copy of this one. Raises NotThere where it was moved away: nobody could serve that.
    """
    if copied is not None:
        opening.check_whole(copied, connection)
    identifier = connection.execute(select(instance.c.identifier)).scalar() or ""
    chosen = (
        select(blob.c.file)
        .outerjoin(damage, damage.c.content_id == blob.c.content_id)
        .where(blob.c.file.is_not(None), damage.c.content_id.is_(None))
        .order_by(CodePoints(blob.c.file))
        .execution_options(yield_per=ROWS)
    )
    count = 0
    with open(names, "w", encoding="ascii") as file:
        for (name,) in connection.execute(chosen):
            file.write(f"{name}\n")
            count += 1
    return Described(identifier, max(migrate.revisions(connection), default=""), count)


def sqlite_file(url: str) -> Path:
    return Path(make_url(url).database or "")


def check_empty(url: str) -> None:
    """Raises NotThere for a PostgreSQL database with tables, Temporary."""
    with migrate.refusals(url), migrate.reading(url) as connection:
        if tables := inspect(connection).get_table_names():
            raise NotThere(f"the database {migrate.shown(url)} is not empty: it has {len(tables)} tables")


def describe_database(url: str, names: Path, copied: Place | None = None) -> Described:
    """`describe`, of a database that nobody changes. Raises NotThere and other Temporary."""
    with migrate.refusals(url), migrate.reading(url) as connection:
        return describe(connection, names, copied)


def fault_of(copy: Path) -> str:
    """What is wrong with the pages of a copy; empty for nothing."""
    try:
        with migrate.reading(f"sqlite:///{copy}") as connection:
            found = str(connection.execute(text("PRAGMA quick_check(1)")).scalar())
    except DatabaseError as error:
        found = str(error.orig)
    return "" if found == "ok" else found[:200]
