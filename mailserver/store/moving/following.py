"""Brings what the journal names, and nothing else is read: how a move ends within minutes, however much there is.

What it rests on: everything was brought and compared once, row by row, and whatever differed was in the journal. What
is brought afterwards is read back.
"""

import contextlib
from typing import Any

from sqlalchemy import Table

from mailserver.store.moving import arrival, journal
from mailserver.store.moving.bringing import (
    Batch,
    Brought,
    Disordered,
    TableWriter,
    ascending,
    side_by_side,
)
from mailserver.store.moving.counting import Sum, total
from mailserver.store.moving.ends import BATCH_ROWS, TABLES, CannotMove, End, Row, refusals
from mailserver.store.moving.journal import Journal
from mailserver.store.moving.server_types import server_type
from mailserver.texts.text import Text

MOST = 200_000
"""Rows that differ, of which the keys are in memory."""


def catch_up(source: End, target: End, *, held: bool = False) -> Brought:
    """Make the rows that the journal names the same, in one transaction. `held`: nobody writes to the source.

    Raises CannotMove.
    """
    brought = Brought()
    with refusals(target), source.opened() as reader, target.opened(writes=True) as writer:
        its = journal.of(source)
        if held:
            its.hold(reader)
        else:
            journal.renew(source, target, reader)
        names = its.changed(reader)
        writer.execute("BEGIN")
        if not target.is_sqlite:
            arrival.put_keys_off(writer)
        for table in TABLES:
            if table.name in names:
                _bring(_Changes(its, target, reader, writer, table), brought)
        writer.execute("COMMIT")
        if held:
            reader.execute("COMMIT")
        else:
            journal.purge(source, reader)
    return brought


class _Changes:
    """Of one table."""

    def __init__(self, its: Journal, target: End, reader: Any, writer: Any, table: Table) -> None:
        self._journal = its
        self._target = target
        self._reader = reader
        self._driver = writer
        self.table = table
        self._writer = TableWriter(target, writer, table)
        self._keys = f"moving_keys_{table.name}"
        self._columns = ", ".join(f'"{column.name}"' for column in table.primary_key.columns)

    def name_keys(self) -> None:
        """Into a table of this connection alone, which the others are asked by."""
        columns = [(f'"{column.name}"', server_type(column.type)) for column in self.table.primary_key.columns]
        made = ", ".join(name if self._target.is_sqlite else f"{name} {kind}" for name, kind in columns)
        self._driver.execute(f"CREATE TEMP TABLE {self._keys} ({made})")
        keys = self._journal.keys(self._reader, self.table)
        with contextlib.closing(self._driver.cursor()) as cursor:
            if self._target.is_sqlite:
                marks = ", ".join("?" for _ in columns)
                cursor.executemany(f"INSERT INTO {self._keys} VALUES ({marks})", keys)  # noqa: S608 - names of our own
            else:
                with cursor.copy(f"COPY {self._keys} FROM STDIN WITH (FORMAT BINARY)") as copy:
                    copy.set_types([kind for _, kind in columns])
                    for key in keys:
                        copy.write_row(key)
        if not self._target.is_sqlite:
            self._driver.execute(f"ANALYZE {self._keys}")

    def take(self) -> int:
        return int(self._driver.execute(f'DELETE FROM "{self.table.name}" WHERE {self._among}').rowcount)  # noqa: S608

    def put(self) -> tuple[Sum, int]:
        """What there is now; its octets."""
        put, octets, batch = Sum(0, 0), 0, Batch()
        for row in self._journal.rows(self._reader, self.table):
            batch.add(row)
            if batch.is_full:
                put, octets, batch = put + self._put(batch), octets + batch.octets, Batch()
        return put + self._put(batch), octets + batch.octets

    def _put(self, batch: Batch) -> Sum:
        if batch.put:
            self._writer.put(batch.put)
        return total(batch.put)

    def read_back(self) -> Sum:
        found = Sum(0, 0)
        names = ", ".join(f'"{column.name}"' for column in self.table.c)
        words = f'SELECT {names} FROM "{self.table.name}" WHERE {self._among}'  # noqa: S608 - names of our own
        with self._cursor() as cursor:
            cursor.execute(words)
            while rows := cursor.fetchmany(BATCH_ROWS):
                found += total(rows)
        return found

    def forget_keys(self) -> None:
        self._driver.execute(f"DROP TABLE {self._keys}")

    @property
    def _among(self) -> str:
        return f"({self._columns}) IN (SELECT {self._columns} FROM {self._keys})"  # noqa: S608 - names of our own

    def _cursor(self) -> Any:
        if self._target.is_sqlite:
            return contextlib.closing(self._driver.cursor())
        return self._driver.cursor(name="moving_back", binary=True)


def _bring(changes: _Changes, brought: Brought) -> None:
    """Everything is taken before anything is put: values that may stand once change hands."""
    changes.name_keys()
    brought.taken += changes.take()
    put, octets = changes.put()
    if changes.read_back() != put:
        raise CannotMove(Text("{table} : relu autrement que reçu ; rien n’est déplacé", table=changes.table.name))
    changes.forget_keys()
    brought.put += put.rows
    brought.octets += octets


def compare(source: End, target: End, table: Table) -> bool:
    """Read both, side by side; what differs has to be in the journal. False: the engines order it otherwise.

    Raises CannotMove.
    """
    key = TableWriter(target, None, table).key
    width = len(table.primary_key.columns)
    differ: set[Row] = set()
    unnamed = 0
    with (
        contextlib.closing(target.rows(table, ordered=True)) as old,
        contextlib.closing(source.rows(table, ordered=True)) as new,
    ):
        try:
            for row, there in side_by_side(ascending(new, key), ascending(old, key), key):
                either = row if row is not None else there
                assert either is not None
                found = key(either)
                differ.add(found if width > 1 else (found,))
                if len(differ) >= MOST:
                    unnamed += _count_unnamed(source, table, differ)
                    differ.clear()
        except Disordered:
            return False
    unnamed += _count_unnamed(source, table, differ)
    if unnamed:
        raise CannotMove(Text("{table} : {count} lignes diffèrent ; relancez", table=table.name, count=unnamed))
    return True


def _count_unnamed(source: End, table: Table, differ: set[Row]) -> int:
    """How many of them the journal does not name: what a reader has seen of a row was written down with it."""
    with source.opened() as reader:
        for key in journal.of(source).keys(reader, table) if differ else ():
            differ.discard(key)
    return len(differ)
