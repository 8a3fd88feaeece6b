"""The embedded directory's entries, and the claims on identifiers and addresses."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, SmallInteger, String, Table, Text
from sqlalchemy.dialects import postgresql

from mailserver.store.schema.base import metadata

Key = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
"""Text that compares by code point on both engines, so that a prefix is a range of the index."""

claim = Table(
    "claim",
    metadata,
    Column("name", Key, primary_key=True),
    Column("account_id", BigInteger, nullable=False),
    Column("live", SmallInteger, nullable=False),
    Column("since", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Every identifier (no at sign) and address ever issued, folded. Rows are never deleted: nothing is issued
twice. `live` 1: the name leads to the account today. `account_id` 0: a function's address (a list's), which
may be given again, to a function."""
Index("ix_claim_account_id", claim.c.account_id)

person = Table(
    "person",
    metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True, autoincrement=False),
    Column("given_name", Text, nullable=False),
    Column("surname", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("aliases", Text, nullable=False, server_default=""),
    Column("role", String(16), nullable=False),
    Column("uai", String(8), nullable=False, server_default=""),
    Column("discipline", Text, nullable=False, server_default=""),
    Column("hidden", SmallInteger, nullable=False, server_default="0"),
    Column("password", Text, nullable=False, server_default=""),
    Column("given_key", Key, nullable=False),
    Column("surname_key", Key, nullable=False),
    Column("name_key", Key, nullable=False),
    Column("discipline_key", Key, nullable=False, server_default=""),
    Column("created", BigInteger, nullable=False),
    Column("modified", BigInteger, nullable=False),
)
"""`address` is the primary one; `aliases` the other live claims, separated by spaces, so that one row
says everything. The `…_key` columns are folded for searching (`mailserver.folding.search_key`)."""
Index("ix_person_surname_key", person.c.surname_key)
Index("ix_person_given_key", person.c.given_key)
Index("ix_person_name_key", person.c.name_key)
Index("ix_person_uai", person.c.uai)
Index("ix_person_role", person.c.role)

school = Table(
    "school",
    metadata,
    Column("uai", String(8), primary_key=True),
    Column("name", Text, nullable=False, server_default=""),
    Column("name_key", Key, nullable=False, server_default=""),
    Column("created", BigInteger, nullable=False),
    Column("modified", BigInteger, nullable=False),
)

mailing_list = Table(
    "mailing_list",
    metadata,
    Column("address", Key, primary_key=True),
    Column("name", Text, nullable=False),
    Column("name_key", Key, nullable=False),
    Column("owner", Text, nullable=False, server_default=""),
    Column("created", BigInteger, nullable=False),
    Column("modified", BigInteger, nullable=False),
)

list_member = Table(
    "list_member",
    metadata,
    Column("list", Key, ForeignKey("mailing_list.address"), primary_key=True),
    Column("member", Key, primary_key=True),
    sqlite_with_rowid=False,
)
"""Members are addresses: of people, of other lists, or outside."""
Index("ix_list_member_member", list_member.c.member)
