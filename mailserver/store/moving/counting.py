"""How many rows a table has, and one number that they all make together: the same at both ends, or something is amiss.

The number is a sum, so rows may come in any order; each counts as a hash of all its values and their kinds.
"""

import functools
import marshal
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    case,
    func,
    or_,
    select,
)
from sqlalchemy.sql.elements import ColumnElement

from mailserver.store.moving.ends import CannotMove, End, Row
from mailserver.texts.text import Text

OCTETS = 16


@dataclass(frozen=True, slots=True)
class Sum:
    """Of a table."""

    rows: int
    digest: int

    def __add__(self, other: "Sum") -> "Sum":
        return Sum(self.rows + other.rows, (self.digest + other.digest) % (1 << 8 * OCTETS))

    def __str__(self) -> str:
        return f"{self.digest:0{2 * OCTETS}x}"


def add_up(end: End, table: Table) -> Sum:
    """Reads every row. Raises CannotMove."""
    return total(end.rows(table))


def total(rows: Iterable[Row]) -> Sum:
    """Of these rows."""
    count = digest = 0
    for row in rows:
        count += 1
        digest += int.from_bytes(blake2b(marshal.dumps(row, 2), digest_size=OCTETS).digest())
    return Sum(count, digest % (1 << 8 * OCTETS))


def count(end: End, table: Table) -> int:
    """Rows of a table."""
    with end.opened() as driver:
        found = driver.execute(str(select(func.count()).select_from(table).compile(dialect=end.dialect))).fetchone()
    return int(found[0])


def database_octets(end: End) -> int:
    """How large the database is."""
    with end.opened() as driver:
        if end.is_sqlite:
            return int(
                driver.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").fetchone()[0]
            )
        return int(driver.execute("SELECT pg_database_size(current_database())").fetchone()[0])


def check_fits(end: End, table: Table) -> None:
    """Raises CannotMove for a value of a SQLite database, which takes anything, that PostgreSQL does not take there."""
    with end.opened() as driver:
        found = driver.execute(_misfits(table, end.dialect)).fetchone()
    for column, number in zip(table.c, found, strict=True):
        if number:
            raise CannotMove(
                Text(
                    "{table}.{column} : {count} valeurs ne sont pas de celles que PostgreSQL prend à cette place ;"
                    " rien n’est déplacé",
                    table=table.name,
                    column=column.name,
                    count=number,
                )
            )


@functools.cache
def _misfits(table: Table, dialect: Dialect) -> str:
    """How many values of each column PostgreSQL would refuse."""
    wrong = [func.coalesce(func.sum(case((_misfit(column), 1), else_=0)), 0) for column in table.c]
    chosen = select(*wrong).select_from(table)
    return str(chosen.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


def _misfit(column: "Column[object]") -> ColumnElement[bool]:
    """What PostgreSQL would refuse, of one column."""
    kind = column.type
    if isinstance(kind, Integer):
        bits = 16 if isinstance(kind, SmallInteger) else 64 if isinstance(kind, BigInteger) else 32
        whole = func.typeof(column) == "integer"
        fits = whole if bits == 64 else whole & column.between(-(1 << bits - 1), (1 << bits - 1) - 1)
    elif isinstance(kind, LargeBinary):
        fits = func.typeof(column) == "blob"
    else:
        length = kind.length if isinstance(kind, String) else None
        fits = func.typeof(column) == "text"
        if length is not None:
            fits &= func.length(column) <= length
    return ~or_(fits, column.is_(None)) if column.nullable else ~fits
