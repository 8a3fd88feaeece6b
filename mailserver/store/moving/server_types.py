"""PostgreSQL's names of the types of columns."""

from typing import Any

from sqlalchemy import BigInteger, Integer, LargeBinary, SmallInteger
from sqlalchemy.types import TypeEngine


def server_type(kind: TypeEngine[Any]) -> str:
    """The type whose binary form is sent."""
    if isinstance(kind, Integer):
        return "int2" if isinstance(kind, SmallInteger) else "int8" if isinstance(kind, BigInteger) else "int4"
    return "bytea" if isinstance(kind, LargeBinary) else "text"
