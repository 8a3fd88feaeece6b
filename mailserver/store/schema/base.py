"""The one MetaData, the naming rule that keeps constraint names the same on both engines, and a shared type."""

from typing import Any

from sqlalchemy import MetaData, Text
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Key = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
"""Text that compares by code point on both engines, so that a prefix is a range of the index."""


class CodePoints(FunctionElement[str]):
    """A column of another type than `Key`, compared by code point all the same: for ranges that are prefixes.

    The language of a PostgreSQL database (`fr_FR`) orders text otherwise, and passes over signs and characters that
    it does not know.
    """

    inherit_cache = True
    type = Text()


@compiles(CodePoints)
def _as_it_is(element: CodePoints, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(CodePoints, "postgresql")
def _collated(element: CodePoints, compiler: SQLCompiler, **options: Any) -> str:
    return f'({compiler.process(element.clauses, **options)}) COLLATE "C"'
