"""What our door found out about messages that wait for somebody, in words: for the seal of what is passed on (ARC)."""

import sqlalchemy as sa
from alembic import op

revision = "0093"
down_revision = "0092"
branch_labels = None
depends_on = None
KIND = "expand"

TABLES = ("held_message", "infected", "mailing")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("results", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_column(table, "results")
