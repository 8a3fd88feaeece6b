"""Makes a table at one end what it is at the other, whatever stands there: nothing, a part, or what was there before.

Both are read in the order of their keys, side by side: what is gone or has changed is taken out, what lacks is put in.
So a move that was killed goes on, and one that runs again brings only what came since.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import psycopg
from sqlalchemy import Table

from mailserver.store.moving.ends import BATCH_OCTETS, BATCH_ROWS, End, Row, refusals
from mailserver.store.moving.server_types import server_type

Key = Callable[[Row], Any]
Told = Callable[[int], None]


class Disordered(Exception):
    """The engines do not agree on the order of these keys."""


@dataclass(slots=True)
class Brought:
    """What was written at the other end."""

    put: int = 0
    taken: int = 0
    octets: int = 0


def bring(source: End, target: End, table: Table, told: Told = lambda _: None) -> Brought:
    """Make it the same; `told` of the rows that were read. Raises CannotMove."""
    with refusals(target, table.name), target.opened(writes=True) as driver:
        writer = TableWriter(target, driver, table)
        if writer.is_empty():
            return writer.put_all(_watched(source.rows(table), told))
        try:
            # What was in the way of a unique value has been taken out the first time.
            if not writer.compare(source, target, told, collisions=True):
                writer.compare(source, target, told, collisions=False)
        except Disordered:
            writer.clear()
            return writer.put_all(_watched(source.rows(table), told))
        return writer.brought


def _watched(rows: Iterator[Row], told: Told) -> Iterator[Row]:
    number = 0
    for number, row in enumerate(rows, 1):
        yield row
        if number % BATCH_ROWS == 0:
            told(number)
    told(number)


def ascending(rows: Iterator[Row], key: Key) -> Iterator[Row]:
    """Raises Disordered."""
    last: Any = None
    for row in rows:
        found = key(row)
        if last is not None and not last < found:
            raise Disordered
        last = found
        yield row


def side_by_side(wanted: Iterator[Row], there: Iterator[Row], key: Key) -> Iterator[tuple[Row | None, Row | None]]:
    """What differs: a row that lacks, one that is gone, or both versions of one that has changed."""
    new, old = next(wanted, None), next(there, None)
    while new is not None or old is not None:
        if new == old:
            new, old = next(wanted, None), next(there, None)
        elif old is None or (new is not None and key(new) < key(old)):
            yield new, None
            new = next(wanted, None)
        elif new is None or key(old) < key(new):
            yield None, old
            old = next(there, None)
        else:
            yield new, old
            new, old = next(wanted, None), next(there, None)


@dataclass(slots=True)
class Batch:
    """What is written together."""

    taken: list[Row] = field(default_factory=list)
    put: list[Row] = field(default_factory=list)
    octets: int = 0

    def add(self, row: Row) -> None:
        self.put.append(row)
        self.octets += sum(len(value) for value in row if isinstance(value, str | bytes))

    @property
    def is_full(self) -> bool:
        return len(self.put) + len(self.taken) >= BATCH_ROWS or self.octets >= BATCH_OCTETS


class TableWriter:
    """One table at the end that is written."""

    def __init__(self, end: End, driver: Any, table: Table) -> None:
        self._end = end
        self._driver = driver
        self._table = table
        columns = list(table.c)
        self._places = [columns.index(column) for column in table.primary_key.columns]
        self.key: Key = itemgetter(*self._places)
        self.brought = Brought()

    def is_empty(self) -> bool:
        found = self._driver.execute(f'SELECT 1 FROM "{self._table.name}" LIMIT 1')  # noqa: S608 - a name of our own
        return found.fetchone() is None

    def clear(self) -> None:
        self._driver.execute(f'DELETE FROM "{self._table.name}"')  # noqa: S608 - a name of our own

    def put_all(self, rows: Iterator[Row]) -> Brought:
        """Into an empty table."""
        batch = Batch()
        for row in rows:
            batch.add(row)
            if batch.is_full:
                self._write(batch, collisions=False)
                batch = Batch()
        self._write(batch, collisions=False)
        return self.brought

    def compare(self, source: End, target: End, told: Told, *, collisions: bool) -> bool:
        """Once through both; False when rows were left out whose unique values others still had. Raises Disordered."""
        batch, whole = Batch(), True
        with (
            contextlib.closing(target.rows(self._table, ordered=True)) as old,
            contextlib.closing(source.rows(self._table, ordered=True)) as new,
        ):
            wanted = _watched(ascending(new, self.key), told)
            for row, there in side_by_side(wanted, ascending(old, self.key), self.key):
                if there is not None:
                    batch.taken.append(tuple(there[place] for place in self._places))
                if row is not None:
                    batch.add(row)
                if batch.is_full:
                    whole &= self._write(batch, collisions=collisions)
                    batch = Batch()
        return self._write(batch, collisions=collisions) and whole

    def _write(self, batch: Batch, *, collisions: bool) -> bool:
        """False when nothing was put, because of a unique value: allowed where there are `collisions`."""
        if batch.taken:
            self._transact(lambda: self._take(batch.taken))
            self.brought.taken += len(batch.taken)
        if batch.put:
            try:
                self._transact(lambda: self.put(batch.put))
            except (psycopg.errors.UniqueViolation, sqlite3.IntegrityError):
                if not collisions:
                    raise
                return False
            self.brought.put += len(batch.put)
            self.brought.octets += batch.octets
        return True

    def _transact(self, work: Callable[[], None]) -> None:
        self._driver.execute("BEGIN")
        try:
            work()
        except BaseException:
            self._driver.execute("ROLLBACK")
            raise
        self._driver.execute("COMMIT")

    def _take(self, keys: list[Row]) -> None:
        mark = "?" if self._end.is_sqlite else "%s"
        named = " AND ".join(f'"{column.name}" = {mark}' for column in self._table.primary_key.columns)
        with contextlib.closing(self._driver.cursor()) as cursor:
            cursor.executemany(f'DELETE FROM "{self._table.name}" WHERE {named}', keys)  # noqa: S608 - names of our own

    def put(self, rows: list[Row]) -> None:
        names = ", ".join(f'"{column.name}"' for column in self._table.c)
        with contextlib.closing(self._driver.cursor()) as cursor:
            if self._end.is_sqlite:
                marks = ", ".join("?" for _ in self._table.c)
                words = f'INSERT INTO "{self._table.name}" ({names}) VALUES ({marks})'  # noqa: S608 - names of our own
                cursor.executemany(words, rows)
                return
            with cursor.copy(f'COPY "{self._table.name}" ({names}) FROM STDIN WITH (FORMAT BINARY)') as copy:
                copy.set_types([server_type(column.type) for column in self._table.c])
                for row in rows:
                    copy.write_row(row)
