"""The outgoing queue: a message, a row per destination domain, a row per recipient.

`queued.content_id` shares the octets with mailboxes. `queued_domain.due` is the time of the next attempt, and while a
worker holds the row (`lease` not 0) the time at which the others may take it over.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, SmallInteger, String, Table, Text

from mailserver.store.schema.base import metadata
from mailserver.store.schema.mail.messages import Identity

queued = Table(
    "queued",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("name", String(32), nullable=False),
    Column("content_id", BigInteger, ForeignKey("content.id"), nullable=False, index=True),
    Column("account_id", BigInteger, nullable=False),
    Column("population", String(12), nullable=False, server_default=""),
    Column("reverse_path", Text, nullable=False),
    Column("ret", String(4), nullable=False),
    Column("envid", Text, nullable=False),
    Column("utf8", SmallInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("signing", SmallInteger, nullable=False, server_default="0"),
    Column("results", Text, nullable=False, server_default=""),
    Column("require_tls", SmallInteger, nullable=False, server_default="0"),
    sqlite_autoincrement=True,
)
"""`signing`: what the relay puts on top (`store.queue.spool.Signing`); `results`: what our door found out, for a seal.
`name` is the identifier told to the submitter. `account_id` 0: the service itself. `population`: whose brake holds
it back (`identity.Population`); empty: nobody's. `require_tls`: it leaves over TLS alone (RFC 8689)."""
Index("ix_queued_name", queued.c.name)

queued_domain = Table(
    "queued_domain",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("queued_id", BigInteger, ForeignKey("queued.id"), nullable=False, index=True),
    Column("domain", Text, nullable=False),
    Column("due", BigInteger, nullable=False, index=True),
    Column("lease", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("warned", SmallInteger, nullable=False),
    Column("error", Text, nullable=False),
    Column("error_code", String(40), nullable=False, server_default=""),
    Column("error_parameters", Text, nullable=False, server_default=""),
    sqlite_autoincrement=True,
)

Index("ix_queued_domain_domain_due", queued_domain.c.domain, queued_domain.c.due)

queued_recipient = Table(
    "queued_recipient",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("domain_id", BigInteger, ForeignKey("queued_domain.id"), nullable=False),
    Column("address", Text, nullable=False),
    Column("notify", SmallInteger, nullable=False),
    Column("orcpt", Text, nullable=False),
    sqlite_autoincrement=True,
)
"""`notify` is a mask, see `store.queue.spool`. A recipient's row goes when its fate is known."""
Index("ix_queued_recipient_domain_id", queued_recipient.c.domain_id)
