"""Domains whose servers take mail over TLS are remembered."""

import sqlalchemy as sa
from alembic import op

revision = "0070"
down_revision = "0069"
branch_labels = None
depends_on = None
KIND = "expand"
KEY = sa.Text().with_variant(sa.dialects.postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "tls_memory",
        sa.Column("domain", KEY, primary_key=True),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("days", "last", "lost")),
    )
    op.create_index("ix_tls_memory_last", "tls_memory", ["last"])


def downgrade() -> None:
    op.drop_table("tls_memory")
