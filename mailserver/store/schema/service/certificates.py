"""The certificate that was obtained by ACME, who is at it, and what an authority is answered meanwhile."""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, SmallInteger, String, Table, Text

from mailserver.store.schema.base import metadata

acme_certificate = Table(
    "acme_certificate",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False, server_default="0"),
    Column("chain", Text, nullable=False, server_default=""),
    Column("key", LargeBinary, nullable=True),
    Column("next_key", LargeBinary, nullable=True),
    Column("renew", BigInteger, nullable=False, server_default="0"),
    Column("asked", BigInteger, nullable=False, server_default="0"),
    Column("due", BigInteger, nullable=False, server_default="0"),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("failed", BigInteger, nullable=False, server_default="0"),
    Column("fault", String(20), nullable=False, server_default=""),
    Column("detail", Text, nullable=False, server_default=""),
    Column("told", BigInteger, nullable=False, server_default="0"),
    Column("lease", BigInteger, nullable=False, server_default="0"),
    Column("until", BigInteger, nullable=False, server_default="0"),
)
"""One row, number 1. `number` counts certificates, 0: none was obtained; `chain` is PEM; `key` and `next_key` are PEM,
sealed under a key outside the database. `renew`: when its time has come; `asked`: when the authority was last asked
for that time; `due`: no attempt before; `failures` since the last success, the last at `failed` with `fault`
(`certificates.faults`) and `detail`; `told`: when administrators were last told that the end is near. `lease` counts
those who were at it, the last one until `until`: a result is kept of that one alone."""

acme_challenge = Table(
    "acme_challenge",
    metadata,
    Column("token", String(128), primary_key=True),
    Column("answer", Text, nullable=False),
    Column("expires", BigInteger, nullable=False),
)
"""What the web answers to whoever asks for a token (http-01, RFC 8555 section 8.3)."""
