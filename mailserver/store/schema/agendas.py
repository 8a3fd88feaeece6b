"""Collections of events, tasks and contacts, their items and their sync history.

`collection.modseq` counts every change of a collection; `item.modseq` and `item_gone.modseq` say at which
count an item last changed or went. A sync token (RFC 6578) is a collection id and such a count: ids are
never given twice, so a token of a deleted collection never fits its successor.
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

agenda_home = Table(
    "agenda_home",
    metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True, autoincrement=False),
    Column("collections", SmallInteger, nullable=False, server_default="0"),
    Column("created", BigInteger, nullable=False),
)
"""One row per account that was given its first collections: it is what makes giving them happen once."""

collection = Table(
    "collection",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("tag", String(16), nullable=False),
    Column("props", Text, nullable=False),
    Column("modseq", BigInteger, nullable=False, server_default="1"),
    Column("floor", BigInteger, nullable=False, server_default="0"),
    Column("items", Integer, nullable=False, server_default="0"),
    Column("octets", BigInteger, nullable=False, server_default="0"),
    Column("changed", BigInteger, nullable=False),
    Column("source", Text, nullable=False, server_default=""),
    UniqueConstraint("account_id", "name"),
    sqlite_autoincrement=True,
)
"""`name` is the segment of its address; `props` a JSON object of texts; below `floor` the history of
what went was forgotten, so older tokens are refused. `source` is the web address an agenda is filled from; empty:
by people."""

item = Table(
    "item",
    metadata,
    Column("collection_id", BigInteger, ForeignKey("collection.id"), primary_key=True, autoincrement=False),
    Column("href", Text, primary_key=True),
    Column("uid", Text, nullable=False),
    Column("etag", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("component", String(16), nullable=False),
    Column("starts", BigInteger, nullable=False),
    Column("ends", BigInteger, nullable=False),
    Column("modseq", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("octets", Integer, nullable=False),
    Column("text", Text, nullable=False),
    UniqueConstraint("collection_id", "uid"),
)
"""`kind` is the outer component (VCALENDAR, VCARD, VLIST), `component` the inner one (VEVENT, …; empty for
contacts); `starts` and `ends` enclose every occurrence, in seconds since the epoch."""
Index("ix_item_collection_id_ends", item.c.collection_id, item.c.ends)
Index("ix_item_collection_id_modseq", item.c.collection_id, item.c.modseq)

item_gone = Table(
    "item_gone",
    metadata,
    Column("collection_id", BigInteger, ForeignKey("collection.id"), primary_key=True, autoincrement=False),
    Column("href", Text, primary_key=True),
    Column("modseq", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
Index("ix_item_gone_collection_id_modseq", item_gone.c.collection_id, item_gone.c.modseq)

agenda_undo = Table(
    "agenda_undo",
    metadata,
    Column("token_hash", LargeBinary(32), primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("steps", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""What a change in the browser replaced: a JSON array of collection id, href, ETag it left, text there was before."""
Index("ix_agenda_undo_account_id_expires", agenda_undo.c.account_id, agenda_undo.c.expires)

collection_grant = Table(
    "collection_grant",
    metadata,
    Column("collection_id", BigInteger, ForeignKey("collection.id"), primary_key=True, autoincrement=False),
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True, autoincrement=False),
    Column("role", String(8), nullable=False),
    Column("colour", String(16), nullable=False, server_default=""),
    Column("granted", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Whom a collection is shared with. `account_id` is the one it is shared with, never its owner; `colour` the one they
see it in, empty: the owner's."""
Index("ix_collection_grant_account_id", collection_grant.c.account_id)

agenda_feed = Table(
    "agenda_feed",
    metadata,
    Column("collection_id", BigInteger, ForeignKey("collection.id"), primary_key=True, autoincrement=False),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("refreshed", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("failures", SmallInteger, nullable=False, server_default="0"),
    Column("fault", String(16), nullable=False, server_default=""),
    sqlite_with_rowid=False,
)
"""State of the agendas that have a `source`. `digest` is the SHA-256 of what was there last; `refreshed` when it was
fetched, `due` when it is again; `failures` in a row since, the last for this `fault`."""
Index("ix_agenda_feed_due", agenda_feed.c.due)
Index("ix_agenda_feed_account_id", agenda_feed.c.account_id)
