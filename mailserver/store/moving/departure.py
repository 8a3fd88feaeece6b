"""The database that is left: nothing in it changes but one note, that it was moved and where to."""

import contextlib
from collections.abc import Callable, Iterator

from sqlalchemy import inspect, text
from sqlalchemy.schema import CreateTable

from mailserver.store.engine import migrate
from mailserver.store.engine.engines import translate
from mailserver.store.moving.counting import check_fits
from mailserver.store.moving.ends import TABLES, CannotMove, End
from mailserver.store.schema.base import metadata
from mailserver.store.schema.service.moving import moved_away
from mailserver.store.upkeep import hosts, opening
from mailserver.store.upkeep.opening import Place
from mailserver.texts.text import Text


def moved_to(place: Place) -> str:
    """Where the database was moved to; empty: it was not. Raises Temporary."""
    with migrate.refusals(place.url), migrate.reading(place.url) as connection:
        return opening.moved_to(connection)


def note(place: Place, target: End) -> None:
    """From now on nothing that opens an instance opens this one. Raises Temporary, OSError."""
    with migrate.refusals(place.url), migrate.locked(place.url, place.data) as connection:
        migrate.begin_writing(connection)
        if not inspect(connection).has_table(moved_away.name):
            connection.execute(CreateTable(moved_away))
        connection.execute(moved_away.delete())
        connection.execute(moved_away.insert().values(target=str(target)))
        connection.commit()


def forget_note(place: Place) -> None:
    """Everything is as before. Raises Temporary, OSError."""
    with migrate.refusals(place.url), migrate.locked(place.url, place.data) as connection:
        migrate.begin_writing(connection)
        connection.execute(text(f"DROP TABLE IF EXISTS {moved_away.name}"))
        connection.commit()


@contextlib.contextmanager
def held(source: End) -> Iterator[Callable[[], object]]:
    """Nobody writes meanwhile; everybody may read. What it gives raises when that does not hold any more.

    Raises CannotMove while somebody writes.
    """
    with source.opened(writes=True) as driver:
        try:
            if source.is_sqlite:
                driver.execute("BEGIN IMMEDIATE")
            else:
                driver.execute("BEGIN")
                names = ", ".join(f'"{table.name}"' for table in metadata.sorted_tables)
                driver.execute(f"LOCK TABLE {names} IN SHARE MODE")
        except Exception as error:
            if translate(error) is error:
                raise
            raise CannotMove(
                Text("la base {url} est encore utilisée : arrêtez tout ce qui y écrit, puis relancez", url=source)
            ) from error
        try:
            yield lambda: driver.execute("SELECT 1")
        finally:
            driver.execute("ROLLBACK")


def serving_hosts(place: Place) -> list[str]:
    """Hosts that serve a PostgreSQL database now, by what they said in the last half minute."""
    with migrate.refusals(place.url), migrate.reading(place.url) as connection:
        return hosts.others(connection, "")


def check(source: End, target: End) -> None:
    """Raises CannotMove for what a SQLite database takes and PostgreSQL does not: before anything is brought."""
    if not source.is_sqlite:
        return
    with source.opened() as driver:
        lost = driver.execute(
            'SELECT "table", "parent", count(*) FROM pragma_foreign_key_check GROUP BY 1, 2'
        ).fetchall()
    if lost:
        table, parent, number = lost[0]
        raise CannotMove(
            Text(
                "{table} : {count} lignes nomment des lignes de {parent} qui n’existent pas ; rien n’est déplacé",
                table=table,
                parent=parent,
                count=number,
            )
        )
    if not target.is_sqlite:
        for table in TABLES:
            check_fits(source, table)
