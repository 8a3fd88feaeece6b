"""Aggregate reports of other servers: mail that brings them and waits to be read, and what they say."""

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    literal_column,
)

from mailserver.store.schema.base import Key, metadata
from mailserver.store.schema.mail.messages import Identity

report_waiting = Table(
    "report_waiting",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("content_id", BigInteger, ForeignKey("content.id"), nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("authentication", SmallInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("leased", BigInteger, nullable=False, server_default="0"),
    sqlite_autoincrement=True,
)
"""`kind`: 1 DMARC, 2 TLS, 0 either; `authentication`: what was found out about who sent it; `attempts`: times that
somebody has begun to read it and came to no end; somebody is at it until `leased`."""
Index("ix_report_waiting_content_id", report_waiting.c.content_id)

report = Table(
    "report",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("kind", SmallInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("begins", BigInteger, nullable=False),
    Column("ends", BigInteger, nullable=False),
    Column("submitter", Text, nullable=False),
    Column("organisation", Text, nullable=False),
    Column("contact", Text, nullable=False),
    Column("identifier", Text, nullable=False),
    Column("domain", Text, nullable=False),
    Column("policy", Text, nullable=False),
    Column("passed", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("code", String(40), nullable=False),
    Column("parameters", Text, nullable=False),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    sqlite_autoincrement=True,
)
"""`submitter`: the domain that sent it, as authentication has shown; empty: a relay or an operator brought it. `code`
and `parameters` say why it is not counted (`causes.Cause`); no code: it is. `digest` is the same of a report that comes
twice."""
Index("ix_report_begins", report.c.kind, report.c.begins)
Index("ix_report_received", report.c.received)
NO_CODE: ColumnElement[str] = literal_column("''")
"""SQLite takes the index for nothing else."""
Index("ix_report_code", report.c.id, sqlite_where=report.c.code != NO_CODE, postgresql_where=report.c.code != NO_CODE)
Index("ix_report_submitter", report.c.submitter, report.c.received)

report_source = Table(
    "report_source",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("report_id", BigInteger, ForeignKey("report.id"), nullable=False),
    Column("address", String(45), nullable=False),
    Column("author", Text, nullable=False),
    Column("disposition", String(10), nullable=False),
    Column("dkim", SmallInteger, nullable=False),
    Column("spf", SmallInteger, nullable=False),
    Column("signer", Text, nullable=False),
    Column("envelope", Text, nullable=False),
    Column("count", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
"""Messages in our name from one address, of one report."""
Index("ix_report_source_report_id", report_source.c.report_id)

report_session = Table(
    "report_session",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("report_id", BigInteger, ForeignKey("report.id"), nullable=False),
    Column("policy", String(20), nullable=False),
    Column("domain", Text, nullable=False),
    Column("result", String(60), nullable=False),
    Column("server", Text, nullable=False),
    Column("count", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
"""TLS sessions with our servers, of one report; no `result`: they went well."""
Index("ix_report_session_report_id", report_session.c.report_id)

report_host = Table(
    "report_host",
    metadata,
    Column("address", String(45), primary_key=True),
    Column("name", Text, nullable=False),
    Column("looked", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""The name of a source, where it leads back to its address; empty: it has none."""

report_seen = Table(
    "report_seen",
    metadata,
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    Column("domain", Key, primary_key=True),
    Column("digest", LargeBinary(16), primary_key=True),
    Column("facts", Text, nullable=False),
    Column("count", BigInteger, nullable=False),
)
"""What this service saw on a day, for the report that it sends to a domain: `facts` (`model.observations`) with their
`digest`, and how often."""

report_tls_seen = Table(
    "report_tls_seen",
    metadata,
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    Column("domain", Key, primary_key=True),
    Column("digest", LargeBinary(16), primary_key=True),
    Column("facts", Text, nullable=False),
    Column("count", BigInteger, nullable=False),
)
"""The same of TLS sessions with a domain's servers: `facts` (`mailserver.model.sending.tls_sessions`)."""
