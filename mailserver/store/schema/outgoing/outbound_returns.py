"""Reports that go on to whoever wrote what was passed on."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table

from mailserver.store.schema.base import metadata

returned_count = Table(
    "returned_count",
    metadata,
    Column("key", LargeBinary(32), primary_key=True),
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    Column("count", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""`key`: the keyed hash of an address elsewhere; `day`: its first second, UTC."""
Index("ix_returned_count_day", returned_count.c.day)
