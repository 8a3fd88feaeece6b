"""Each owner of a list has a link of their own to what waits.

Links that were sent before were everybody's and name nobody: they open nothing any more. What waits stays, and is
decided about in the web or by `mailserver list approve | reject`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "held_key",
        sa.Column("token", sa.LargeBinary(length=32), nullable=False),
        sa.Column("held_id", sa.BigInteger(), nullable=False),
        sa.Column("owner_account", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("owner", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["held_id"], ["held_message.id"], name=op.f("fk_held_key_held_id")),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_held_key")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_held_key_held_id", "held_key", ["held_id"], unique=False)
    op.drop_index("ix_held_message_token", table_name="held_message")
    op.drop_column("held_message", "token")
