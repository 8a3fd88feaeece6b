"""What makes the sender of a message look like somebody else; of those that are there nobody looked."""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A constant default is kept in the schema, so that neither engine writes a row again however many there are.
    op.add_column("message", sa.Column("impersonation", sa.SmallInteger(), nullable=False, server_default="0"))
