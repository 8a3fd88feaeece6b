"""`Statement` and `Tx`: Core statements that are compiled once and run on the driver's own cursor.

SQLAlchemy Core gives one text for two engines, but its execution path costs more than SQLite itself
for a one-row statement. A `Statement` is compiled once per dialect; `Tx` hands the text and a tuple (or
dict) of plain values to the driver. `Tx.execute` is the ordinary Core path for everything rare.
"""

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    CursorResult,
    Executable,
    Select,
    Table,
    bindparam,
    func,
)
from sqlalchemy.dialects import postgresql, sqlite

from mailserver.foundation.changes import Change
from mailserver.model.clock import Clock
from mailserver.store.engine import arrays
from mailserver.store.engine.memory import Memory

Row = tuple[Any, ...]


class _Compiled:
    """Text and parameter order of a statement on one dialect."""

    __slots__ = ("_pick", "_texts", "constants", "order", "text")

    def __init__(self, text: str, order: tuple[str, ...] | None, constants: dict[str, Any]) -> None:
        self.text = text
        self.order = order
        self.constants = constants
        self._texts: dict[int, str] = {}
        self._pick = itemgetter(*order) if order is not None and len(order) > 1 else None

    def bind(self, params: Mapping[str, Any]) -> Sequence[Any] | Mapping[str, Any]:
        if self.constants:
            params = {**self.constants, **params}
        if self._pick is not None:
            return cast("Sequence[Any]", self._pick(params))
        if self.order is None:
            return params
        return [params[name] for name in self.order]

    def of_rows(self, count: int) -> str:
        """An INSERT's text for so many rows."""
        known = self._texts.get(count)
        if known is None:
            head, values, rest = self.text.partition("VALUES ")
            row = rest[: rest.index(")") + 1]
            known = self._texts[count] = f"{head}{values}{', '.join([row] * count)}{rest[len(row) :]}"
        return known


class NotAll(Exception):
    """Of rows that were to be inserted together, some are there already."""


class Statement:
    """A Core statement for the hot paths, made once at module level.

    `keys` names the columns of an INSERT or UPDATE whose values come as parameters of the same name.
    IN lists of variable length are not for it: use `ManyStatement` or `Tx.execute`.
    """

    __slots__ = ("_clause", "_compiled", "_keys")

    def __init__(self, clause: Executable, keys: Sequence[str] | None = None) -> None:
        self._clause = clause
        self._keys = list(keys) if keys is not None else None
        self._compiled: dict[str, _Compiled] = {}

    def compiled(self, connection: Connection) -> _Compiled:
        dialect = connection.dialect
        known = self._compiled.get(dialect.name)
        if known is None:
            done = cast(Any, self._clause).compile(dialect=dialect, column_keys=self._keys)
            order = tuple(done.positiontup) if dialect.positional else None
            constants = {
                name: bind.value for name, bind in done.binds.items() if not bind.required and bind.value is not None
            }
            known = self._compiled[dialect.name] = _Compiled(str(done), order, constants)
        return known


class ManyStatement:
    """A SELECT about many values of one column, for the hot paths.

    Compiled for a few lengths of the IN list; a shorter list is filled up by repeating its last value. On PostgreSQL a
    long list is one array: of a thousand values it would make no plan that it keeps, or one that reads the whole table.
    """

    LENGTHS = (1, 16, 128, 1000)
    LISTED = 16
    """Of an array that it does not know yet PostgreSQL supposes ten values; fewer it would plan anew each time."""
    _NAMES = tuple([f"in{number}" for number in range(LENGTHS[-1])])

    __slots__ = ("_array", "_by_length", "_column", "_query")

    def __init__(self, query: Select[Any], column: ColumnElement[Any]) -> None:
        self._query = query
        self._column = column
        self._by_length: dict[int, Statement] = {}
        self._array: Statement | None = None

    def _about(self, length: int) -> Statement:
        """Made when it is first asked for: most commands need none of the long ones."""
        known = self._by_length.get(length)
        if known is None:
            values: list[BindParameter[Any]] = [bindparam(name) for name in self._NAMES[:length]]
            known = self._by_length[length] = Statement(self._query.where(self._column.in_(values)))
        return known

    def _about_array(self) -> Statement:
        if self._array is None:
            values: BindParameter[Any] = bindparam("among", type_=arrays.type_of(self._column))
            self._array = Statement(self._query.where(self._column == func.any(values)))
        return self._array

    def rows(self, tx: "Tx", values: Sequence[Any], **params: Any) -> list[Row]:
        """The rows of all these values, in no order."""
        found: list[Row] = []
        longest = self.LENGTHS[-1]
        for start in range(0, len(values), longest):
            part = values[start : start + longest]
            if len(part) > self.LISTED and tx.dialect != "sqlite":
                found += tx.all(self._about_array(), **params, among=arrays.array_of(part))
                continue
            length = next(length for length in self.LENGTHS if length >= len(part))
            filled = [*part, *[part[-1]] * (length - len(part))]
            found += tx.all(self._about(length), **params, **dict(zip(self._NAMES, filled, strict=False)))
        return found


class Tx:
    """One unit's view of the database: a snapshot when reading, a savepoint when writing."""

    __slots__ = ("_changes", "_clock", "_connection", "_cursor", "dialect", "memory")

    def __init__(self, connection: Connection, cursor: Any, clock: Clock, memory: Memory) -> None:
        self._connection = connection
        self._cursor = cursor
        self._clock = clock
        self._changes: dict[Change, None] = {}
        self.dialect = connection.dialect.name
        self.memory = memory
        """What the process remembers of this store."""

    @property
    def now(self) -> int:
        """Whole seconds since the epoch."""
        return int(self._clock.now())

    @property
    def clock(self) -> Clock:
        return self._clock

    @property
    def driver(self) -> Any:
        """The driver's own connection, for questions about the database itself (`integrity`)."""
        return self._cursor.connection

    def changed(self, account_id: int, mailbox_id: int) -> None:
        """Record news to publish after the commit; mailbox_id 0: folders, agendas or settings moved."""
        self._changes[Change(account_id, mailbox_id)] = None

    def take_changes(self) -> tuple[Change, ...]:
        """The news recorded since the last call."""
        taken = tuple(self._changes)
        self._changes.clear()
        return taken

    def execute(
        self, clause: Executable, params: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> CursorResult[Any]:
        """The ordinary Core path."""
        return cast("CursorResult[Any]", self._connection.execute(clause, params))

    def one(self, statement: Statement, **params: Any) -> Row | None:
        """First row or None."""
        compiled = statement.compiled(self._connection)
        self._cursor.execute(compiled.text, compiled.bind(params))
        return cast("Row | None", self._cursor.fetchone())

    def all(self, statement: Statement, **params: Any) -> list[Row]:
        """Every row."""
        compiled = statement.compiled(self._connection)
        self._cursor.execute(compiled.text, compiled.bind(params))
        return cast("list[Row]", self._cursor.fetchall())

    def run(self, statement: Statement, **params: Any) -> int:
        """Run without reading rows; how many rows it touched."""
        compiled = statement.compiled(self._connection)
        self._cursor.execute(compiled.text, compiled.bind(params))
        return int(self._cursor.rowcount)

    def key(self, statement: Statement, **params: Any) -> int | None:
        """The key that the engine gave the row of an INSERT; None when there was a conflict, and nothing to do.

        On PostgreSQL the statement has a RETURNING; SQLite tells by itself, at less cost.
        """
        compiled = statement.compiled(self._connection)
        self._cursor.execute(compiled.text, compiled.bind(params))
        if self.dialect == "sqlite":
            return int(self._cursor.lastrowid) if self._cursor.rowcount > 0 else None
        row = self._cursor.fetchone()
        return int(row[0]) if row is not None else None

    def many(self, statement: Statement, rows: Iterable[Mapping[str, Any]]) -> None:
        """Run once per row of parameters, in one driver call."""
        compiled = statement.compiled(self._connection)
        given = [compiled.bind(row) for row in rows]
        if len(given) == 1:  # psycopg would open a pipeline for it
            self._cursor.execute(compiled.text, given[0])
        else:
            self._cursor.executemany(compiled.text, given)

    def many_at_once(self, statement: Statement, rows: Sequence[Mapping[str, Any]]) -> int:
        """`many` for an INSERT on SQLite, by one run of one statement: each run lets go of the interpreter, and waits
        to have it again where other threads are busy, which costs as much as the row. The key of the last row; those
        of the others are right before it. Raises NotAll."""
        compiled = statement.compiled(self._connection)
        given = [value for row in rows for value in compiled.bind(row)]
        self._cursor.execute(compiled.of_rows(len(rows)), given)
        if self._cursor.rowcount != len(rows):
            raise NotAll
        return int(self._cursor.lastrowid or 0)

    def given(self, text: str, values: Sequence[Any]) -> list[Row]:
        """Run a text of the driver's own, of which one is made for each number of values."""
        self._cursor.execute(text, values)
        return cast("list[Row]", self._cursor.fetchall())

    def insert_ignore(self, table: Table, values: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> int:
        """INSERT … ON CONFLICT DO NOTHING on both engines; how many rows were new."""
        maker = sqlite.insert if self.dialect == "sqlite" else postgresql.insert
        # Without the option SQLAlchemy answers -1 for an INSERT on PostgreSQL.
        clause = maker(table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
        return self.execute(clause, values).rowcount


class MoreAsked(BaseException):
    """A function that was to ask one statement asks another; nothing that catches failures is to catch it."""


class OneStatement(Tx):
    """A `Tx` outside of any transaction for a single statement, which is a snapshot by itself; the next one raises
    MoreAsked."""

    __slots__ = ("_asked",)

    _asked: bool

    def begin(self) -> None:
        """The next statement is the first one."""
        self._asked = False

    def _ask(self) -> None:
        if self._asked:
            raise MoreAsked
        self._asked = True

    def execute(
        self, clause: Executable, params: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> CursorResult[Any]:
        self._ask()
        return super().execute(clause, params)

    def one(self, statement: Statement, **params: Any) -> Row | None:
        self._ask()
        return super().one(statement, **params)

    def all(self, statement: Statement, **params: Any) -> list[Row]:
        self._ask()
        return super().all(statement, **params)

    def given(self, text: str, values: Sequence[Any]) -> list[Row]:
        self._ask()
        return super().given(text, values)
