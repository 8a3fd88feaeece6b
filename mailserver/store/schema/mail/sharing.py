"""Who else reaches a mailbox, what they did in it, and what is noted on mailboxes: ACL and METADATA."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, SmallInteger, String, Table, Text

from mailserver.store.schema.base import Key, metadata

mailbox_right = Table(
    "mailbox_right",
    metadata,
    Column("mailbox_id", BigInteger, ForeignKey("mailbox.id"), primary_key=True),
    Column("identifier", Key, primary_key=True),
    Column("negative", SmallInteger, primary_key=True, autoincrement=False),
    Column("rights", String(16), nullable=False),
    Column("since", BigInteger, nullable=False, server_default="0"),
    sqlite_with_rowid=False,
)
"""The access control list of a mailbox (RFC 4314). `identifier`: a login, `anyone`, or `$` and a list's address.
`negative` 1: rights that are taken away. The owner stands in no row: all rights are theirs. `since`
when they let somebody read, 0: a version before 0060 gave them."""
Index("ix_mailbox_right_identifier", mailbox_right.c.identifier)

mailbox_act = Table(
    "mailbox_act",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("owner_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("actor_id", BigInteger, nullable=False),
    Column("mailbox", Text, nullable=False),
    Column("act", String(12), nullable=False),
    Column("messages", Integer, nullable=False),
    Column("detail", Text, nullable=False),
    Column("code", String(40), nullable=False, server_default=""),
    Column("parameters", Text, nullable=False, server_default=""),
    sqlite_autoincrement=True,
)
"""What somebody else than its owner did in a mailbox, by account id. `code` and `parameters` (`causes.Cause`) name UIDs
or flags, never content; rows of before have an English `detail` (`legacy_details`)."""
Index("ix_mailbox_act_owner_id_id", mailbox_act.c.owner_id, mailbox_act.c.id)

annotation = Table(
    "annotation",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("mailbox_id", BigInteger, nullable=False),
    Column("account_id", BigInteger, nullable=False),
    Column("entry", Key, nullable=False),
    Column("value", LargeBinary),
    sqlite_autoincrement=True,
)
"""METADATA (RFC 5464). `mailbox_id` 0: of the server. `account_id`: whose private entry it is; 0: everybody's. A change
gives a row a new `id`, so that what moved since can be asked; a removed entry stays for a while without its value."""
Index("ix_annotation_mailbox_id", annotation.c.mailbox_id, annotation.c.account_id, annotation.c.entry, unique=True)
Index("ix_annotation_account_id", annotation.c.account_id)

message_quota = Table(
    "message_quota",
    metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True, autoincrement=False),
    Column("messages", BigInteger, nullable=False),
)
"""How many messages an account may hold where it is not what the setting says; 0: any number."""
