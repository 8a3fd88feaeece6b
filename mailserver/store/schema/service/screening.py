"""What is kept of peers that bring mail from outside, whoever they are."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, SmallInteger, Table

from mailserver.store.schema.base import Key, metadata

peer_count = Table(
    "peer_count",
    metadata,
    Column("peer", Key, primary_key=True),
    Column("seconds", Integer, primary_key=True, autoincrement=False),
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    Column("connections", Integer, nullable=False),
    Column("messages", Integer, nullable=False),
    Column("recipients", Integer, nullable=False),
    Column("unknown", Integer, nullable=False),
    Column("proven", Integer, nullable=False),
    Column("served", Integer, nullable=False, server_default="0"),
    sqlite_with_rowid=False,
)
"""What a peer (an IPv4 address, a /64 of IPv6) brought within a window of `seconds` that began at `start`, by all
workers. `unknown`: recipients who are not there; `proven`: messages whose author's domain stood behind them;
`served`: recipients who got a message that was no junk."""
Index("ix_peer_count_start", peer_count.c.start)

greylisted = Table(
    "greylisted",
    metadata,
    Column("key", LargeBinary(32), primary_key=True),
    Column("first", BigInteger, nullable=False),
    Column("passed", SmallInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""A sender whom nobody knows: when it came first, and whether it came again (`store.queue.greylist`)."""
Index("ix_greylisted_expires", greylisted.c.expires)
