"""Which population may write to which, and the emergency brake."""

from sqlalchemy import BigInteger, Column, String, Table, Text

from mailserver.store.schema.base import metadata

population_rule = Table(
    "population_rule",
    metadata,
    Column("sender", String(12), primary_key=True),
    Column("recipient", String(12), primary_key=True),
    Column("verdict", String(8), nullable=False),
    sqlite_with_rowid=False,
)
"""Who may write to whom, by population; what has no row is allowed."""

population_brake = Table(
    "population_brake",
    metadata,
    Column("population", String(12), primary_key=True),
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False, server_default="0"),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
)
"""Populations that send nothing for the time being. `until` 0: until it is released."""
