"""Certificates by ACME: the one that was obtained, and answers to challenges."""

import sqlalchemy as sa
from alembic import op

revision = "0056"
down_revision = "0055"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "acme_certificate",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        _number("number"),
        sa.Column("chain", sa.Text(), server_default="", nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=True),
        sa.Column("next_key", sa.LargeBinary(), nullable=True),
        *(_number(name) for name in ("renew", "asked", "due")),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        _number("failed"),
        sa.Column("fault", sa.String(length=20), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        *(_number(name) for name in ("told", "lease", "until")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_acme_certificate")),
    )
    op.create_table(
        "acme_challenge",
        sa.Column("token", sa.String(length=128), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_acme_challenge")),
    )


def _number(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)
