"""Messages that were put off, conversations that are muted."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "snoozed",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("place_id", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.Column("origin_id", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_snoozed_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snoozed")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_snoozed_account_id", "snoozed", ["account_id"], unique=False)
    op.create_index("ix_snoozed_until", "snoozed", ["until"], unique=False)
    op.create_table(
        "muted",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("thread", sa.String(length=80), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_muted_account_id")),
        sa.PrimaryKeyConstraint("account_id", "thread", name=op.f("pk_muted")),
    )
    op.create_table(
        "mute_watch",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("mailbox_id", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_mute_watch_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_mute_watch")),
    )
