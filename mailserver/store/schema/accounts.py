"""Mail's facts about a person, keyed by our own account id.

The directory (embedded or LDAP) says who somebody is; these tables say what the service keeps about
them. An account row is never deleted, so its id, its claimed identifier and addresses are never reissued.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, SmallInteger, String, Table, Text

from mailserver.store.schema.base import metadata

account = Table(
    "account",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("login", Text, nullable=False, unique=True),
    Column("state", String(16), nullable=False),
    Column("may_receive", SmallInteger, nullable=False, server_default="0"),
    Column("state_reason", Text, nullable=False, server_default=""),
    Column("state_since", BigInteger, nullable=False, server_default="0"),
    Column("state_before", String(16), nullable=False, server_default=""),
    Column("quota", BigInteger, nullable=False, server_default="-1"),
    Column("provisioned", SmallInteger, nullable=False, server_default="0"),
    Column("created", BigInteger, nullable=False),
    Column("login_given", SmallInteger, nullable=False, server_default="0"),
    Column("login_version", BigInteger, nullable=False, server_default="1"),
    Column("activated", BigInteger, nullable=False, server_default="0"),
    Column("password_set", BigInteger, nullable=False, server_default="0"),
    Column("last_login", BigInteger, nullable=False, server_default="0"),
    Column("numen", LargeBinary(32)),
    Column("ine", LargeBinary(32)),
    Column("birth_date", LargeBinary(32)),
    Column("code", LargeBinary(32)),
    Column("code_expires", BigInteger, nullable=False, server_default="0"),
    Column("recovery_address", Text, nullable=False, server_default=""),
    sqlite_autoincrement=True,
)
"""`quota` -1: the setting's; 0: none. `state_before`: where a suspended or closed account goes back to.
`login_given` 1: the identifier came from outside, not from our rules.
`login_version` moves whenever password or state does: whoever keeps a login in memory compares it.
`activated`: first activation, after which the NUMEN opens nothing any more. `numen`, `ine`,
`birth_date` and `code` (one-time) are HMACs under a key that is not in the database."""
Index("ix_account_numen", account.c.numen)
Index("ix_account_ine", account.c.ine)

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", String(32), nullable=False),
    Column("account_id", BigInteger, nullable=False),
    Column("service", String(16), nullable=False),
    Column("peer", Text, nullable=False),
    Column("detail", Text, nullable=False),
    sqlite_autoincrement=True,
)
"""Who did what to which account, from where; rows are only ever added, and hold no secret."""
Index("ix_audit_account_id_id", audit.c.account_id, audit.c.id)

guess = Table(
    "guess",
    metadata,
    Column("key", Text, primary_key=True),
    Column("failures", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("blocked_until", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Wrong guesses by account and by peer address, shared by all workers."""
Index("ix_guess_last", guess.c.last)

familiar_peer = Table(
    "familiar_peer",
    metadata,
    Column("account_id", BigInteger, primary_key=True),
    Column("peer", Text, primary_key=True),
    Column("last", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Where an account logged in from: strangers' wrong guesses do not keep its owner out."""
