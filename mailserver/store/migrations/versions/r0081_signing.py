"""Keys that sign mail which leaves, and what the relay signs."""

import sqlalchemy as sa
from alembic import op

revision = "0081"
down_revision = "0079"
branch_labels = None
depends_on = None
KIND = "expand"


def upgrade() -> None:
    op.create_table(
        "dkim_key",
        sa.Column("selector", sa.String(63), primary_key=True),
        sa.Column("algorithm", sa.String(16), nullable=False),
        sa.Column("public", sa.Text(), nullable=False),
        sa.Column("private", sa.LargeBinary(), nullable=True),
        sa.Column("created", sa.BigInteger(), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)
            for name in ("seen", "wait", "signs", "retired")
        ),
        sa.Column("revoked", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("removed", sa.BigInteger(), server_default="0", nullable=False),
    )
    # What waits was signed when it was queued: 0 is nothing.
    op.add_column("queued", sa.Column("signing", sa.SmallInteger(), server_default="0", nullable=False))
    op.add_column("queued", sa.Column("results", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("queued", "results")
    op.drop_column("queued", "signing")
    op.drop_table("dkim_key")
