"""Filters of accounts: Sieve scripts with their versions, and what they remember."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_NAME = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "filter_script",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("active", sa.SmallInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_filter_script_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_filter_script")),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_filter_script_account_id_name", "filter_script", ["account_id", "name"], unique=True)
    op.create_index("ix_filter_script_active", "filter_script", ["active"], unique=False)
    op.create_table(
        "filter_version",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("script_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("octets", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_filter_version_account_id")),
        sa.ForeignKeyConstraint(["script_id"], ["filter_script.id"], name=op.f("fk_filter_version_script_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_filter_version")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_filter_version_script_id", "filter_version", ["script_id"], unique=False)
    op.create_index("ix_filter_version_account_id", "filter_version", ["account_id"], unique=False)
    op.create_table(
        "filter_memory",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_filter_memory_account_id")),
        sa.PrimaryKeyConstraint("account_id", "kind", "key", name=op.f("pk_filter_memory")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_filter_memory_expires", "filter_memory", ["expires"], unique=False)
