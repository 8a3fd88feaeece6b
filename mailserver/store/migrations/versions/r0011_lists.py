"""Lists: where answers go, and until when a list takes messages."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("mailing_list") as table:
        table.add_column(sa.Column("answers", sa.String(length=8), server_default="author", nullable=False))
        table.add_column(sa.Column("ends", sa.BigInteger(), server_default="0", nullable=False))
        table.add_column(sa.Column("told_of", sa.BigInteger(), server_default="0", nullable=False))
    op.create_index("ix_mailing_list_ends", "mailing_list", ["ends"], unique=False)
