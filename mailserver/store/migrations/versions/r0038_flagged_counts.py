"""Mailboxes count their flagged messages, and people say whose messages they trust.

What is flagged already is counted once, some mailboxes at a time.
"""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

BATCH = 500
FLAGGED = 4


def upgrade() -> None:
    op.add_column("mailbox", sa.Column("flagged", sa.BigInteger(), nullable=False, server_default="0"))
    _count()
    op.create_table(
        "web_trusted_sender",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_web_trusted_sender_account_id")),
        sa.PrimaryKeyConstraint("account_id", "sender", name=op.f("pk_web_trusted_sender")),
        sqlite_with_rowid=False,
    )


def _count() -> None:
    mailbox = sa.table("mailbox", sa.column("id"), sa.column("flagged"))
    message = sa.table("message", sa.column("mailbox_id"), sa.column("flags"))
    connection = op.get_bind()
    last = 0
    while True:
        boxes = sa.select(mailbox.c.id).where(mailbox.c.id > last).order_by(mailbox.c.id).limit(BATCH)
        ids = list(connection.execute(boxes).scalars())
        if not ids:
            return
        rows = connection.execute(
            sa.select(message.c.mailbox_id, sa.func.count())
            .where(message.c.mailbox_id.between(ids[0], ids[-1]), message.c.flags.op("&")(FLAGGED) != 0)
            .group_by(message.c.mailbox_id)
        ).all()
        if rows:
            connection.execute(
                sa.update(mailbox).where(mailbox.c.id == sa.bindparam("box")).values(flagged=sa.bindparam("number")),
                [{"box": row[0], "number": row[1]} for row in rows],
            )
        last = ids[-1]
