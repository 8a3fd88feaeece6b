"""The database that is left: nothing in it changes but one note, that it was moved and where to, and a fence."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import inspect, text
from sqlalchemy.schema import CreateTable

from mailserver.store.engine import migrate
from mailserver.store.engine.engines import translate
from mailserver.store.moving.counting import check_fits
from mailserver.store.moving.ends import TABLES, CannotMove, End
from mailserver.store.schema.base import metadata
from mailserver.store.schema.service.moving import moved_away
from mailserver.store.upkeep import hosts, moved_fence, opening
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
def held(source: End) -> Iterator["Held"]:
    """Nobody writes meanwhile; everybody may read.

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
        its = Held(source, driver)
        try:
            yield its
        except BaseException:
            driver.execute("ROLLBACK")
            raise
        driver.execute("COMMIT" if its.is_shut else "ROLLBACK")


@dataclass(slots=True)
class Held:
    """A database to which nobody writes now."""

    source: End
    driver: Any
    is_shut: bool = False

    def check(self) -> None:
        """Raises what the driver raises when that does not hold any more."""
        self.driver.execute("SELECT 1")

    def shut(self) -> None:
        """Nobody shall afterwards, either."""
        _fence(self.source, self.driver)
        self.is_shut = True


def shut(source: End) -> None:
    """Nobody writes any more to what was moved away. Raises CannotMove while somebody does."""
    with held(source) as its:
        its.shut()


def _fence(source: End, driver: Any) -> None:
    if driver.execute(moved_fence.exists(source.dialect.name)).fetchone() is None:
        for words in moved_fence.making(source.dialect.name):
            driver.execute(words)


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
