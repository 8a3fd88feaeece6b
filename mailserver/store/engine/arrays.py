"""Columns of values that go to PostgreSQL as one parameter each, in the binary form of its arrays.

Of a list psycopg makes a text, whose type is another one as its numbers grow: each would be a plan of its own.
"""

import struct
from collections.abc import Sequence
from itertools import chain
from typing import Any

from psycopg.adapt import Dumper
from psycopg.pq import Format
from sqlalchemy import BigInteger, ColumnElement, LargeBinary, Text
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine


class Numbers(list[int]):
    """Of 64 bits."""


class Texts(list[str | None]):
    """Without NUL."""


class Octets(list[bytes | None]):
    """Of any kind."""


def type_of(column: ColumnElement[Any]) -> postgresql.ARRAY[Any]:
    """Of the array of values that a column is compared with. A text of any length: one that is too long is not cut."""
    kinds: tuple[TypeEngine[Any], ...] = (BigInteger(), Text(), LargeBinary())
    return postgresql.ARRAY(next(kind for kind in kinds if kind.python_type is column.type.python_type))


def array_of(values: Sequence[Any]) -> Numbers | Texts | Octets:
    """Values of one kind: integers, texts or octets. A text with NUL, which no row has, is left out."""
    if isinstance(values[0], int):
        return Numbers(values)
    if isinstance(values[0], str):
        return Texts([text for text in values if "\0" not in text])
    return Octets(values)


_NULL = struct.pack(">i", -1)
_LENGTH = struct.Struct(">i")


def _head(values: list[Any], kind: int) -> bytes:
    """One dimension that begins at 1; whether one of them is nothing; what they are."""
    return struct.pack(">iiIii", 1, int(None in values), kind, len(values), 1)


class _NumbersDumper(Dumper):
    format = Format.BINARY
    oid = 1016

    def dump(self, obj: Numbers) -> bytes:
        count = len(obj)
        framed = chain.from_iterable(zip((8,) * count, obj, strict=True))
        return _head(obj, 20) + struct.pack(">" + "iq" * count, *framed)


class _TextsDumper(Dumper):
    format = Format.BINARY
    oid = 1009

    def dump(self, obj: Texts) -> bytes:
        return _head(obj, 25) + _joined([None if text is None else text.encode() for text in obj])


class _OctetsDumper(Dumper):
    format = Format.BINARY
    oid = 1001

    def dump(self, obj: Octets) -> bytes:
        return _head(obj, 17) + _joined(obj)


def _joined(values: list[bytes | None]) -> bytes:
    pieces: list[bytes] = []
    for value in values:
        if value is None:
            pieces.append(_NULL)
        else:
            pieces += (_LENGTH.pack(len(value)), value)
    return b"".join(pieces)


def register(connection: Any) -> None:
    """Have a connection of psycopg take them."""
    for kind, dumper in ((Numbers, _NumbersDumper), (Texts, _TextsDumper), (Octets, _OctetsDumper)):
        connection.adapters.register_dumper(kind, dumper)
