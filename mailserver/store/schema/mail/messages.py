"""Mailboxes, messages, the contents they share, and the news of commits.

`content` holds what was computed once at delivery; `blob` the octets (the header apart, so that a list
of messages never reads bodies); `message` is one appearance of a content in one mailbox. Flags are a bit
mask: five system flags, then the mailbox's keywords in the order of `keyword.bit`.
`content.search_fields`: the header fields that are searched most (`mime.body.folded_fields`), `listed_fields`: those
that mail programs show in lists (`mime.header.listed_fields`); NULL: the header tells.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from mailserver.store.schema.base import metadata

Identity = BigInteger().with_variant(Integer, "sqlite")
"""A key the engine numbers: SQLite does so for INTEGER only."""

CHANGES_OFTEN = {"fillfactor": 50}
"""PostgreSQL writes a changed row anew: where its page has room for that, no index hears of it."""

mailbox = Table(
    "mailbox",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("uidvalidity", BigInteger, nullable=False),
    Column("uidnext", BigInteger, nullable=False, server_default="1"),
    Column("modseq", BigInteger, nullable=False, server_default="1"),
    Column("flags_modseq", BigInteger, nullable=False, server_default="0"),
    Column("expunged_floor", BigInteger, nullable=False, server_default="0"),
    Column("recent", BigInteger, nullable=False, server_default="1"),
    Column("messages", BigInteger, nullable=False, server_default="0"),
    Column("unseen", BigInteger, nullable=False, server_default="0"),
    Column("flagged", BigInteger, nullable=False, server_default="0"),
    Column("octets", BigInteger, nullable=False, server_default="0"),
    Column("special_use", String(32), nullable=False, server_default=""),
    Column("created", BigInteger, nullable=False),
    UniqueConstraint("account_id", "name"),
    sqlite_autoincrement=True,
    postgresql_with=CHANGES_OFTEN,
)

"""`flags_modseq`: of the last change to messages that were there already, so that catching up with new
mail only never scans; `recent`: the first UID that no session has been told of; `expunged_floor`: tombstones
with this mod-sequence or a lower one may be forgotten (`store.mail.tombstones`)."""

subscription = Table(
    "subscription",
    metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True),
    Column("name", Text, primary_key=True),
)
"""Names, not mailboxes: a subscription outlives its mailbox (RFC 3501 section 6.3.6)."""

keyword = Table(
    "keyword",
    metadata,
    Column("mailbox_id", BigInteger, ForeignKey("mailbox.id"), primary_key=True),
    Column("bit", SmallInteger, primary_key=True),
    Column("name", Text, nullable=False),
)

content = Table(
    "content",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("hash", LargeBinary(32), nullable=False, unique=True),
    Column("size", BigInteger, nullable=False),
    Column("header_size", BigInteger, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("bodystructure", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("parts", LargeBinary, nullable=False),
    Column("subject", Text, nullable=False),
    Column("base_subject", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("sender_address", Text, nullable=False),
    Column("recipients", Text, nullable=False),
    Column("sent_at", BigInteger, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("in_reply_to", Text, nullable=False),
    Column("refs", Text, nullable=False),
    Column("preview", Text, nullable=False),
    Column("attachments", Integer, nullable=False),
    Column("indexed", SmallInteger, nullable=False, server_default="0"),
    Column("search_fields", LargeBinary),
    Column("thread", BigInteger, nullable=False, server_default="0"),
    Column("listed_fields", LargeBinary),
    sqlite_autoincrement=True,
)
"""`thread`: the conversation as a number (`mailserver.model.messages.objectids.thread_number`)."""
Index("ix_content_thread", content.c.thread)
Index("ix_content_sender_address", content.c.sender_address, content.c.id)

blob = Table(
    "blob",
    metadata,
    Column("content_id", BigInteger().with_variant(Integer, "sqlite"), ForeignKey("content.id"), primary_key=True),
    Column("header", LargeBinary, nullable=False),
    Column("octets", LargeBinary),
    Column("file", Text),
)
Index(
    "ix_blob_file",
    blob.c.file,
    sqlite_where=blob.c.file.is_not(None),
    postgresql_where=blob.c.file.is_not(None),
)
"""`header` and `octets` are zstd frames; `octets` (or the file) is what follows the header."""

tls_content = Table(
    "tls_content",
    metadata,
    Column("content_id", BigInteger, ForeignKey("content.id"), primary_key=True, autoincrement=False),
)
"""Contents that arrived to go nowhere but over TLS (RFC 8689)."""

message = Table(
    "message",
    metadata,
    Column("mailbox_id", BigInteger, ForeignKey("mailbox.id"), primary_key=True),
    Column("uid", BigInteger, primary_key=True),
    Column("content_id", BigInteger, ForeignKey("content.id"), nullable=False),
    Column("flags", BigInteger, nullable=False),
    Column("modseq", BigInteger, nullable=False),
    Column("internal_date", BigInteger, nullable=False),
    Column("saved", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("door", SmallInteger, nullable=False, server_default="0"),
    Column("door_account", BigInteger, nullable=False, server_default="0"),
    Column("through_list", SmallInteger, nullable=False, server_default="0"),
    Column("authentication", SmallInteger, nullable=False, server_default="0"),
    Column("impersonation", SmallInteger, nullable=False, server_default="0"),
    sqlite_with_rowid=False,
    postgresql_with=CHANGES_OFTEN,
)
"""`door`, `door_account`, `through_list`: where it came from (`mailserver.model.messages.provenance`).
`authentication`: what was found out about who sent it, as one number (`mailserver.model.messages.authentication`).
`impersonation`: what makes its sender look like somebody else (`mailserver.model.messages.impersonation`)."""
Index("ix_message_content_id_mailbox_id", message.c.content_id, message.c.mailbox_id)

expunged = Table(
    "expunged",
    metadata,
    Column("mailbox_id", BigInteger, ForeignKey("mailbox.id"), primary_key=True),
    Column("modseq", BigInteger, primary_key=True),
    Column("uid", BigInteger, primary_key=True),
    Column("at", BigInteger, nullable=False, server_default="0"),
    sqlite_with_rowid=False,
)
"""Tombstones: what QRESYNC tells a client that was away (RFC 7162 section 5.3)."""

orphan = Table(
    "orphan",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("content_id", BigInteger, nullable=False),
    Column("since", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
"""One note for each loss of an appearance; the collector looks whether it was the last. Notes are never shared: two
people who throw the same message away at once do not wait for each other."""

news = Table(
    "news",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("worker", BigInteger, nullable=False),
    Column("changes", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
"""One row per commit on SQLite: the (account, mailbox) pairs it touched. PostgreSQL uses NOTIFY."""
