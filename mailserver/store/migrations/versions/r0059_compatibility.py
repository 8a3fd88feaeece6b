"""Which versions may serve a database, and which schema it had before it was upgraded last."""

import sqlalchemy as sa
from alembic import op

revision = "0059"
down_revision = "0058"
branch_labels = None
depends_on = None
KIND = "expand"

COLUMNS = ("compatible_since", "upgraded_from", "upgraded_by")


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column("instance", sa.Column(name, sa.String(32), nullable=False, server_default=""))


def downgrade() -> None:
    for name in COLUMNS:
        op.drop_column("instance", name)
