"""What each peer brought to the exchange lately, counted by all workers; senders who were asked to come again."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "peer_count",
        sa.Column("peer", KEY, nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        *(
            sa.Column(name, sa.Integer(), nullable=False)
            for name in ("connections", "messages", "recipients", "unknown", "proven")
        ),
        sa.PrimaryKeyConstraint("peer", "seconds", "start", name="pk_peer_count"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_peer_count_start", "peer_count", ["start"])
    op.create_table(
        "greylisted",
        sa.Column("key", sa.LargeBinary(32), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("passed", sa.SmallInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_greylisted"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_greylisted_expires", "greylisted", ["expires"])
