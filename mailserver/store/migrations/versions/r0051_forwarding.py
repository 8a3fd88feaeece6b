"""Where scripts send mail on to, and addresses that are asked whether mail may be sent on to them."""

import sqlalchemy as sa
from alembic import op

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_NAME = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "filter_target",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("script_id", sa.BigInteger(), nullable=False),
        sa.Column("address", _NAME, nullable=False),
        sa.Column("told", sa.SmallInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_filter_target_account_id")),
        sa.ForeignKeyConstraint(["script_id"], ["filter_script.id"], name=op.f("fk_filter_target_script_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_filter_target")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_filter_target_script_id", "filter_target", ["script_id"], unique=False)
    op.create_index("ix_filter_target_account_id", "filter_target", ["account_id"], unique=False)
    op.create_index("ix_filter_target_told", "filter_target", ["told"], unique=False)
    op.create_table(
        "forwarding",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("agreed", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("address", _NAME, nullable=False),
        sa.Column("token", sa.LargeBinary(length=32), nullable=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_forwarding_account_id")),
        sa.PrimaryKeyConstraint("account_id", "agreed", name=op.f("pk_forwarding")),
        sqlite_with_rowid=False,
    )
    op.create_index("uq_forwarding_token", "forwarding", ["token"], unique=True)
    op.create_index("ix_forwarding_refused", "forwarding", ["refused"], unique=False)
