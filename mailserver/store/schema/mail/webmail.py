"""What people put off, and the conversations they do not want to hear of any more."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table

from mailserver.store.schema.base import metadata
from mailserver.store.schema.mail.messages import Identity

snoozed = Table(
    "snoozed",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("place_id", BigInteger, nullable=False),
    Column("uid", BigInteger, nullable=False),
    Column("origin_id", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
"""A message that waits in the mailbox `place_id` and goes back to `origin_id` when its time has come."""
Index("ix_snoozed_until", snoozed.c.until)
Index("ix_snoozed_account_id", snoozed.c.account_id)

retention = Table(
    "retention",
    metadata,
    Column("mailbox_id", BigInteger, ForeignKey("mailbox.id"), primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("days", Integer, nullable=False),
    Column("looked", BigInteger, nullable=False),
)
"""Mailboxes whose messages are kept so many days only. `looked`: when the housekeeper last cleared it."""
Index("ix_retention_looked", retention.c.looked)
Index("ix_retention_account_id", retention.c.account_id)

muted = Table(
    "muted",
    metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True, autoincrement=False),
    Column("thread", String(80), primary_key=True),
    Column("at", BigInteger, nullable=False),
)
"""Conversations, by THREADID (RFC 8474), whose new messages go to the archive as read."""

mute_watch = Table(
    "mute_watch",
    metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True, autoincrement=False),
    Column("mailbox_id", BigInteger, nullable=False),
    Column("uid", BigInteger, nullable=False),
)
"""How far the INBOX of an account with muted conversations has been looked through: the first UID that was not."""
