"""What people report as phishing, which messages IT has taken back from every mailbox, and the copies that are kept of
them until that can no longer be undone."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, SmallInteger, String, Table, Text

from mailserver.store.schema.base import metadata
from mailserver.store.schema.mail.messages import Identity

phishing_report = Table(
    "phishing_report",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("account_id", BigInteger, nullable=False),
    Column("content_id", BigInteger, nullable=False),
    Column("campaign", LargeBinary(16), nullable=False),
    Column("authentication", SmallInteger, nullable=False),
    Column("door", SmallInteger, nullable=False),
    Column("body_hash", LargeBinary(32), nullable=False),
    Column("body_size", BigInteger, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("state", String(12), nullable=False),
    Column("decided", BigInteger, nullable=False, server_default="0"),
    Column("told", SmallInteger, nullable=False, server_default="0"),
    Column("door_account", BigInteger, nullable=False, server_default="0"),
    Column("withdrawal_id", BigInteger, nullable=False, server_default="0"),
    sqlite_autoincrement=True,
)
"""One a person and message. `content_id` holds nothing: a report says by itself what other messages are compared with.
`campaign`: what reports are grouped by (`mailserver.model.messages.likeness`); `authentication`, `door` and
`door_account` are those of the reported appearance; `state`: new, withdrawn, by the act `withdrawal_id`, or dismissed;
`told`: the reporter knows of it."""
Index("ix_phishing_report_account_id", phishing_report.c.account_id, phishing_report.c.content_id, unique=True)
Index("ix_phishing_report_campaign", phishing_report.c.campaign)
Index("ix_phishing_report_withdrawal_id", phishing_report.c.withdrawal_id)
Index("ix_phishing_report_at", phishing_report.c.at)
Index(
    "ix_phishing_report_told",
    phishing_report.c.id,
    sqlite_where=phishing_report.c.told == 0,
    postgresql_where=phishing_report.c.told == 0,
)

withdrawal = Table(
    "withdrawal",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("content_id", BigInteger, nullable=False),
    Column("alike", SmallInteger, nullable=False),
    Column("state", String(12), nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("refused_until", BigInteger, nullable=False),
    Column("body_hash", LargeBinary(32), nullable=False),
    Column("body_size", BigInteger, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("swept", BigInteger, nullable=False, server_default="0"),
    Column("taken", BigInteger, nullable=False, server_default="0"),
    Column("restored", BigInteger, nullable=False, server_default="0"),
    Column("refused", BigInteger, nullable=False, server_default="0"),
    Column("worker", BigInteger, nullable=False, server_default="0"),
    Column("leased", BigInteger, nullable=False, server_default="0"),
    Column("door", SmallInteger, nullable=False, server_default="0"),
    Column("door_account", BigInteger, nullable=False, server_default="0"),
    Column("authentication", SmallInteger, nullable=False, server_default="0"),
    Column("spares_read", SmallInteger, nullable=False, server_default="0"),
    Column("marked", BigInteger, nullable=False, server_default="0"),
    sqlite_autoincrement=True,
)
"""One act of taking back. `content_id`: the message that was pointed at, which it does not hold; `door`,
`door_account`, `authentication`: how it came in. `alike`: also what is only like it. `state`: `taking`, `taken`,
`restoring`, `restored`, or `ended` once nothing can be brought back. `swept`: when every mailbox had been gone through
for the first time. `taken`, `restored`: messages; `refused`: further copies. `worker` is at it until `leased`.
`spares_read`: what was read stays, and is marked; `marked`: how many."""
Index("ix_withdrawal_state", withdrawal.c.state)
Index("ix_withdrawal_refused_until", withdrawal.c.refused_until)

withdrawn = Table(
    "withdrawn",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("withdrawal_id", BigInteger, ForeignKey("withdrawal.id"), nullable=False),
    Column("account_id", BigInteger, nullable=False),
    Column("mailbox_id", BigInteger, nullable=False),
    Column("content_id", BigInteger, ForeignKey("content.id"), nullable=False),
    Column("flags", BigInteger, nullable=False),
    Column("keywords", Text, nullable=False),
    Column("internal_date", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("door", SmallInteger, nullable=False),
    Column("door_account", BigInteger, nullable=False),
    Column("through_list", SmallInteger, nullable=False),
    Column("authentication", SmallInteger, nullable=False),
    Column("impersonation", SmallInteger, nullable=False),
    sqlite_autoincrement=True,
)
"""Appearances that were taken away, as they were. No mailbox shows them and nothing but an undoing reads them.
`keywords`: the names of those that `flags` has, a blank between them, for when the mailbox is gone."""
Index("ix_withdrawn_withdrawal_id", withdrawn.c.withdrawal_id, withdrawn.c.id)
Index("ix_withdrawn_account_id", withdrawn.c.account_id)
Index("ix_withdrawn_content_id", withdrawn.c.content_id)
