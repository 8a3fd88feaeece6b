"""Digests of lists."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0089"
down_revision = "0088"
branch_labels = None
depends_on = None
KIND = "expand"

KEY = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("mailing_list", sa.Column("digest", sa.SmallInteger(), nullable=False, server_default="0"))
    op.add_column("outside_member", sa.Column("digest", sa.SmallInteger(), nullable=False, server_default="-1"))
    op.create_table(
        "list_choice",
        sa.Column("list", KEY, primary_key=True),
        sa.Column("account_id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("digest", sa.SmallInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_list_choice_account_id", "list_choice", ["account_id"])
    op.create_table(
        "digest_post",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("list", KEY, nullable=False),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("content_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False, server_default="0"),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("posted", "due")),
        sa.Column("accounts", sa.LargeBinary(), nullable=False),
        sa.Column("outside", sa.Text(), nullable=False, server_default="[]"),
        sa.ForeignKeyConstraint(["content_id"], ["content.id"], name="fk_digest_post_content_id"),
        sa.UniqueConstraint("list", "name", name="uq_digest_post_list_name"),
        sqlite_autoincrement=True,
    )
    for column in ("due", "content_id", "account_id"):
        op.create_index(f"ix_digest_post_{column}", "digest_post", [column])
    op.create_table(
        "digest_lease",
        sa.Column("list", KEY, primary_key=True),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("worker", "until")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    for table in ("digest_lease", "digest_post", "list_choice"):
        op.drop_table(table)
    op.drop_column("outside_member", "digest")
    op.drop_column("mailing_list", "digest")
