"""Folders that keep their messages for some days only."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "retention",
        sa.Column("mailbox_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("looked", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_retention_account_id")),
        sa.ForeignKeyConstraint(["mailbox_id"], ["mailbox.id"], name=op.f("fk_retention_mailbox_id")),
        sa.PrimaryKeyConstraint("mailbox_id", name=op.f("pk_retention")),
    )
    op.create_index("ix_retention_account_id", "retention", ["account_id"], unique=False)
    op.create_index("ix_retention_looked", "retention", ["looked"], unique=False)
