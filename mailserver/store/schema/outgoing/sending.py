"""What is kept of how much each account sends, and what of it waits for IT."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, SmallInteger, String, Table, Text

from mailserver.store.schema.base import metadata
from mailserver.store.schema.mail.messages import Identity

sent_count = Table(
    "sent_count",
    metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True, autoincrement=False),
    Column("minute", BigInteger, primary_key=True, autoincrement=False),
    Column("recipients", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""Recipients that an account wrote to within a minute, over every door and worker, and those refused for good."""
Index("ix_sent_count_minute", sent_count.c.minute)

outside_recipient = Table(
    "outside_recipient",
    metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True, autoincrement=False),
    Column("key", LargeBinary(16), primary_key=True),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Addresses elsewhere that an account has written to, as hashes: when first, and the last day; 0: all of it waits."""
Index("ix_outside_recipient_first", outside_recipient.c.account_id, outside_recipient.c.first)
Index("ix_outside_recipient_last", outside_recipient.c.last)

sending_allowance = Table(
    "sending_allowance",
    metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True, autoincrement=False),
    Column("factor", Integer, nullable=False),
    Column("until", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Accounts that may send so many times as much, until a moment."""

held_submission = Table(
    "held_submission",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("population", String(16), nullable=False),
    Column("content_id", BigInteger, ForeignKey("content.id"), nullable=False),
    Column("name", String(32), nullable=False),
    Column("reverse_path", Text, nullable=False),
    Column("recipients", Text, nullable=False),
    Column("ret", String(4), nullable=False),
    Column("envid", Text, nullable=False),
    Column("utf8", SmallInteger, nullable=False),
    Column("resent", SmallInteger, nullable=False),
    Column("what", String(16), nullable=False),
    Column("counted", Integer, nullable=False),
    Column("mark", Integer, nullable=False),
    Column("seconds", Integer, nullable=False),
    Column("held", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("require_tls", SmallInteger, nullable=False, server_default="0"),
    Column("cleared", SmallInteger, nullable=False, server_default="0"),
    sqlite_autoincrement=True,
)
"""What people of the house sent and waits for IT. `recipients`: JSON, [address, reports wanted, original recipient] of
each; `what`, `counted`, `mark`, `seconds`: the mark that was passed. `cleared`: its author lets go what it gives away
to people outside."""
Index("ix_held_submission_account_id", held_submission.c.account_id)
Index("ix_held_submission_content_id", held_submission.c.content_id)
Index("ix_held_submission_expires", held_submission.c.expires)

unconfirmed_submission = Table(
    "unconfirmed_submission",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("content_id", BigInteger, ForeignKey("content.id"), nullable=False),
    Column("name", String(32), nullable=False),
    Column("reverse_path", Text, nullable=False),
    Column("recipients", Text, nullable=False),
    Column("trace", LargeBinary, nullable=False),
    Column("ret", String(4), nullable=False),
    Column("envid", Text, nullable=False),
    Column("utf8", SmallInteger, nullable=False),
    Column("resent", SmallInteger, nullable=False),
    Column("keeps_copy", SmallInteger, nullable=False),
    Column("kinds", Text, nullable=False),
    Column("held", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=False, server_default="0"),
    Column("require_tls", SmallInteger, nullable=False, server_default="0"),
    sqlite_autoincrement=True,
)
"""What people of the house sent, and waits until they confirm that it may leave with what it gives away. The content is
what was submitted; `recipients` as above, `trace`: the field of the door, `kinds`: what was found, between commas;
`due`: when it leaves where it was to leave later (RFC 4865), else 0."""
Index("ix_unconfirmed_submission_account_id", unconfirmed_submission.c.account_id)
Index("ix_unconfirmed_submission_content_id", unconfirmed_submission.c.content_id)
Index("ix_unconfirmed_submission_expires", unconfirmed_submission.c.expires)

urgent_letter = Table(
    "urgent_letter",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("content_id", BigInteger, nullable=False, unique=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("name", String(32), nullable=False),
    Column("at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
"""Contents that people are told of in spite of their quiet hours; `account_id` sent the letter `name`. A content that
is gone may have a row for a while: its number is never given again."""
Index("ix_urgent_letter_account_id", urgent_letter.c.account_id, urgent_letter.c.at)
Index("ix_urgent_letter_at", urgent_letter.c.at)
