"""Agendas that are filled from a web address."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("collection", sa.Column("source", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "agenda_feed",
        sa.Column("collection_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("refreshed", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("fault", sa.String(length=16), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_agenda_feed_account_id")),
        sa.ForeignKeyConstraint(["collection_id"], ["collection.id"], name=op.f("fk_agenda_feed_collection_id")),
        sa.PrimaryKeyConstraint("collection_id", name=op.f("pk_agenda_feed")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_agenda_feed_account_id", "agenda_feed", ["account_id"], unique=False)
    op.create_index("ix_agenda_feed_due", "agenda_feed", ["due"], unique=False)
