"""Distribution lists, functional boxes, messages that wait for a moderator, and people's own lists."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from mailserver.store.schema.base import Key, metadata

mailing_list = Table(
    "mailing_list",
    metadata,
    Column("address", Key, primary_key=True),
    Column("name", Text, nullable=False),
    Column("name_key", Key, nullable=False),
    Column("owner", Text, nullable=False, server_default=""),
    Column("kind", String(12), nullable=False, server_default="manual"),
    Column("query", Text, nullable=False, server_default=""),
    Column("writers", String(12), nullable=False, server_default="anyone"),
    Column("moderated", SmallInteger, nullable=False, server_default="0"),
    Column("hidden_members", SmallInteger, nullable=False, server_default="0"),
    Column("uai", String(8), nullable=False, server_default=""),
    Column("box_id", BigInteger, nullable=False, server_default="0"),
    Column("created", BigInteger, nullable=False),
    Column("modified", BigInteger, nullable=False),
    Column("answers", String(8), nullable=False, server_default="author"),
    Column("ends", BigInteger, nullable=False, server_default="0"),
    Column("told_of", BigInteger, nullable=False, server_default="0"),
    Column("may_leave", SmallInteger, nullable=False, server_default="1"),
    Column("as_list", SmallInteger, nullable=False, server_default="0"),
    Column("max_size", Integer, nullable=False, server_default="0"),
    Column("max_hourly", Integer, nullable=False, server_default="0"),
    Column("archive", String(8), nullable=False, server_default="none"),
    Column("digest", SmallInteger, nullable=False, server_default="0"),
    Column("archive_opened", BigInteger, nullable=False, server_default="0"),
    Column("archive_older", Integer, nullable=False, server_default="0"),
    Column("archive_tell", BigInteger, nullable=False, server_default="0"),
    Column("archive_told", BigInteger, nullable=False, server_default="0"),
)
"""`kind`: `manual` (members by hand), `living` (members are what `query` finds at delivery) or `function` (a
functional box: members hold it by their function). `writers`: who may write to it. `uai`: whose list it is.
`box_id`: the account that owns a functional box's mailboxes; 0: a list, or nothing was stored for it yet. `answers`:
where answers go. `ends`: from when on it takes no more messages; 0: nobody has said. `told_of`: the `ends` that its
owners have been told of. `may_leave`: members outside leave by themselves. `as_list`: what leaves is always written in
the list's name. `max_size`, `max_hourly`: octets of a message, and messages of an hour; 0: no bound of its own.
`archive`: who reads what it sent on (`mailserver.model.identity.Archive`). `digest`: who has not
chosen gets a message a day. `archive_opened`: when its archive was opened to more people, and `archive_older`: how many
messages of before were with it; 0: it was not. `archive_tell`: with which account telling its authors of that goes on;
0: nobody is to be told. `archive_told`: when telling last began."""
Index("ix_mailing_list_ends", mailing_list.c.ends)
Index("ix_mailing_list_archive_tell", mailing_list.c.archive_tell)

list_member = Table(
    "list_member",
    metadata,
    Column("list", Key, ForeignKey("mailing_list.address"), primary_key=True),
    Column("member", Key, primary_key=True),
    Column("rights", Text, nullable=False, server_default=""),
    sqlite_with_rowid=False,
)
"""Members are addresses: of people, of other lists, or outside. `rights`: of a functional box's members."""
Index("ix_list_member_member", list_member.c.member)

list_owner = Table(
    "list_owner",
    metadata,
    Column("list", Key, ForeignKey("mailing_list.address"), primary_key=True),
    Column("owner", Key, primary_key=True),
    sqlite_with_rowid=False,
)
"""Further owners, by address: they moderate and edit beside `mailing_list.owner`."""

list_writer = Table(
    "list_writer",
    metadata,
    Column("list", Key, ForeignKey("mailing_list.address"), primary_key=True),
    Column("writer", Key, primary_key=True),
    sqlite_with_rowid=False,
)
"""Addresses that may write whatever `mailing_list.writers` says."""

outside_member = Table(
    "outside_member",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("list", Key, nullable=False),
    Column("member", Key, nullable=False),
    Column("hard", Integer, nullable=False, server_default="0"),
    Column("hard_since", BigInteger, nullable=False, server_default="0"),
    Column("soft", Integer, nullable=False, server_default="0"),
    Column("soft_since", BigInteger, nullable=False, server_default="0"),
    Column("bounced", BigInteger, nullable=False, server_default="0"),
    Column("status", String(16), nullable=False, server_default=""),
    Column("said", Text, nullable=False, server_default=""),
    Column("ended", BigInteger, nullable=False, server_default="0"),
    Column("reason", String(8), nullable=False, server_default=""),
    Column("told", SmallInteger, nullable=False, server_default="0"),
    Column("digest", SmallInteger, nullable=False, server_default="-1"),
    UniqueConstraint("list", "member"),
    sqlite_autoincrement=True,
)
"""Somebody outside who was sent something by a list. `hard`, `soft`: messages that came back for good and for now, the
first of them at `hard_since` and `soft_since`; the last of any at `bounced`, with what was said. `ended`: since when
nothing is sent any more, and `reason` (`store.people.mailing_lists.outside_members.Reason`); 0: it is. `told`: the
owners know. `digest`: they get a message a day (1), or each (0); -1: as the list has it."""
Index("ix_outside_member_ended", outside_member.c.ended)

list_post = Table(
    "list_post",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("list", Key, nullable=False),
    Column("posted", BigInteger, nullable=False),
    Column("name", String(32), nullable=False),
    Column("account_id", BigInteger, nullable=False, server_default="0"),
    Column("author", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("people", Integer, nullable=False),
    Column("outside", Integer, nullable=False),
    Column("ended", Integer, nullable=False, server_default="0"),
    Column("may_leave", SmallInteger, nullable=False, server_default="0"),
    sqlite_autoincrement=True,
)
"""A message that a list has sent on. `account_id`: who wrote it; 0: somebody outside. `people`: how many here got it.
`outside`: to how many addresses elsewhere it was queued. `ended`: how many are sent nothing any more. `may_leave`:
members outside could leave when it was sent."""
Index("ix_list_post_list", list_post.c.list, list_post.c.posted)
Index("ix_list_post_posted", list_post.c.posted)
Index("ix_list_post_account_id", list_post.c.account_id)

list_delivery = Table(
    "list_delivery",
    metadata,
    Column("post_id", BigInteger, ForeignKey("list_post.id"), primary_key=True, autoincrement=False),
    Column("member_id", BigInteger, ForeignKey("outside_member.id"), primary_key=True, autoincrement=False),
    Column("outcome", SmallInteger, nullable=False, server_default="0"),
    Column("changed", BigInteger, nullable=False, server_default="0"),
    Column("status", String(16), nullable=False, server_default=""),
    Column("said", Text, nullable=False, server_default=""),
    sqlite_with_rowid=False,
)
"""What became of a list's message for a member outside (`mailserver.store.queue.list_posts.Fate`)."""
Index("ix_list_delivery_member_id", list_delivery.c.member_id)

archived_post = Table(
    "archived_post",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("list", Key, nullable=False),
    Column("name", String(32), nullable=False),
    Column("content_id", BigInteger, ForeignKey("content.id"), nullable=False),
    Column("internal_date", BigInteger, nullable=False),
    Column("thread", BigInteger, nullable=False, server_default="0"),
    Column("account_id", BigInteger, nullable=False, server_default="0"),
    Column("door", SmallInteger, nullable=False, server_default="0"),
    Column("door_account", BigInteger, nullable=False, server_default="0"),
    Column("through_list", SmallInteger, nullable=False, server_default="0"),
    Column("authentication", SmallInteger, nullable=False, server_default="0"),
    Column("withdrawal_id", BigInteger, nullable=False, server_default="0"),
    Column("readers", String(8), nullable=False, server_default="owners"),
    Column("outside", SmallInteger, nullable=False, server_default="0"),
    UniqueConstraint("list", "name"),
    sqlite_autoincrement=True,
)
"""What a list with an archive has sent on, by the content that its members got. `list`: whose; empty: nobody's any
more, it is about to go. `name`: in the address that the message has as its own (RFC 5064). `internal_date`: when it
was sent on. `account_id`: who wrote it; 0: somebody outside. The columns of where it came from are those of `message`.
`withdrawal_id`: the act that took it back; it is kept for an undoing and shown to nobody. `readers`: whom the archive
was for when it was sent on, or has been opened to since (`mailserver.model.identity.Archive`). `outside`: it went
outside then, or came from there; else members outside, who came later, are not shown it."""
Index("ix_archived_post_list", archived_post.c.list, archived_post.c.internal_date)
Index("ix_archived_post_content_id", archived_post.c.content_id)
Index("ix_archived_post_internal_date", archived_post.c.internal_date)
Index("ix_archived_post_account_id", archived_post.c.account_id)
Index("ix_archived_post_withdrawal_id", archived_post.c.withdrawal_id)

list_choice = Table(
    "list_choice",
    metadata,
    Column("list", Key, primary_key=True),
    Column("account_id", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", SmallInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""What a member here has chosen: a message a day (1), or each (0)."""
Index("ix_list_choice_account_id", list_choice.c.account_id)

digest_post = Table(
    "digest_post",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("list", Key, nullable=False),
    Column("name", String(32), nullable=False),
    Column("content_id", BigInteger, ForeignKey("content.id"), nullable=False),
    Column("account_id", BigInteger, nullable=False, server_default="0"),
    Column("posted", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("accounts", LargeBinary, nullable=False),
    Column("outside", Text, nullable=False, server_default="[]"),
    Column("door", SmallInteger, nullable=False, server_default="0"),
    Column("door_account", BigInteger, nullable=False, server_default="0"),
    Column("authentication", SmallInteger, nullable=False, server_default="0"),
    UniqueConstraint("list", "name"),
    sqlite_autoincrement=True,
)
"""A list's message that waits for the digest of the day. `name`: the same however often it is tried; `account_id`: who
wrote it. `due`: when the digest is made. `accounts`: who here is to get it, as 64-bit numbers; `outside`: JSON,
addresses elsewhere. The columns of where it came from are those of `message`."""
Index("ix_digest_post_due", digest_post.c.due)
Index("ix_digest_post_content_id", digest_post.c.content_id)
Index("ix_digest_post_account_id", digest_post.c.account_id)

digest_lease = Table(
    "digest_lease",
    metadata,
    Column("list", Key, primary_key=True),
    Column("worker", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Who makes a list's digest just now, and for how long others leave it alone."""

digest_unit = Table(
    "digest_unit",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("list", Key, nullable=False),
    Column("posts", LargeBinary, nullable=False),
    Column("accounts", LargeBinary, nullable=False),
    Column("outside", Text, nullable=False, server_default="[]"),
    sqlite_autoincrement=True,
)
"""Some who have a digest of a list that is being made, written in the unit that delivers it: `posts` (numbers of
`digest_post`) wait for `accounts` and `outside` no more. It goes with the last of its posts."""
Index("ix_digest_unit_list", digest_unit.c.list)

held_message = Table(
    "held_message",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("list", Key, ForeignKey("mailing_list.address"), nullable=False),
    Column("content_id", BigInteger, ForeignKey("content.id"), nullable=False),
    Column("reverse_path", Text, nullable=False),
    Column("account_id", BigInteger, nullable=False, server_default="0"),
    Column("population", String(12), nullable=False),
    Column("held", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("door", SmallInteger, nullable=False, server_default="0"),
    Column("authentication", SmallInteger, nullable=False, server_default="0"),
    Column("name", String(32), nullable=False, server_default=""),
    Column("require_tls", SmallInteger, nullable=False, server_default="0"),
    Column("results", Text, nullable=False, server_default=""),
    Column("cleared", SmallInteger, nullable=False, server_default="0"),
    sqlite_autoincrement=True,
)
"""Messages to a list that wait for one of its owners. `account_id`: who sent it; 0: from outside. `door` and
`authentication`: which took it, and what was found out about it (`mailserver.model.messages.provenance`); `results`:
the same in words, for a seal. `name`: the identifier told to whoever handed it over.
`cleared`: its author lets go what it gives away to people outside."""
Index("ix_held_message_list", held_message.c.list)
Index("ix_held_message_content_id", held_message.c.content_id)
Index("ix_held_message_expires", held_message.c.expires)

held_key = Table(
    "held_key",
    metadata,
    Column("token", LargeBinary(32), primary_key=True),
    Column("held_id", BigInteger, ForeignKey("held_message.id"), nullable=False),
    Column("owner_account", BigInteger, nullable=False, server_default="0"),
    Column("owner", Text, nullable=False, server_default=""),
    sqlite_with_rowid=False,
)
"""The link of each owner who was told of a message that waits. `token`: the HMAC of what it carries. `owner_account`:
whose it is (a person's or a functional box's), 0: `owner`, an address elsewhere."""
Index("ix_held_key_held_id", held_key.c.held_id)

personal_list = Table(
    "personal_list",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("account_id", BigInteger, ForeignKey("account.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("key", Key, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("modified", BigInteger, nullable=False),
    UniqueConstraint("account_id", "key"),
    sqlite_autoincrement=True,
)
"""A person's own distribution lists. `key` is what stands behind the `+` of the address they write to."""

personal_list_member = Table(
    "personal_list_member",
    metadata,
    Column("list_id", BigInteger, ForeignKey("personal_list.id"), primary_key=True),
    Column("member", Key, primary_key=True),
    sqlite_with_rowid=False,
)
