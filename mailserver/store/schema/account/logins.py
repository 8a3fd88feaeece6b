"""From where and with what people log in, and what of it they have to be told."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, SmallInteger, String, Table

from mailserver.store.schema.base import metadata

login_place = Table(
    "login_place",
    metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True, autoincrement=False),
    Column("kind", SmallInteger, primary_key=True, autoincrement=False),
    Column("name", String(64), primary_key=True),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Networks, their blocks, and kinds of programs that an account logged in from (`store.account.login_places`)."""
Index("ix_login_place_name", login_place.c.kind, login_place.c.name, login_place.c.account_id)

unusual_login = Table(
    "unusual_login",
    metadata,
    Column("account_id", BigInteger, ForeignKey("account.id"), primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("peer", String(64), nullable=False),
    Column("program", String(64), nullable=False),
    Column("signs", SmallInteger, nullable=False),
    Column("told", SmallInteger, nullable=False, server_default="0"),
)
"""The last login of an account that its owner is told of; `signs`: why
(`mailserver.model.account.login_places.Sign`)."""
Index(
    "ix_unusual_login_told",
    unusual_login.c.told,
    sqlite_where=unusual_login.c.told == 0,
    postgresql_where=unusual_login.c.told == 0,
)
