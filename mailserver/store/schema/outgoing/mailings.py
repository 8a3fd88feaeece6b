"""Messages to very many people: what is to be sent, who decided, how far it is."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, SmallInteger, String, Table, Text

from mailserver.store.schema.base import metadata
from mailserver.store.schema.mail.messages import Identity

mailing = Table(
    "mailing",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("account_id", BigInteger, nullable=False),
    Column("population", String(16), nullable=False),
    Column("content_id", BigInteger, ForeignKey("content.id")),
    Column("subject", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("name", String(32), nullable=False),
    Column("reverse_path", Text, nullable=False),
    Column("recipients", Text, nullable=False),
    Column("released", Text, nullable=False),
    Column("ret", String(4), nullable=False),
    Column("envid", Text, nullable=False),
    Column("utf8", SmallInteger, nullable=False),
    Column("door", SmallInteger, nullable=False),
    Column("authentication", SmallInteger, nullable=False),
    Column("people", Integer, nullable=False),
    Column("outside", Integer, nullable=False),
    Column("reach", Text, nullable=False),
    Column("state", String(12), nullable=False),
    Column("actor", Text, nullable=False),
    Column("decided", BigInteger, nullable=False, server_default="0"),
    Column("reason", Text, nullable=False, server_default=""),
    Column("due", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("started", BigInteger, nullable=False, server_default="0"),
    Column("ended", BigInteger, nullable=False, server_default="0"),
    Column("total", Integer, nullable=False, server_default="0"),
    Column("reached", Integer, nullable=False, server_default="0"),
    Column("queued", Integer, nullable=False, server_default="0"),
    Column("withdrawal_id", BigInteger, nullable=False, server_default="0"),
    Column("worker", BigInteger, nullable=False, server_default="0"),
    Column("leased", BigInteger, nullable=False, server_default="0"),
    Column("require_tls", SmallInteger, nullable=False, server_default="0"),
    Column("audience", LargeBinary),
    Column("approver", Text, nullable=False, server_default=""),
    Column("results", Text, nullable=False, server_default=""),
    Column("cleared", SmallInteger, nullable=False, server_default="0"),
    sqlite_autoincrement=True,
)
"""One message to very many people. `account_id`: its author; 0: somebody outside, whom a list's owner let pass.
`content_id`: the message until it is sent. `recipients`: JSON, [address, reports wanted, original recipient] of each;
`released`: JSON, lists whose moderators let it pass. `people`, `outside`, `reach`: how many and who, as they were when
it was handed in. `actor`: who decided, at `decided`; `reason`: what they wrote. `due`: when it leaves, 0: once it may.
`expires`: until when somebody may decide. `total`: recipients it has once it is begun; `reached`, `queued`: who got it
here, and who is in the queue. `worker` is at it until `leased`. `audience`: everybody it was handed in for, until it is
over (`store.queue.mailings.mailing_audience`). `approver`: who let it pass, whoever decides about it afterwards.
`results`: what was found out about who sent it, in words, for a seal. `cleared`: its author lets go what it gives away
to people outside."""
Index("ix_mailing_account_id", mailing.c.account_id, mailing.c.at)
Index("ix_mailing_state", mailing.c.state)
Index("ix_mailing_content_id", mailing.c.content_id)

mailing_copy = Table(
    "mailing_copy",
    metadata,
    Column("mailing_id", BigInteger, ForeignKey("mailing.id"), primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("stored_id", BigInteger, nullable=False),
    Column("content_id", BigInteger, ForeignKey("content.id")),
    Column("reverse_path", Text, nullable=False),
    Column("through_list", SmallInteger, nullable=False),
    Column("impersonation", SmallInteger, nullable=False),
    Column("post_id", BigInteger, nullable=False, server_default="0"),
)
"""What is delivered: the message, and the copy of each list. `stored_id`: its content, for ever; `content_id`: the same
while it has to stay. `post_id`: of what a list sends to its members outside, its message on record (`list_post`)."""
Index("ix_mailing_copy_stored_id", mailing_copy.c.stored_id)
Index("ix_mailing_copy_content_id", mailing_copy.c.content_id)

mailing_batch = Table(
    "mailing_batch",
    metadata,
    Column("mailing_id", BigInteger, ForeignKey("mailing.id"), primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("copy", Integer, nullable=False),
    Column("accounts", LargeBinary, nullable=False),
    Column("addresses", Text, nullable=False),
    Column("targets", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("done", Integer, nullable=False, server_default="0"),
)
"""Recipients of a mailing that was begun, some hundred in a row, until it has ended. `accounts`: packed as an
audience; `addresses`: JSON, what led to them, where they were written to in person; `targets`: JSON, as
`mailing.recipients`. `done`: how many of them have it."""
