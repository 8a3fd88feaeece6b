"""How much each account sends, and what of it waits for IT."""

import sqlalchemy as sa
from alembic import op

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _table(
        "sent_count",
        _number("account_id"),
        _number("minute"),
        sa.Column("recipients", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        keys=("account_id", "minute"),
    )
    op.create_index("ix_sent_count_minute", "sent_count", ["minute"])
    _table(
        "outside_recipient",
        _number("account_id"),
        sa.Column("key", sa.LargeBinary(16), nullable=False),
        _number("first"),
        _number("last"),
        keys=("account_id", "key"),
    )
    op.create_index("ix_outside_recipient_first", "outside_recipient", ["account_id", "first"])
    op.create_index("ix_outside_recipient_last", "outside_recipient", ["last"])
    _table(
        "sending_allowance",
        _number("account_id"),
        sa.Column("factor", sa.Integer(), nullable=False),
        _number("until"),
        keys=("account_id",),
    )
    _held()


def _held() -> None:
    op.create_table(
        "held_submission",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        _number("account_id"),
        sa.Column("population", sa.String(16), nullable=False),
        _number("content_id"),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("reverse_path", sa.Text(), nullable=False),
        sa.Column("recipients", sa.Text(), nullable=False),
        sa.Column("ret", sa.String(4), nullable=False),
        sa.Column("envid", sa.Text(), nullable=False),
        sa.Column("utf8", sa.SmallInteger(), nullable=False),
        sa.Column("resent", sa.SmallInteger(), nullable=False),
        sa.Column("what", sa.String(16), nullable=False),
        sa.Column("counted", sa.Integer(), nullable=False),
        sa.Column("mark", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        _number("held"),
        _number("expires"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_held_submission_account_id"),
        sa.ForeignKeyConstraint(["content_id"], ["content.id"], name="fk_held_submission_content_id"),
        sa.PrimaryKeyConstraint("id", name="pk_held_submission"),
        sqlite_autoincrement=True,
    )
    for name in ("account_id", "content_id", "expires"):
        op.create_index(f"ix_held_submission_{name}", "held_submission", [name])


def _number(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger(), nullable=False, autoincrement=False)


def _table(name: str, *columns: "sa.Column[int] | sa.Column[bytes]", keys: tuple[str, ...]) -> None:
    op.create_table(
        name,
        *columns,
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=f"fk_{name}_account_id"),
        sa.PrimaryKeyConstraint(*keys, name=f"pk_{name}"),
        sqlite_with_rowid=False,
    )
