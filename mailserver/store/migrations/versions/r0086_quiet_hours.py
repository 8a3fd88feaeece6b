"""Quiet hours that schools decide, and letters that are told of in spite of them."""

import sqlalchemy as sa
from alembic import op

revision = "0086"
down_revision = "0085"
branch_labels = None
depends_on = None
KIND = "expand"


def upgrade() -> None:
    op.create_table(
        "school_quiet_hours",
        sa.Column("uai", sa.String(8), sa.ForeignKey("school.uai"), primary_key=True),
        *(sa.Column(name, sa.SmallInteger(), nullable=False) for name in ("begins", "ends", "weekends", "holidays")),
    )
    op.create_table(
        "urgent_letter",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("content_id", sa.BigInteger(), nullable=False, unique=True),
        sa.Column("account_id", sa.BigInteger(), sa.ForeignKey("account.id"), nullable=False),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_urgent_letter_account_id", "urgent_letter", ["account_id", "at"])
    op.create_index("ix_urgent_letter_at", "urgent_letter", ["at"])


def downgrade() -> None:
    op.drop_table("urgent_letter")
    op.drop_table("school_quiet_hours")
