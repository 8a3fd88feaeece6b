"""Mail's facts about a person, keyed by our own account id.

The directory (embedded or LDAP) says who somebody is; these tables say what the service keeps about
them. An account row is never deleted, so its id, its claimed identifier and addresses are never reissued.
"""

from sqlalchemy import BigInteger, Column, Integer, SmallInteger, String, Table, Text

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
    Column("quota", BigInteger, nullable=False, server_default="-1"),
    Column("provisioned", SmallInteger, nullable=False, server_default="0"),
    Column("created", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
"""`quota` -1: the setting's; 0: none."""
