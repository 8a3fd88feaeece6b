"""Messages that were removed for good are kept for a while."""

import sqlalchemy as sa
from alembic import op

revision = "0055"
down_revision = "0054"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deletion",
        _identity(),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("mailbox_id", "at", "low", "high", "pending")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_deletion_mailbox_id", "deletion", ["mailbox_id"])
    waits = sa.text("pending > 0")
    op.create_index("ix_deletion_pending", "deletion", ["id"], sqlite_where=waits, postgresql_where=waits)
    op.create_table(
        "deleted_message",
        _identity(),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("deletion_id", "content_id", "flags", "internal_date", "size")
        ),
        sa.Column("door", sa.SmallInteger(), nullable=False),
        sa.Column("door_account", sa.BigInteger(), nullable=False),
        *(
            sa.Column(name, sa.SmallInteger(), nullable=False)
            for name in ("through_list", "authentication", "impersonation")
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "deleted_content",
        sa.Column("content_id", sa.BigInteger(), primary_key=True),
        sa.Column("message_id", sa.BigInteger(), primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "deleted_mailbox",
        sa.Column("mailbox_id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("keywords", sa.Text(), nullable=False),
    )
    op.create_index("ix_deleted_mailbox_account_id", "deleted_mailbox", ["account_id"])


def _identity() -> "sa.Column[int]":
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True)
