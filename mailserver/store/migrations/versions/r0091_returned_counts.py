"""Reports that go on to whoever wrote what was passed on are counted over all workers."""

import sqlalchemy as sa
from alembic import op

revision = "0091"
down_revision = "0090"
branch_labels = None
depends_on = None
KIND = "expand"


def upgrade() -> None:
    op.create_table(
        "returned_count",
        sa.Column("key", sa.LargeBinary(32), nullable=False),
        sa.Column("day", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", "day", name="pk_returned_count"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_returned_count_day", "returned_count", ["day"])


def downgrade() -> None:
    op.drop_table("returned_count")
