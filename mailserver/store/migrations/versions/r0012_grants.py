"""Agendas and address books that are shared with others."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "collection_grant",
        sa.Column("collection_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("role", sa.String(length=8), nullable=False),
        sa.Column("colour", sa.String(length=16), server_default="", nullable=False),
        sa.Column("granted", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_collection_grant_account_id")),
        sa.ForeignKeyConstraint(["collection_id"], ["collection.id"], name=op.f("fk_collection_grant_collection_id")),
        sa.PrimaryKeyConstraint("collection_id", "account_id", name=op.f("pk_collection_grant")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_collection_grant_account_id", "collection_grant", ["account_id"], unique=False)
