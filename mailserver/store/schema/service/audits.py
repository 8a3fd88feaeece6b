"""Who did what to whom: rows that are only ever added, chained so that a change shows."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, Text

from mailserver.store.schema.base import metadata

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", String(32), nullable=False),
    Column("account_id", BigInteger, nullable=False),
    Column("service", String(16), nullable=False),
    Column("peer", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("code", String(40), nullable=False, server_default=""),
    Column("parameters", Text, nullable=False, server_default=""),
    Column("link", BigInteger),
    Column("seal", LargeBinary(32)),
    sqlite_autoincrement=True,
)
"""Who did what to which account, from where; rows are only ever added, and hold no secret.

`code` names a sentence and `parameters` is the JSON of what fills it in (`causes.Cause`); both are empty where there is
nothing to say, and in rows of before, whose `detail` is an English text (`legacy_details`).
`link` numbers the rows in the order in which they were sealed, and `seal` is an HMAC over the row and the
seal before it (`store.record.audit`); both are null for the second or so until that is done."""
Index("ix_audit_account_id_id", audit.c.account_id, audit.c.id)
Index("ix_audit_link", audit.c.link, unique=True)
Index("ix_audit_at", audit.c.at)

audit_anchor = Table(
    "audit_anchor",
    metadata,
    Column("link", BigInteger, primary_key=True, autoincrement=False),
    Column("seal", LargeBinary(32), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("mark", LargeBinary(32)),
)
"""Where the chain begins since older rows were removed: the last removed row's link and seal, and an HMAC over both
that only the retention can make."""
