"""Junk mail: what people teach, what was learned, why messages stand in Spam."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_KEY = ("account_id", "content_id")


def _key() -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False, autoincrement=False) for name in _KEY]


def upgrade() -> None:
    op.create_table(
        "junk_lesson",
        *_key(),
        sa.Column("wanted", sa.SmallInteger(), nullable=False),
        sa.Column("taught", sa.SmallInteger(), nullable=False, server_default="0"),
        sa.Column("public", sa.SmallInteger(), nullable=False, server_default="0"),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(*_KEY, name="pk_junk_lesson"),
    )
    due = sa.text("wanted != taught")
    op.create_index("ix_junk_lesson_at", "junk_lesson", ["at"], sqlite_where=due, postgresql_where=due)
    op.create_index("ix_junk_lesson_content_id", "junk_lesson", ["content_id"])
    op.create_table(
        "junk_model",
        sa.Column("account_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("spam", sa.BigInteger(), nullable=False),
        sa.Column("ham", sa.BigInteger(), nullable=False),
        sa.Column("counts", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_junk_model"),
    )
    op.create_table(
        "junk_verdict",
        *_key(),
        sa.Column("source", sa.SmallInteger(), nullable=False),
        sa.Column("score", sa.BigInteger(), nullable=False),
        sa.Column("threshold", sa.BigInteger(), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(*_KEY, name="pk_junk_verdict"),
    )
    op.create_index("ix_junk_verdict_content_id", "junk_verdict", ["content_id"])
