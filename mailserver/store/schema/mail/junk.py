"""What people teach about junk mail, what was learned of it, why messages stand in Spam; what has a virus in it.

`account_id` 0 is the academy.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, SmallInteger, String, Table, Text

from mailserver.store.schema.base import metadata
from mailserver.store.schema.mail.messages import Identity

junk_lesson = Table(
    "junk_lesson",
    metadata,
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("content_id", BigInteger, primary_key=True, autoincrement=False),
    Column("wanted", SmallInteger, nullable=False),
    Column("taught", SmallInteger, nullable=False, server_default="0"),
    Column("public", SmallInteger, nullable=False, server_default="0"),
    Column("at", BigInteger, nullable=False),
)
"""What an account says of a message (`wanted`; 0: nothing any more) and what its model has learned of it (`taught`).
`public`: one of our doors took it from outside, so that it counts for the academy, too."""
Index(
    "ix_junk_lesson_at",
    junk_lesson.c.at,
    sqlite_where=junk_lesson.c.wanted != junk_lesson.c.taught,
    postgresql_where=junk_lesson.c.wanted != junk_lesson.c.taught,
)
Index("ix_junk_lesson_content_id", junk_lesson.c.content_id)

junk_model = Table(
    "junk_model",
    metadata,
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("revision", BigInteger, nullable=False),
    Column("spam", BigInteger, nullable=False),
    Column("ham", BigInteger, nullable=False),
    Column("counts", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""How often tokens were seen (`mailserver.inbound.junk.counts`), one row a teacher. `revision` is never given twice."""

junk_verdict = Table(
    "junk_verdict",
    metadata,
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("content_id", BigInteger, primary_key=True, autoincrement=False),
    Column("source", SmallInteger, nullable=False),
    Column("score", BigInteger, nullable=False),
    Column("threshold", BigInteger, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""Why delivery put a message into an account's Spam."""
Index("ix_junk_verdict_content_id", junk_verdict.c.content_id)

infected = Table(
    "infected",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("content_id", BigInteger, ForeignKey("content.id"), nullable=False),
    Column("name", String(32), nullable=False),
    Column("virus", Text, nullable=False),
    Column("reverse_path", Text, nullable=False),
    Column("recipients", Text, nullable=False),
    Column("door", SmallInteger, nullable=False),
    Column("held", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("authentication", SmallInteger, nullable=False, server_default="0"),
    Column("untold", Integer, nullable=False, server_default="-1"),
    Column("require_tls", SmallInteger, nullable=False, server_default="0"),
    Column("results", Text, nullable=False, server_default=""),
    sqlite_autoincrement=True,
)
"""Messages from outside that are held for IT: a virus was found in them. `recipients`: addresses, one a line;
`authentication`: what was found out about who sent it; `results`: the same in words, for a seal; `untold`: the place of
the first recipient who has not been told yet, -1: all were."""
Index("ix_infected_content_id", infected.c.content_id)
Index("ix_infected_expires", infected.c.expires)
Index(
    "ix_infected_untold",
    infected.c.untold,
    sqlite_where=infected.c.untold >= 0,
    postgresql_where=infected.c.untold >= 0,
)
