"""What waits for a list's owners, for IT or as a mailing says whether its author lets go what it gives away to people
outside; messages that arrived to go over TLS alone are known once they lie in mailboxes."""

import sqlalchemy as sa
from alembic import op

revision = "0096"
down_revision = "0095"
branch_labels = None
depends_on = None
KIND = "expand"

TABLES = ("held_message", "held_submission", "mailing")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("cleared", sa.SmallInteger(), nullable=False, server_default="0"))
    op.create_table(
        "tls_content",
        sa.Column("content_id", sa.BigInteger(), sa.ForeignKey("content.id"), primary_key=True, autoincrement=False),
    )


def downgrade() -> None:
    op.drop_table("tls_content")
    for table in reversed(TABLES):
        op.drop_column(table, "cleared")
