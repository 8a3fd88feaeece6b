"""Where a message came from is kept beside it. Of what is there already nobody knows: it shows no badge."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A constant default is kept in the schema, so that neither engine writes a row again however many there are.
    op.add_column("message", sa.Column("door", sa.SmallInteger(), nullable=False, server_default="0"))
    op.add_column("message", sa.Column("door_account", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("message", sa.Column("through_list", sa.SmallInteger(), nullable=False, server_default="0"))
    op.add_column("held_message", sa.Column("door", sa.SmallInteger(), nullable=False, server_default="0"))
