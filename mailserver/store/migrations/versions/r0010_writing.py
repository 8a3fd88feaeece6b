"""What the web keeps for people who write: letters that wait, signatures, models."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def _number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "web_outbox",
        sa.Column("id", _number(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("letter", sa.LargeBinary(length=32), nullable=False),
        sa.Column("content_id", sa.BigInteger(), nullable=False),
        sa.Column("draft_id", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("taken", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("planned", sa.SmallInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_web_outbox_account_id")),
        sa.ForeignKeyConstraint(["content_id"], ["content.id"], name=op.f("fk_web_outbox_content_id")),
        sa.ForeignKeyConstraint(["draft_id"], ["content.id"], name=op.f("fk_web_outbox_draft_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_web_outbox")),
        sa.UniqueConstraint("letter", name=op.f("uq_web_outbox_letter")),
        sqlite_autoincrement=True,
    )
    for column in ("account_id", "content_id", "draft_id", "due"):
        op.create_index(f"ix_web_outbox_{column}", "web_outbox", [column], unique=False)
    op.create_table(
        "web_signature",
        sa.Column("id", _number(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("purpose", sa.String(length=8), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_web_signature_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_web_signature")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_web_signature_account_id", "web_signature", ["account_id"], unique=False)
    op.create_table(
        "web_model",
        sa.Column("id", _number(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_web_model_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_web_model")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_web_model_account_id", "web_model", ["account_id"], unique=False)
