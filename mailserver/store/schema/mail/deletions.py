"""Messages that were removed for good, and events and contacts that were deleted: kept as they were for a while."""

from sqlalchemy import BigInteger, Column, Index, Integer, SmallInteger, String, Table, Text

from mailserver.store.schema.base import metadata
from mailserver.store.schema.mail.messages import Identity

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

deleted_item = Table(
    "deleted_item",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("account_id", BigInteger, nullable=False),
    Column("collection_id", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("href", Text, nullable=False),
    Column("uid", Text, nullable=False),
    Column("etag", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("component", String(16), nullable=False),
    Column("starts", BigInteger, nullable=False),
    Column("ends", BigInteger, nullable=False),
    Column("octets", Integer, nullable=False),
    Column("text", Text, nullable=False),
    sqlite_autoincrement=True,
)
"""An event, a task or a contact that somebody deleted, as it was. `account_id`: whose collection it was in."""
Index("ix_deleted_item_account_id_uid", deleted_item.c.account_id, deleted_item.c.uid)
Index("ix_deleted_item_at", deleted_item.c.at)

deleted_collection = Table(
    "deleted_collection",
    metadata,
    Column("collection_id", BigInteger, primary_key=True, autoincrement=False),
    Column("account_id", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("tag", String(16), nullable=False),
    Column("props", Text, nullable=False),
)
"""Agendas and address books that were deleted when something of them was kept."""
Index("ix_deleted_collection_account_id", deleted_collection.c.account_id)
Index("ix_deleted_collection_at", deleted_collection.c.at)
