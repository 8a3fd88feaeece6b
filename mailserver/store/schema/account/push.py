"""Browsers that are told of news while they are closed."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, SmallInteger, String, Table, Text

from mailserver.store.schema.base import metadata

push_subscription = Table(
    "push_subscription",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("login_version", BigInteger, nullable=False),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    Column("endpoint", Text, nullable=False),
    Column("public", LargeBinary, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("browser", LargeBinary(32), nullable=False),
    Column("name", Text, nullable=False),
    Column("language", String(2), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("uid", BigInteger, nullable=False),
    Column("reminded", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("failures", SmallInteger, nullable=False),
    sqlite_autoincrement=True,
)
"""Push subscriptions (RFC 8030); over, as sessions are, when the account's `login_version` moves.

`digest` is the SHA-256 of `endpoint`; `browser` the keyed hash of a cookie, by which whoever logs out or comes next
ends what was there. `uid`: the first of INBOX that was not told; `reminded`: reminders up to this moment were; nothing
is told before `due`.
"""
Index("ix_push_subscription_account_id", push_subscription.c.account_id)
Index("ix_push_subscription_browser", push_subscription.c.browser)
