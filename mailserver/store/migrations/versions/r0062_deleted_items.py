"""Events, tasks and contacts that were deleted are kept for a while."""

import sqlalchemy as sa
from alembic import op

revision = "0062"
down_revision = "0061"
branch_labels = None
depends_on = None
KIND = "expand"


def upgrade() -> None:
    op.create_table(
        "deleted_item",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("account_id", "collection_id", "at")),
        sa.Column("href", sa.Text(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("etag", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("component", sa.String(16), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("starts", "ends")),
        sa.Column("octets", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_deleted_item_account_id_uid", "deleted_item", ["account_id", "uid"])
    op.create_index("ix_deleted_item_at", "deleted_item", ["at"])
    op.create_table(
        "deleted_collection",
        sa.Column("collection_id", sa.BigInteger(), primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("account_id", "at")),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("tag", sa.String(16), nullable=False),
        sa.Column("props", sa.Text(), nullable=False),
    )
    op.create_index("ix_deleted_collection_account_id", "deleted_collection", ["account_id"])
    op.create_index("ix_deleted_collection_at", "deleted_collection", ["at"])


def downgrade() -> None:
    op.drop_table("deleted_collection")
    op.drop_table("deleted_item")
