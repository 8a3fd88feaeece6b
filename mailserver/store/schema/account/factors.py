"""What a person proves themselves with besides the password, and the passwords they had."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text

from mailserver.store.schema.base import metadata

former_password = Table(
    "former_password",
    metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True, autoincrement=False),
    Column("set_at", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""The last passwords a person chose, the present one included, so that none comes back too soon."""

one_time_password = Table(
    "one_time_password",
    metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True, autoincrement=False),
    Column("sealed", Text, nullable=False),
    Column("confirmed", BigInteger, nullable=False, server_default="0"),
    Column("last_counter", BigInteger, nullable=False, server_default="0"),
)
"""The TOTP secret (RFC 6238), encrypted under a key outside the database; `confirmed` 0: being set up.
`last_counter`: the newest time step whose code was taken, so that none is taken twice."""

recovery_code = Table(
    "recovery_code",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("used", BigInteger, nullable=False, server_default="0"),
    sqlite_with_rowid=False,
)
"""Printed codes that stand in for a lost second factor, once each."""
Index("ix_recovery_code_account_id", recovery_code.c.account_id)

app_password = Table(
    "app_password",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("hash", LargeBinary(32), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("last_used", BigInteger, nullable=False, server_default="0"),
    Column("last_peer", Text, nullable=False, server_default=""),
    sqlite_autoincrement=True,
)
"""Passwords of single devices: 80 random bits and more, kept as an HMAC. `scopes` are
words separated by spaces."""
Index("ix_app_password_account_id", app_password.c.account_id)

scram_verifier = Table(
    "scram_verifier",
    metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True, autoincrement=False),
    Column("sealed", LargeBinary, nullable=False),
)
"""What checks a person's password by SCRAM-SHA-256, encrypted under a key outside the database. It goes with the
password: whatever replaces one replaces the other."""

pending_recovery = Table(
    "pending_recovery",
    metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True, autoincrement=False),
    Column("address", Text, nullable=False),
    Column("code", LargeBinary(32), nullable=False),
    Column("expires", BigInteger, nullable=False),
)
"""A private address that its owner has yet to confirm with the code sent there."""
