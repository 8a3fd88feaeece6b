"""Which message of a list a copy of a mailing is, where its members outside get it some at a time.

Programs of before would send such a copy to all of them under one return path. It
is of 0.7, beside which no 0.6 goes on.
"""

import sqlalchemy as sa
from alembic import op

revision = "0094"
down_revision = "0093"
branch_labels = None
depends_on = None
KIND = "expand"


def upgrade() -> None:
    op.add_column("mailing_copy", sa.Column("post_id", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("mailing_copy", "post_id")
