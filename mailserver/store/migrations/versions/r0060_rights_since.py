"""Since when a right on a mailbox lets somebody read: what was removed before is not theirs to bring back."""

import time

import sqlalchemy as sa
from alembic import op

revision = "0060"
down_revision = "0059"
branch_labels = None
depends_on = None
KIND = "expand"
REWRITES = ("mailbox_right",)


def upgrade() -> None:
    op.add_column("mailbox_right", sa.Column("since", sa.BigInteger(), nullable=False, server_default="0"))
    op.execute(sa.text("UPDATE mailbox_right SET since = :now").bindparams(now=int(time.time())))


def downgrade() -> None:
    op.drop_column("mailbox_right", "since")
