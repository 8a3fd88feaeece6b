"""From where and with what people log in, and what of it they have to be told."""

import sqlalchemy as sa
from alembic import op

revision = "0061"
down_revision = "0060"
branch_labels = None
depends_on = None
KIND = "expand"


def upgrade() -> None:
    op.create_table(
        "login_place",
        sa.Column("account_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False, autoincrement=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_login_place_account_id"),
        sa.PrimaryKeyConstraint("account_id", "kind", "name", name="pk_login_place"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_login_place_name", "login_place", ["kind", "name", "account_id"])
    op.create_table(
        "unusual_login",
        sa.Column("account_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("peer", sa.String(64), nullable=False),
        sa.Column("program", sa.String(64), nullable=False),
        sa.Column("signs", sa.SmallInteger(), nullable=False),
        sa.Column("told", sa.SmallInteger(), nullable=False, server_default="0"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_unusual_login_account_id"),
        sa.PrimaryKeyConstraint("account_id", name="pk_unusual_login"),
    )
    untold = sa.text("told = 0")
    op.create_index("ix_unusual_login_told", "unusual_login", ["told"], sqlite_where=untold, postgresql_where=untold)


def downgrade() -> None:
    op.drop_table("unusual_login")
    op.drop_table("login_place")
