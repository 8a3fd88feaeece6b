"""Columns of many rows, each read as one text, which SQLite joins without the interpreter.

Read row by row, a value takes 0.8 microseconds, most of it for the objects of Python, and other threads wait for the
interpreter meanwhile. Joined, nothing runs but the engine, and what comes out is split, or searched, in C.
"""

import json
from typing import Any, AnyStr, cast

from sqlalchemy import BigInteger, ColumnElement, LargeBinary, Select, func, literal_column
from sqlalchemy import cast as as_type

END = b"\0"
"""Between values. A value that has it shows in the count; it is for the caller to read rows then."""

_SEPARATOR: ColumnElement[str] = literal_column("char(0)")


def numbers_of(column: ColumnElement[int]) -> ColumnElement[str]:
    """A column of numbers as a text for `numbers`."""
    return func.group_concat(column)


def texts_of(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """A column of texts or of octets, none of them NULL, as what `split` takes."""
    found: ColumnElement[Any] = func.group_concat(column, _SEPARATOR)
    return as_type(found, LargeBinary) if isinstance(column.type, LargeBinary) else found


def in_order(rows: Select[Any]) -> Select[Any]:
    """A query whose rows are to be joined in its order: the bound, which is none, keeps SQLite from forgetting it."""
    return rows.limit(literal_column("-1", BigInteger))


def numbers(text: str | None) -> list[int]:
    """The numbers of a text; JSON's reader is the fastest there is."""
    return cast("list[int]", json.loads(f"[{text}]")) if text is not None else []


def same(text: str, count: int) -> int | None:
    """The number that a text repeats so many times, if that is all it says."""
    first = text[: text.find(",")] if "," in text else text
    return int(first) if len(text) == (len(first) + 1) * count - 1 and text == ",".join([first] * count) else None


def split(joined: AnyStr, count: int) -> list[AnyStr] | None:
    """The values of a joined text; None if they are not so many, since one of them has what stands between them."""
    values = joined.split(END if isinstance(joined, bytes) else END.decode())
    return values if len(values) == count else None
