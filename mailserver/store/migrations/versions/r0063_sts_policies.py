"""MTA-STS policies of other domains are kept."""

import sqlalchemy as sa
from alembic import op

revision = "0063"
down_revision = "0062"
branch_labels = None
depends_on = None
KIND = "expand"
KEY = sa.Text().with_variant(sa.dialects.postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "sts_policy",
        sa.Column("domain", KEY, primary_key=True),
        sa.Column("record", sa.String(32), nullable=False),
        sa.Column("mode", sa.String(8), nullable=False),
        sa.Column("exchangers", sa.Text(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("max_age", "expires", "checked", "used")),
    )
    op.create_index("ix_sts_policy_checked", "sts_policy", ["checked"])
    op.create_index("ix_sts_policy_expires", "sts_policy", ["expires"])


def downgrade() -> None:
    op.drop_table("sts_policy")
