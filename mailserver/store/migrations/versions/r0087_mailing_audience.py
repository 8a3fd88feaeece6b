"""Who a mailing was handed in for, and who let it pass."""

import sqlalchemy as sa
from alembic import op

revision = "0087"
down_revision = "0086"
branch_labels = None
depends_on = None
KIND = "expand"


def upgrade() -> None:
    op.add_column("mailing", sa.Column("audience", sa.LargeBinary()))
    op.add_column("mailing", sa.Column("approver", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("mailing", "approver")
    op.drop_column("mailing", "audience")
