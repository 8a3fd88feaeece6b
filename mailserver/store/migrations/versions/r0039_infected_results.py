"""What was found out about who sent a message stays known while it is held for a virus."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("infected", sa.Column("authentication", sa.SmallInteger(), nullable=False, server_default="0"))
