"""Rows of numbers that come with a statement as one parameter: it does to all of them what else takes a statement each.

On PostgreSQL each row of an `executemany` is executed by itself.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    String,
    Subquery,
    Table,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import JSONB


def given_rows(dialect: str, *names: str) -> Subquery:
    """A table of them with columns of these names; the parameter `given` is what `packed` makes."""
    text = bindparam("given", type_=String)
    values: list[ColumnElement[int]]
    if dialect == "sqlite":
        each = func.json_each(text).table_valued(column("value"))
        values = [func.json_extract(each.c.value, literal_column(f"'$[{at}]'")) for at in range(len(names))]
    else:
        each = func.jsonb_array_elements(cast(text, JSONB)).table_valued(column("value", JSONB))
        places = [literal_column(str(at), Integer) for at in range(len(names))]
        values = [cast(each.c.value.op("->>")(place), BigInteger) for place in places]
    labelled = [value.label(name) for value, name in zip(values, names, strict=True)]
    return select(*labelled).subquery("given_rows")


def packed(rows: Iterable[tuple[int, ...]]) -> str:
    """The parameter."""
    return json.dumps(list(rows), separators=(",", ":"))


def insert_missing(
    dialect: str, table: Table, keys: Sequence[str], rows: Select[Any]
) -> sqlite.Insert | postgresql.Insert:
    """INSERT … SELECT … ON CONFLICT DO NOTHING; the SELECT needs a WHERE, by which SQLite tells the two ON apart."""
    maker = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return maker(table).from_select(list(keys), rows).on_conflict_do_nothing()
