"""Archives of lists."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0088"
down_revision = "0087"
branch_labels = None
depends_on = None
KIND = "expand"

KEY = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def _number(name: str, kind: "type[sa.BigInteger | sa.SmallInteger]" = sa.BigInteger) -> "sa.Column[int]":
    return sa.Column(name, kind(), nullable=False, server_default="0")


def upgrade() -> None:
    op.add_column("mailing_list", sa.Column("archive", sa.String(8), nullable=False, server_default="none"))
    op.create_table(
        "archived_post",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("list", KEY, nullable=False),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("content_id", sa.BigInteger(), nullable=False),
        sa.Column("internal_date", sa.BigInteger(), nullable=False),
        *(_number("thread"), _number("account_id"), _number("door", sa.SmallInteger), _number("door_account")),
        *(_number("through_list", sa.SmallInteger), _number("authentication", sa.SmallInteger)),
        _number("withdrawal_id"),
        sa.ForeignKeyConstraint(["content_id"], ["content.id"], name="fk_archived_post_content_id"),
        sa.UniqueConstraint("list", "name", name="uq_archived_post_list_name"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_archived_post_list", "archived_post", ["list", "internal_date"])
    for column in ("content_id", "internal_date", "account_id", "withdrawal_id"):
        op.create_index(f"ix_archived_post_{column}", "archived_post", [column])


def downgrade() -> None:
    op.drop_table("archived_post")
    op.drop_column("mailing_list", "archive")
