"""A PostgreSQL database for trials of restoring: empty before and afterwards.

A schema beside the tables marks it as one, made while it was empty. So what a killed trial left there is known, and
goes at the next one; and no other database is ever emptied: whoever is about to serve one takes the mark away.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from mailserver.model.errors import NotThere
from mailserver.store.engine import host_locks, migrate
from mailserver.store.engine.migrate import refusals
from mailserver.store.upkeep import copying

MARK = "mailserver_trial"


@contextlib.contextmanager
def emptied(url: str) -> Iterator[None]:
    """Raises NotThere for a database with tables that is none of trials, or in which one is under way; Temporary."""
    with refusals(url):
        if copying.is_sqlite(url):
            raise NotThere(f"{url}: what was backed up of PostgreSQL is tried in an empty database of PostgreSQL")
    # By whichever instance, on whichever host: a second one would throw away what the first has brought.
    with contextlib.ExitStack() as stack:
        with refusals(url):
            if not stack.enter_context(host_locks.held(url, host_locks.TRIAL)):
                raise NotThere(f"the database {migrate.shown(url)}: another trial of a backup is under way in it")
            _empty(url, first=True)
        try:
            yield
        finally:
            with refusals(url):
                _empty(url, first=False)


def keep(url: str) -> None:
    """It is served from now on, even if a killed trial left it empty and marked. Raises Temporary."""
    if copying.is_sqlite(url):
        return
    with refusals(url), migrate.locked(url, Path()) as connection:
        # Whose mark is somebody else's could not empty our tables either.
        ours = "SELECT 1 FROM pg_namespace WHERE nspname = :mark AND pg_has_role(nspowner, 'USAGE')"
        if connection.execute(text(ours), {"mark": MARK}).first() is not None:
            connection.execute(text(f"DROP SCHEMA {MARK}"))
            connection.commit()


def _empty(url: str, *, first: bool) -> None:
    with migrate.locked(url, Path()) as connection:
        found = inspect(connection)
        if MARK not in found.get_schema_names():
            tables = found.get_table_names()
            if tables or not first:
                raise NotThere(f"the database {migrate.shown(url)} is not empty: it has {len(tables)} tables")
            connection.execute(text(f"CREATE SCHEMA {MARK}"))
        else:
            _drop(connection, found.get_table_names())
            if not first:
                connection.execute(text(f"DROP SCHEMA {MARK}"))
        connection.commit()


def _drop(connection: Connection, names: list[str]) -> None:
    quoted = connection.dialect.identifier_preparer.quote
    if names:
        connection.execute(text(f"DROP TABLE {', '.join(map(quoted, names))} CASCADE"))
