"""A message that is to leave later keeps its time while it waits for its author's yes."""

import sqlalchemy as sa
from alembic import op

revision = "0083"
down_revision = "0082"
branch_labels = None
depends_on = None
KIND = "expand"


def upgrade() -> None:
    op.add_column("unconfirmed_submission", sa.Column("due", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("unconfirmed_submission", "due")
