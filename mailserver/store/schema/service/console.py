"""What operators look at: the trace of messages, counters of hours, and the console's long jobs."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text, text

from mailserver.store.schema.base import metadata
from mailserver.store.schema.mail.messages import Identity

message_trace = Table(
    "message_trace",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("event", String(12), nullable=False),
    Column("name", String(32), nullable=False),
    Column("account_id", BigInteger, nullable=False),
    Column("sender", Text, nullable=False),
    Column("recipients", Text, nullable=False),
    Column("addressed", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("detail", Text, nullable=False),
    Column("code", String(40), nullable=False, server_default=""),
    Column("parameters", Text, nullable=False, server_default=""),
    Column("message_key", BigInteger, nullable=False, server_default="0"),
    sqlite_autoincrement=True,
)
"""A row for each step of a message, written with the step itself: envelope addresses, never content or subject.

`name` is the identifier told to whoever handed the message over; `recipients`: the first addresses, folded, a space
between them; `addressed`: how many there were; `account_id`: who submitted it, 0: nobody of this house. `code` and
`parameters` say what became of it (`causes.Cause`); rows of before have an English `detail` (`legacy_details`).
`message_key`: a hash of its Message-ID, in the row of its first step; 0: none, or a later step."""
Index("ix_message_trace_at_id", message_trace.c.at, message_trace.c.id)
Index("ix_message_trace_name", message_trace.c.name)
KEYED = text("message_key <> 0")
"""Which rows the index over `message_key` has: a query that is to use it says the same, word for word."""
Index("ix_message_trace_message_key", message_trace.c.message_key, sqlite_where=KEYED, postgresql_where=KEYED)

measure = Table(
    "measure",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("count", BigInteger, nullable=False),
    Column("octets", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Counters and gauges of an hour that begins at `at`."""

console_job = Table(
    "console_job",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("actor_id", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("peer", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False),
    Column("finished", BigInteger, nullable=False, server_default="0"),
    Column("state", String(12), nullable=False),
    Column("done", BigInteger, nullable=False, server_default="0"),
    Column("total", BigInteger, nullable=False, server_default="0"),
    Column("options", Text, nullable=False, server_default="{}"),
    Column("result", Text, nullable=False, server_default="{}"),
    sqlite_autoincrement=True,
)
"""A long job begun in the console. `state`: running, done or failed; `seen`: when it last said how far it is; `options`
and `result`: JSON of its kind."""
