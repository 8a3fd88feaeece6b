"""What is known of TLS with servers of other domains."""

from sqlalchemy import BigInteger, Column, Index, String, Table, Text

from mailserver.store.schema.base import Key, metadata

sts_policy = Table(
    "sts_policy",
    metadata,
    Column("domain", Key, primary_key=True),
    Column("record", String(32), nullable=False),
    Column("mode", String(8), nullable=False),
    Column("exchangers", Text, nullable=False),
    Column("max_age", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("checked", BigInteger, nullable=False),
    Column("used", BigInteger, nullable=False),
)
"""MTA-STS policies (RFC 8461). `record`: the id that announced it; `exchangers`: names, between blanks; `checked`: when
it was last fetched, or somebody tried; `used`: the day (its first second) on which a message last went by it."""
Index("ix_sts_policy_checked", sts_policy.c.checked)
Index("ix_sts_policy_expires", sts_policy.c.expires)

tls_memory = Table(
    "tls_memory",
    metadata,
    Column("domain", Key, primary_key=True),
    Column("days", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("lost", BigInteger, nullable=False),
)
"""Domains whose servers take mail over TLS: on how many days they did, the last of them (its first second), and since
when they do not (0: they do)."""
Index("ix_tls_memory_last", tls_memory.c.last)
