"""What the operators tell everybody: announcements, and when the web interface is under maintenance."""

from sqlalchemy import BigInteger, Column, Index, Integer, SmallInteger, String, Table, Text

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
