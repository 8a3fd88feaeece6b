"""Messages that were removed for good, kept as they were until that can no longer be undone."""

from sqlalchemy import BigInteger, Column, Index, SmallInteger, Table, Text

from mailserver.store.schema.base import metadata
from mailserver.store.schema.mail import Identity

deletion = Table(
    "deletion",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("mailbox_id", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("low", BigInteger, nullable=False),
    Column("high", BigInteger, nullable=False),
    Column("pending", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
"""One removal. Its messages are those from `low` to `high` that name it; `pending`: the first of them that is not in
`deleted_content` yet, 0 for none."""
Index("ix_deletion_mailbox_id", deletion.c.mailbox_id)
Index(
    "ix_deletion_pending",
    deletion.c.id,
    sqlite_where=deletion.c.pending > 0,
    postgresql_where=deletion.c.pending > 0,
)

deleted_message = Table(
    "deleted_message",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("deletion_id", BigInteger, nullable=False),
    Column("content_id", BigInteger, nullable=False),
    Column("flags", BigInteger, nullable=False),
    Column("internal_date", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("door", SmallInteger, nullable=False),
    Column("door_account", BigInteger, nullable=False),
    Column("through_list", SmallInteger, nullable=False),
    Column("authentication", SmallInteger, nullable=False),
    Column("impersonation", SmallInteger, nullable=False),
    sqlite_autoincrement=True,
)
"""One message of a removal. No mailbox shows it and no quota counts it. Written by the thousand while somebody waits:
so nothing is looked for meanwhile, there are no foreign keys and no other index."""

deleted_content = Table(
    "deleted_content",
    metadata,
    Column("content_id", BigInteger, primary_key=True),
    Column("message_id", BigInteger, primary_key=True),
    sqlite_with_rowid=False,
)
"""The index of `deleted_message` by content, written afterwards (`store.mail.deletions`)."""

deleted_mailbox = Table(
    "deleted_mailbox",
    metadata,
    Column("mailbox_id", BigInteger, primary_key=True, autoincrement=False),
    Column("account_id", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("keywords", Text, nullable=False),
)
"""Mailboxes that were removed when something of them was kept. `keywords`: theirs in the order of their bits, a blank
between."""
Index("ix_deleted_mailbox_account_id", deleted_mailbox.c.account_id)
