"""What others did in a mailbox is a code and its parameters.

Rows that are there stay as they are: their text is read as it was written.
"""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("mailbox_act", sa.Column("code", sa.String(40), nullable=False, server_default=""))
    op.add_column("mailbox_act", sa.Column("parameters", sa.Text(), nullable=False, server_default=""))
