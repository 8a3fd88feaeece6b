"""Imports: what was planned, what was done, and how to take it back."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, SmallInteger, String, Table, Text

from mailserver.store.schema.base import metadata

import_run = Table(
    "import_run",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("kind", String(12), nullable=False),
    Column("files", Text, nullable=False, server_default=""),
    Column("digest", LargeBinary(32), nullable=False),
    Column("options", Text, nullable=False, server_default=""),
    Column("state", String(12), nullable=False),
    Column("counts", Text, nullable=False, server_default=""),
    Column("finished", BigInteger, nullable=False, server_default="0"),
    sqlite_autoincrement=True,
)
"""An import, from its first change to the end of the day in which it can be taken back. `kind`: full or delta;
`files`: their names; `digest`: SHA-256 of their octets, by which an interrupted run is known again; `options`: what
else decides what it does; `state`: applying, done, undoing or undone; `counts`: JSON, by what became of a record."""

import_change = Table(
    "import_change",
    metadata,
    Column("run_id", BigInteger, ForeignKey("import_run.id"), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("line", BigInteger, nullable=False),
    Column("outcome", String(12), nullable=False),
    Column("account_id", BigInteger, nullable=False, server_default="0"),
    Column("before", Text, nullable=False, server_default=""),
    Column("after", Text, nullable=False, server_default=""),
    Column("undone", SmallInteger, nullable=False, server_default="0"),
    sqlite_with_rowid=False,
)
"""What an import did to each person it touched, so that it can be taken back: written with the change itself.
`before` and `after` are JSON: the columns that changed; of an arrival, `after` is a digest of the entry. `undone` 1:
taken back; 2: left, because somebody changed it since. `account_id` 0: a school or a word of the vocabulary."""
Index("ix_import_change_account_id", import_change.c.account_id)
