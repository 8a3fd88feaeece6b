"""What keeps stored mail from being lost: whose database this is, when it was last looked after, what is damaged.

Each of the first three has one row, number 1.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, SmallInteger, String, Table, Text

from mailserver.store.schema.base import metadata

instance = Table(
    "instance",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("identifier", String(32), nullable=False),
    Column("made", BigInteger, nullable=False),
    Column("proof", String(64), nullable=False, server_default=""),
    Column("compatible_since", String(32), nullable=False, server_default=""),
    Column("upgraded_from", String(32), nullable=False, server_default=""),
    Column("upgraded_by", String(32), nullable=False, server_default=""),
)
"""`identifier` stands in the folder of large messages and in the settings folder too; `proof` is a keyed hash of it, by
which the secrets of a host are known (`store.upkeep.opening`).
`compatible_since`: programs that know this revision may serve the database, though they do not know its newest.
`upgraded_from`, `upgraded_by`: the revision before the last upgrade, and the version of the program that made it."""

host = Table(
    "host",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(255), nullable=False),
    Column("version", String(40), nullable=False),
    Column("schema", String(20), nullable=False),
    Column("started", BigInteger, nullable=False),
    Column("beat", BigInteger, nullable=False),
    Column("skew", BigInteger, nullable=False),
    Column("connections", BigInteger, nullable=False),
    Column("settings", Text, nullable=False),
)
"""Hosts that serve, or did (`store.upkeep.hosts`). Times are the database's, in seconds; `skew`: how far the host's
clock is before it, in milliseconds. `settings`: JSON, keyed hashes of what must agree."""

upkeep = Table(
    "upkeep",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("trusted", BigInteger, nullable=False),
    Column("suspect", BigInteger, nullable=False, server_default="0"),
    Column("waited", BigInteger, nullable=False, server_default="0"),
    Column("looked", BigInteger, nullable=False, server_default="0"),
)
"""`trusted`: the last time that was believed; `suspect`: the first of a clock that jumped, 0 for none; `waited`: the
seconds that were counted since by a clock that cannot be set; `looked`: when that was
(`store.record.trusted_clock`)."""

collection_guard = Table(
    "collection_guard",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("since", BigInteger, nullable=False),
    Column("taken", BigInteger, nullable=False, server_default="0"),
    Column("strays", BigInteger, nullable=False, server_default="0"),
    Column("contents", BigInteger, nullable=False, server_default="0"),
    Column("files", BigInteger, nullable=False, server_default="0"),
    Column("stopped", BigInteger, nullable=False, server_default="0"),
    Column("refused", BigInteger, nullable=False, server_default="0"),
    Column("kind", String(16), nullable=False, server_default=""),
    Column("allowed", BigInteger, nullable=False, server_default="0"),
)
"""`taken` contents and `strays` files were collected since `since`, when there were `contents` and `files`. `stopped`:
when `refused` more of `kind` would have been too many, 0 for never; until `allowed` an operator wants it all the same
(`store.mail.proportion`)."""

damage = Table(
    "damage",
    metadata,
    Column("content_id", BigInteger, ForeignKey("content.id"), primary_key=True, autoincrement=False),
    Column("found", BigInteger, nullable=False),
    Column("fault", Text, nullable=False),
)
"""Contents that `mailserver check --repair` found damaged or lost, and could not mend."""
