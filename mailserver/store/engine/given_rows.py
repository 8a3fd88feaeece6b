"""Rows of values that come with a statement as one parameter: it does to all of them what else takes a statement each.

On PostgreSQL each row of an `executemany` is executed by itself.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
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
from sqlalchemy.types import TypeEngine


def given_rows(dialect: str, *names: str) -> Subquery:
    """A table of numbers with columns of these names; the parameter `given` is what `packed` makes."""
    return given_table(dialect, dict.fromkeys(names, BigInteger()))


def given_table(dialect: str, kinds: Mapping[str, TypeEngine[Any]]) -> Subquery:
    """The same with columns of these kinds: numbers and texts."""
    text, names = bindparam("given", type_=String), list(kinds)
    values: list[ColumnElement[Any]]
    if dialect == "sqlite":
        each = func.json_each(text).table_valued(column("value"))
        values = [func.json_extract(each.c.value, literal_column(f"'$[{at}]'")) for at in range(len(names))]
    else:
        each = func.jsonb_array_elements(cast(text, JSONB)).table_valued(column("value", JSONB))
        places = [literal_column(str(at), Integer) for at in range(len(names))]
        values = [cast(each.c.value.op("->>")(place), kind) for place, kind in zip(places, kinds.values(), strict=True)]
    labelled = [value.label(name) for value, name in zip(values, names, strict=True)]
    return select(*labelled).subquery("given_rows")


def packed(rows: Iterable[Sequence[int | str]]) -> str:
    """The parameter. What is no Unicode stays that: the driver refuses it, as it does alone."""
    return json.dumps(list(rows), separators=(",", ":"), ensure_ascii=False)


def insert_missing(
    dialect: str, table: Table, keys: Sequence[str], rows: Select[Any]
) -> sqlite.Insert | postgresql.Insert:
    """INSERT … SELECT … ON CONFLICT DO NOTHING; the SELECT needs a WHERE, by which SQLite tells the two ON apart."""
    maker = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return maker(table).from_select(list(keys), rows).on_conflict_do_nothing()
