"""Browser sessions, and what the web keeps for a person between two requests.

A session is found by the HMAC of its token, so a copy of the database opens none. `account_id` scopes
every row; parked text is sealed under the browser's own cookie, which is not stored.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, SmallInteger, String, Table, Text

from mailserver.store.schema.base import metadata

session = Table(
    "session",
    metadata,
    Column("token_hash", LargeBinary(32), primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("lifetime", BigInteger, nullable=False),
    Column("login_version", BigInteger, nullable=False),
    Column("interface", String(8), nullable=False),
    Column("peer", Text, nullable=False),
    Column("agent", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""`login_version` is the account's at login: when that moves (password, state) the session is over."""
Index("ix_session_account_id", session.c.account_id)
Index("ix_session_expires", session.c.expires)

preference = Table(
    "web_preference",
    metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True, autoincrement=False),
    Column("chosen", Text, nullable=False),
)
"""JSON, as `mailserver.model.account.preferences` writes and reads it."""

search = Table(
    "web_search",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("words", Text, nullable=False),
    Column("mailbox_id", BigInteger, nullable=False),
    Column("used", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
"""Searches: those with a `name` were saved, the others are the last ones. `mailbox_id` 0: in every folder."""
Index("ix_web_search_account_id", search.c.account_id)

undo = Table(
    "web_undo",
    metadata,
    Column("token_hash", LargeBinary(32), primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("origin_id", BigInteger, nullable=False),
    Column("place_id", BigInteger, nullable=False),
    Column("uids", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""Where moved messages came from (`origin_id`) and are now (`place_id`, UIDs separated by commas)."""
Index("ix_web_undo_expires", undo.c.expires)

parked = Table(
    "web_parked",
    metadata,
    Column("token_hash", LargeBinary(32), primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""Text that was posted after its session had expired, kept for the same person's next login."""
Index("ix_web_parked_expires", parked.c.expires)
Index("ix_web_parked_account_id", parked.c.account_id)

once = Table(
    "web_once",
    metadata,
    Column("token_hash", LargeBinary(32), primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("done", SmallInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Letters on their way (`done` 0) or gone: a form that is posted twice sends once."""
Index("ix_web_once_expires", once.c.expires)

picture_sender = Table(
    "web_picture_sender",
    metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True, autoincrement=False),
    Column("sender", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Addresses whose remote pictures a person wants shown."""

trusted_sender = Table(
    "web_trusted_sender",
    metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True, autoincrement=False),
    Column("sender", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Addresses of which a person has said that their messages are safe."""
