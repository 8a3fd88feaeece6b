"""Reading in the web: conversations and senders found by index, and whose remote pictures people want shown."""

import sqlalchemy as sa
from alembic import op

from mailserver.model.messages.objectids import thread_number

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

BATCH = 1000


def upgrade() -> None:
    with op.batch_alter_table("content", schema=None) as batch_op:
        batch_op.add_column(sa.Column("thread", sa.BigInteger(), server_default="0", nullable=False))
    _number_conversations()
    with op.batch_alter_table("content", schema=None) as batch_op:
        batch_op.create_index("ix_content_thread", ["thread"], unique=False)
        batch_op.create_index("ix_content_sender_address", ["sender_address", "id"], unique=False)

    op.create_table(
        "web_picture_sender",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_web_picture_sender_account_id")),
        sa.PrimaryKeyConstraint("account_id", "sender", name=op.f("pk_web_picture_sender")),
        sqlite_with_rowid=False,
    )


def _number_conversations() -> None:
    """What is stored already gets its number, a batch at a time."""
    content = sa.table(
        "content", sa.column("id"), sa.column("thread"), *map(sa.column, ("refs", "in_reply_to", "message_id"))
    )
    connection = op.get_bind()
    last = 0
    while True:
        rows = connection.execute(
            sa.select(content.c.id, content.c.refs, content.c.in_reply_to, content.c.message_id)
            .where(content.c.id > last)
            .order_by(content.c.id)
            .limit(BATCH)
        ).all()
        if not rows:
            return
        connection.execute(
            sa.update(content).where(content.c.id == sa.bindparam("wanted")).values(thread=sa.bindparam("number")),
            [{"wanted": row[0], "number": thread_number(row[1] or row[2] or row[3])} for row in rows],
        )
        last = rows[-1][0]
