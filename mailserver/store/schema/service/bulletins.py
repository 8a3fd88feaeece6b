"""What the operators tell everybody: announcements, and when the web interface is under maintenance."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, SmallInteger, String, Table, Text

from mailserver.store.schema.base import metadata

bulletin = Table(
    "bulletin",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("kind", String(12), nullable=False),
    Column("begins", BigInteger, nullable=False),
    Column("ends", BigInteger, nullable=False),
    Column("urgent", SmallInteger, nullable=False),
    Column("fr", Text, nullable=False),
    Column("en", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("written", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
"""`ends` 0: until it is withdrawn. `en` empty: the French text is shown."""
Index("ix_bulletin_ends", bulletin.c.ends)

bulletin_closed = Table(
    "bulletin_closed",
    metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True, autoincrement=False),
    Column("bulletin_id", BigInteger, primary_key=True, autoincrement=False),
    Column("written", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""Announcements that people have closed, as they were `written` then: one that was revised since is shown again."""
