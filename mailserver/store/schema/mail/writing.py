"""What the web keeps for people who write: letters that wait to leave, signatures, models, those of the academy.

A letter in `outbox` is in no mailbox: the row holds its final octets and the draft it goes back to, and goes in the
unit that submits it or puts the draft back.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, SmallInteger, String, Table, Text

from mailserver.store.schema.base import metadata
from mailserver.store.schema.mail.messages import Identity

outbox = Table(
    "web_outbox",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False, index=True),
    Column("letter", LargeBinary(32), nullable=False, unique=True),
    Column("content_id", BigInteger, ForeignKey("content.id"), nullable=False, index=True),
    Column("draft_id", BigInteger, ForeignKey("content.id"), nullable=False, index=True),
    Column("due", BigInteger, nullable=False),
    Column("taken", BigInteger, nullable=False, server_default="0"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("planned", SmallInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("terms", Text, nullable=False),
    sqlite_autoincrement=True,
)
"""`letter`: the claim of the letter's form (`web_once`), so that it leaves once. `due`: when it leaves, and after a
failure when it is tried again; `taken`: until when a worker is at it. `planned` 0: it waits only to be called back.
`terms`: a JSON object, see `store.queue.outbox.Terms`."""
Index("ix_web_outbox_due", outbox.c.due)

signature = Table(
    "web_signature",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("purpose", String(8), nullable=False),
    sqlite_autoincrement=True,
)
"""`sender`: the address it belongs to, empty for any; `purpose`: `new`, `reply`, empty for both."""

model = Table(
    "web_model",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("html", Text, nullable=False, server_default=""),
    sqlite_autoincrement=True,
)
"""Texts one writes again and again; `html`: the same formatted, empty for plain ones. Those of a functional box's
account are its holders'."""

academy_model = Table(
    "web_academy_model",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("name", Text, nullable=False),
    Column("roles", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("html", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("written", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
"""The academy's own, which operators write. `roles`: who is offered it, a space between them; `author`: the login of
whoever changed it last."""
