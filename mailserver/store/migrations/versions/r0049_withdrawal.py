"""Reports of phishing, and messages that were taken back from every mailbox."""

import sqlalchemy as sa
from alembic import op

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _reports()
    _withdrawals()
    _copies()


def _identity() -> "sa.Column[int]":
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False)


def _big(name: str, default: str | None = None) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger(), nullable=False, server_default=default)


def _small(name: str, default: str | None = None) -> "sa.Column[int]":
    return sa.Column(name, sa.SmallInteger(), nullable=False, server_default=default)


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), nullable=False)


def _reports() -> None:
    table = "phishing_report"
    op.create_table(
        table,
        _identity(),
        _big("at"),
        _big("account_id"),
        _big("content_id"),
        sa.Column("campaign", sa.LargeBinary(16), nullable=False),
        _small("authentication"),
        _small("door"),
        sa.Column("body_hash", sa.LargeBinary(32), nullable=False),
        _big("body_size"),
        _text("message_id"),
        _text("sender"),
        _text("subject"),
        sa.Column("state", sa.String(12), nullable=False),
        _big("decided", "0"),
        _small("told", "0"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phishing_report")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_phishing_report_account_id", table, ["account_id", "content_id"], unique=True)
    for column in ("campaign", "at"):
        op.create_index(f"ix_phishing_report_{column}", table, [column])
    untold = sa.text("told = 0")
    op.create_index("ix_phishing_report_told", table, ["id"], sqlite_where=untold, postgresql_where=untold)


def _withdrawals() -> None:
    op.create_table(
        "withdrawal",
        _identity(),
        _big("at"),
        _text("actor"),
        _big("content_id"),
        _small("alike"),
        sa.Column("state", sa.String(12), nullable=False),
        _big("expires"),
        _big("refused_until"),
        sa.Column("body_hash", sa.LargeBinary(32), nullable=False),
        _big("body_size"),
        _text("message_id"),
        _text("sender"),
        _text("subject"),
        *(_big(name, "0") for name in ("swept", "taken", "restored", "refused", "worker", "leased")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_withdrawal")),
        sqlite_autoincrement=True,
    )
    for column in ("state", "refused_until"):
        op.create_index(f"ix_withdrawal_{column}", "withdrawal", [column])


def _copies() -> None:
    op.create_table(
        "withdrawn",
        _identity(),
        *(_big(name) for name in ("withdrawal_id", "account_id", "mailbox_id", "content_id", "flags")),
        _text("keywords"),
        _big("internal_date"),
        _big("size"),
        _small("door"),
        _big("door_account"),
        _small("through_list"),
        _small("authentication"),
        _small("impersonation"),
        sa.ForeignKeyConstraint(["withdrawal_id"], ["withdrawal.id"], name=op.f("fk_withdrawn_withdrawal_id")),
        sa.ForeignKeyConstraint(["content_id"], ["content.id"], name=op.f("fk_withdrawn_content_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_withdrawn")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_withdrawn_withdrawal_id", "withdrawn", ["withdrawal_id", "id"])
    for column in ("account_id", "content_id"):
        op.create_index(f"ix_withdrawn_{column}", "withdrawn", [column])
