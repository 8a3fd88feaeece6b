"""Imports: what was planned, what was done, and how to take it back."""

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, String, Table, Text

from mailserver.store.schema.base import metadata

import_run = Table(
    "import_run",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("kind", String(12), nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("options", Text, nullable=False, server_default=""),
    Column("state", String(12), nullable=False),
    Column("counts", Text, nullable=False, server_default=""),
    Column("finished", BigInteger, nullable=False, server_default="0"),
    sqlite_autoincrement=True,
)
"""An import, from its plan to the end of the day in which it can be undone."""

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
    sqlite_with_rowid=False,
)
"""What an import did to each person it touched, so that it can be taken back: written with the change itself."""
