"""Posts of archives that stayed in the academy when they were sent on: members outside who came later see none."""

import sqlalchemy as sa
from alembic import op

revision = "0097"
down_revision = "0096"
branch_labels = None
depends_on = None
KIND = "expand"

OF_LISTS_WITH_MEMBERS_OUTSIDE = """
    UPDATE archived_post SET outside = 1
    WHERE account_id = 0 OR list IN (SELECT list FROM outside_member)
"""


def upgrade() -> None:
    op.add_column("archived_post", sa.Column("outside", sa.SmallInteger(), nullable=False, server_default="0"))
    op.execute(OF_LISTS_WITH_MEMBERS_OUTSIDE)


def downgrade() -> None:
    op.drop_column("archived_post", "outside")
