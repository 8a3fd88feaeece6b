"""What was found out about who sent a message from outside; of those that are there nobody looked."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A constant default is kept in the schema, so that neither engine writes a row again however many there are.
    op.add_column("message", sa.Column("authentication", sa.SmallInteger(), nullable=False, server_default="0"))
    op.add_column("held_message", sa.Column("authentication", sa.SmallInteger(), nullable=False, server_default="0"))
