"""Models are kept formatted, too; those that are there are plain."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("web_model", sa.Column("html", sa.Text(), nullable=False, server_default=""))
