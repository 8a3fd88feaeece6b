"""Lists: members outside and what came back from them, what became of each message, limits of a list's own."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0067"
down_revision = "0064"
branch_labels = None
depends_on = None
KIND = "expand"

KEY = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def _count(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.Integer(), nullable=False, server_default="0")


def _moment(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger(), nullable=False, server_default="0")


def upgrade() -> None:
    op.add_column("mailing_list", sa.Column("may_leave", sa.SmallInteger(), nullable=False, server_default="1"))
    op.add_column("mailing_list", sa.Column("as_list", sa.SmallInteger(), nullable=False, server_default="0"))
    op.add_column("mailing_list", _count("max_size"))
    op.add_column("mailing_list", _count("max_hourly"))
    op.create_table(
        "outside_member",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("list", KEY, nullable=False),
        sa.Column("member", KEY, nullable=False),
        *(_count("hard"), _moment("hard_since"), _count("soft"), _moment("soft_since"), _moment("bounced")),
        sa.Column("status", sa.String(16), nullable=False, server_default=""),
        sa.Column("said", sa.Text(), nullable=False, server_default=""),
        _moment("ended"),
        sa.Column("reason", sa.String(8), nullable=False, server_default=""),
        sa.Column("told", sa.SmallInteger(), nullable=False, server_default="0"),
        sa.UniqueConstraint("list", "member", name="uq_outside_member_list_member"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outside_member_ended", "outside_member", ["ended"])
    op.create_table(
        "list_post",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("list", KEY, nullable=False),
        sa.Column("posted", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(32), nullable=False),
        _moment("account_id"),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("people", "outside")),
        _count("ended"),
        sa.Column("may_leave", sa.SmallInteger(), nullable=False, server_default="0"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_list_post_list", "list_post", ["list", "posted"])
    op.create_index("ix_list_post_posted", "list_post", ["posted"])
    op.create_index("ix_list_post_account_id", "list_post", ["account_id"])
    op.create_table(
        "list_delivery",
        sa.Column("post_id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("member_id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("outcome", sa.SmallInteger(), nullable=False, server_default="0"),
        _moment("changed"),
        sa.Column("status", sa.String(16), nullable=False, server_default=""),
        sa.Column("said", sa.Text(), nullable=False, server_default=""),
        sa.ForeignKeyConstraint(["post_id"], ["list_post.id"], name="fk_list_delivery_post_id"),
        sa.ForeignKeyConstraint(["member_id"], ["outside_member.id"], name="fk_list_delivery_member_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_list_delivery_member_id", "list_delivery", ["member_id"])


def downgrade() -> None:
    op.drop_table("list_delivery")
    op.drop_table("list_post")
    op.drop_table("outside_member")
    for name in ("max_hourly", "max_size", "as_list", "may_leave"):
        op.drop_column("mailing_list", name)
