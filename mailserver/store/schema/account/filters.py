"""Filters of accounts: Sieve scripts, their versions, and what they have to remember."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, SmallInteger, Table

from mailserver.store.schema.base import Key, metadata

filter_script = Table(
    "filter_script",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("name", Key, nullable=False),
    Column("active", SmallInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("size", Integer, nullable=False),
    Column("changed", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
"""A script as it is now. `active` 1: mail runs through it; one of an account at most. `hash`: SHA-256 of its octets,
which are those of its newest version."""
Index("uq_filter_script_account_id_name", filter_script.c.account_id, filter_script.c.name, unique=True)
Index("ix_filter_script_active", filter_script.c.active)

filter_version = Table(
    "filter_version",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("script_id", BigInteger, ForeignKey("filter_script.id"), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("octets", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
"""What a script was, the last few times that it was changed."""
Index("ix_filter_version_script_id", filter_version.c.script_id)
Index("ix_filter_version_account_id", filter_version.c.account_id)

filter_target = Table(
    "filter_target",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("script_id", BigInteger, ForeignKey("filter_script.id"), nullable=False),
    Column("address", Key, nullable=False),
    Column("told", SmallInteger, nullable=False),
    sqlite_autoincrement=True,
)
"""Where a script may send mail on to. `told` 1: its owner was told of it."""
Index("ix_filter_target_script_id", filter_target.c.script_id)
Index("ix_filter_target_account_id", filter_target.c.account_id)
Index("ix_filter_target_told", filter_target.c.told)

forwarding = Table(
    "forwarding",
    metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True, autoincrement=False),
    Column("agreed", SmallInteger, primary_key=True, autoincrement=False),
    Column("address", Key, nullable=False),
    Column("token", LargeBinary(32)),
    Column("since", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("refusals", Integer, nullable=False),
    Column("refused", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""An address that somebody's mail is sent on to, and one that is asked for it (`agreed` 0): the hash of the link that
was sent there, until when it can be used. `refusals` in a row, `refused` since when; 0: the last message arrived."""
Index("uq_forwarding_token", forwarding.c.token, unique=True)
Index("ix_forwarding_refused", forwarding.c.refused)

filter_memory = Table(
    "filter_memory",
    metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True, autoincrement=False),
    Column("kind", SmallInteger, primary_key=True, autoincrement=False),
    Column("key", LargeBinary(32), primary_key=True),
    Column("expires", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Whom an absence message was sent to, which message was seen, what was passed on today, of which failure the owner
was told (`store.account.filter_memory`)."""
Index("ix_filter_memory_expires", filter_memory.c.expires)
