"""The one MetaData, the naming rule that keeps constraint names the same on both engines, and a shared type."""

from sqlalchemy import MetaData, Text
from sqlalchemy.dialects import postgresql

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Key = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
"""Text that compares by code point on both engines, so that a prefix is a range of the index."""
