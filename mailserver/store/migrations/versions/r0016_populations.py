"""Of which population people of an external directory are: what the rules between populations need of owners."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("account", sa.Column("population", sa.String(length=8), nullable=False, server_default=""))
