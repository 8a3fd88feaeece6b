"""Header fields that lists of messages show are kept apart; of what is stored already the header tells."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("content", schema=None) as batch_op:
        batch_op.add_column(sa.Column("listed_fields", sa.LargeBinary(), nullable=True))
