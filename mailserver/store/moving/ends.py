"""The two databases of a move: each opened by its driver alone, read as a stream, told in sentences when it refuses.

Rows are tuples of integers, texts, octets and nothing, the same from both engines. A text that PostgreSQL cannot keep
(NUL, octets that are no UTF-8) is read with U+FFFD in their place.
"""

import contextlib
import functools
import marshal
import sqlite3
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import psycopg
from sqlalchemy import Column, Dialect, String, Table, make_url, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.elements import ColumnElement

from mailserver.model.errors import Temporary
from mailserver.store.engine import migrate
from mailserver.store.engine.engines import BUSY_MS, LOCK_SECONDS, POSTGRESQL_OPTIONS, brief, open_file, translate
from mailserver.store.schema.base import CodePoints, metadata
from mailserver.store.schema.service.keeping import instance
from mailserver.texts.text import Text

Row = tuple[Any, ...]
TABLES = [table for table in metadata.sorted_tables if table is not instance]
"""Whatever the schema has, those that others refer to first. `instance` is given last, by `arrival`."""
WIDTH = max(len(table.primary_key.columns) for table in TABLES)
"""Columns of the widest key."""
BATCH_OCTETS = 4 * 1024 * 1024
"""About so much is in memory of each stream."""
BATCH_ROWS = 5000
FIRST_ROWS = 50
_DIALECTS: dict[str, Dialect] = {
    "sqlite": cast("type[Dialect]", sqlite.dialect)(),
    "postgresql": cast("type[Dialect]", postgresql.dialect)(),
}
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class CannotMove(Temporary):
    """The move does not go on; the text says why, and what to do."""


@dataclass(slots=True)
class End:
    """One of the two databases."""

    url: str
    mends: bool = False
    """Texts are read so that PostgreSQL can keep them."""
    mended: int = 0
    """How many were not as they are now."""
    _idle: dict[bool, list[Any]] = field(default_factory=dict)
    """Connections that nobody uses, those that write and the others."""

    @property
    def is_sqlite(self) -> bool:
        return make_url(self.url).get_backend_name() == "sqlite"

    @property
    def path(self) -> str:
        """The file of a SQLite database."""
        return make_url(self.url).database or ""

    @property
    def dialect(self) -> Dialect:
        return _DIALECTS["sqlite" if self.is_sqlite else "postgresql"]

    def __str__(self) -> str:
        return migrate.shown(self.url)

    @contextlib.contextmanager
    def opened(self, *, writes: bool = False) -> Iterator[Any]:
        """A connection of the driver, in autocommit, that nobody else uses. Raises CannotMove."""
        idle = self._idle.setdefault(writes, [])
        with refusals(self):
            driver = idle.pop() if idle else self._sqlite(writes) if self.is_sqlite else self._server()
            try:
                yield driver
            except BaseException:
                driver.close()
                raise
        idle.append(driver)

    def close(self) -> None:
        """No connection is in use."""
        for driver in (each for idle in self._idle.values() for each in idle):
            driver.close()
        self._idle.clear()

    def _sqlite(self, writes: bool) -> sqlite3.Connection:
        driver = open_file(self.path, "rw")
        driver.isolation_level = None
        driver.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        driver.execute("PRAGMA foreign_keys=OFF")
        if writes:
            driver.execute("PRAGMA journal_mode=WAL")
            driver.execute("PRAGMA synchronous=NORMAL")
        else:
            driver.execute("PRAGMA query_only=ON")
        if self.mends:
            driver.text_factory = self._mended_text
        return driver

    def _server(self) -> "psycopg.Connection[Row]":
        plain = make_url(self.url).set(drivername="postgresql").render_as_string(hide_password=False)
        options: dict[str, Any] = dict(POSTGRESQL_OPTIONS)
        driver = psycopg.connect(plain, autocommit=True, **options)
        driver.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
        driver.execute("SET idle_in_transaction_session_timeout = 0")
        return driver

    def _mended_text(self, octets: bytes) -> str:
        try:
            found = octets.decode()
        except UnicodeDecodeError:
            found = octets.decode("utf-8", "replace")
            self.mended += 1
        if "\0" in found:
            found = found.replace("\0", _REPLACEMENT)
            self.mended += 1
        return found

    def rows(self, table: Table, *, ordered: bool = False) -> Generator[Row, None, None]:
        """Every row at one moment; `ordered`: by the key, texts by code point. A few are in memory at a time."""
        with self.opened() as driver, self._cursor(driver) as cursor:
            cursor.execute(_reading(table, self.dialect.name, ordered))
            count = FIRST_ROWS
            while found := cursor.fetchmany(count):
                yield from found
                octets = len(marshal.dumps(found, 2)) // len(found) + 1
                count = max(1, min(BATCH_ROWS, 2 * count, BATCH_OCTETS // octets))

    @contextlib.contextmanager
    def _cursor(self, driver: Any) -> Iterator[Any]:
        """One snapshot."""
        if self.is_sqlite:
            with contextlib.closing(driver.cursor()) as cursor:
                yield cursor
            return
        driver.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        with driver.cursor(name="moving", binary=True) as cursor:
            yield cursor
        driver.execute("COMMIT")


@functools.cache
def _reading(table: Table, dialect: str, ordered: bool) -> str:
    chosen = select(*table.c)
    if ordered:
        chosen = chosen.order_by(*(_by_code_point(column, dialect) for column in table.primary_key.columns))
    return str(chosen.compile(dialect=_DIALECTS[dialect]))


def _by_code_point(column: "Column[Any]", dialect: str) -> ColumnElement[Any]:
    kind = column.type.dialect_impl(_DIALECTS[dialect])
    if dialect == "sqlite" or not isinstance(kind, String) or getattr(kind, "collation", None) == "C":
        return column
    return CodePoints(column)


@contextlib.contextmanager
def refusals(end: End, table: str = "") -> Iterator[None]:
    """What a database refuses, in one sentence that has no value of anybody's in it."""
    try:
        yield
    except (sqlite3.Error, psycopg.Error) as error:
        told = translate(error)
        if told is not error:
            raise CannotMove(
                Text("la base {url} n’est pas utilisable ({why}) ; relancez ensuite", url=end, why=_kind(error))
            ) from error
        raise CannotMove(
            Text("{table} : la base {url} refuse une ligne ({why})", table=table or "?", url=end, why=_kind(error))
        ) from error


def _kind(error: sqlite3.Error | psycopg.Error) -> str:
    """What kind of error, and for those that hold no row's value what the driver says."""
    name = type(error).__name__
    if isinstance(error, psycopg.errors.IntegrityError | psycopg.errors.DataError):
        named = (error.diag.constraint_name, error.diag.column_name)
        return " ".join(filter(None, (name, *named)))
    return brief(error)
