"""Keys that sign mail which leaves (DKIM, ARC), and the calendar that each goes through."""

from sqlalchemy import BigInteger, Column, LargeBinary, SmallInteger, String, Table, Text

from mailserver.store.schema.base import metadata

dkim_key = Table(
    "dkim_key",
    metadata,
    Column("selector", String(63), primary_key=True),
    Column("algorithm", String(16), nullable=False),
    Column("public", Text, nullable=False),
    Column("private", LargeBinary, nullable=True),
    Column("created", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False, server_default="0"),
    Column("wait", BigInteger, nullable=False, server_default="0"),
    Column("signs", BigInteger, nullable=False, server_default="0"),
    Column("retired", BigInteger, nullable=False, server_default="0"),
    Column("revoked", SmallInteger, nullable=False, server_default="0"),
    Column("removed", BigInteger, nullable=False, server_default="0"),
)
"""`public` as DNS has it; `private` is PEM, sealed under a key outside the database, and gone once the key is retired.
`created`: from when on it is to be published; `seen`: when it first was, under every domain; `wait`: seconds from then
until it signs; `signs`, `retired` and `removed`: since when it signs, signs no more, need not be published any more. 0:
not yet. `revoked`: it was retired because others may have it."""
