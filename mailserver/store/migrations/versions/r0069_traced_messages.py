"""Messages are traced by their names and Message-IDs; what waits for a list's owners keeps its name."""

import sqlalchemy as sa
from alembic import op

revision = "0069"
down_revision = "0067"
branch_labels = None
depends_on = None
KIND = "expand"


def upgrade() -> None:
    op.add_column("message_trace", sa.Column("message_key", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index("ix_message_trace_name", "message_trace", ["name"])
    keyed = sa.text("message_key <> 0")
    op.create_index(
        "ix_message_trace_message_key", "message_trace", ["message_key"], sqlite_where=keyed, postgresql_where=keyed
    )
    op.create_index("ix_queued_name", "queued", ["name"])
    op.add_column("held_message", sa.Column("name", sa.String(32), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("held_message", "name")
    op.drop_index("ix_queued_name", "queued")
    op.drop_index("ix_message_trace_message_key", "message_trace")
    op.drop_index("ix_message_trace_name", "message_trace")
    op.drop_column("message_trace", "message_key")
