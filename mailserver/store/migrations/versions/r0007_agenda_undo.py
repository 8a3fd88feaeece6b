"""What a change of an agenda in the browser replaced, so that it can be taken back."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agenda_undo",
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("steps", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_agenda_undo_account_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_agenda_undo")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("agenda_undo", schema=None) as batch_op:
        batch_op.create_index("ix_agenda_undo_account_id_expires", ["account_id", "expires"], unique=False)
