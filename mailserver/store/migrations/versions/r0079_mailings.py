"""Messages to very many people are approved, sent in batches, stopped and taken back."""

import sqlalchemy as sa
from alembic import op

revision = "0079"
down_revision = "0070"
branch_labels = None
depends_on = None
KIND = "expand"


def _zero(name: str, kind: type[sa.types.TypeEngine[int]] = sa.BigInteger) -> sa.Column[int]:
    return sa.Column(name, kind(), nullable=False, server_default="0")


def upgrade() -> None:
    op.add_column("withdrawal", _zero("spares_read", sa.SmallInteger))
    op.add_column("withdrawal", _zero("marked"))
    op.create_table(
        "mailing",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("at", "account_id")),
        sa.Column("population", sa.String(16), nullable=False),
        sa.Column("content_id", sa.BigInteger(), sa.ForeignKey("content.id")),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(32), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("reverse_path", "recipients", "released")),
        sa.Column("ret", sa.String(4), nullable=False),
        sa.Column("envid", sa.Text(), nullable=False),
        *(sa.Column(name, sa.SmallInteger(), nullable=False) for name in ("utf8", "door", "authentication")),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("people", "outside")),
        sa.Column("reach", sa.Text(), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        _zero("decided"),
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("due", "expires")),
        *(_zero(name) for name in ("started", "ended")),
        *(_zero(name, sa.Integer) for name in ("total", "reached", "queued")),
        *(_zero(name) for name in ("withdrawal_id", "worker", "leased")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_mailing_account_id", "mailing", ["account_id", "at"])
    op.create_index("ix_mailing_state", "mailing", ["state"])
    op.create_index("ix_mailing_content_id", "mailing", ["content_id"])
    op.create_table(
        "mailing_copy",
        sa.Column("mailing_id", sa.BigInteger(), sa.ForeignKey("mailing.id"), primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("stored_id", sa.BigInteger(), nullable=False),
        sa.Column("content_id", sa.BigInteger(), sa.ForeignKey("content.id")),
        sa.Column("reverse_path", sa.Text(), nullable=False),
        *(sa.Column(name, sa.SmallInteger(), nullable=False) for name in ("through_list", "impersonation")),
    )
    op.create_index("ix_mailing_copy_stored_id", "mailing_copy", ["stored_id"])
    op.create_index("ix_mailing_copy_content_id", "mailing_copy", ["content_id"])
    op.create_table(
        "mailing_batch",
        sa.Column("mailing_id", sa.BigInteger(), sa.ForeignKey("mailing.id"), primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("copy", sa.Integer(), nullable=False),
        sa.Column("accounts", sa.LargeBinary(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("addresses", "targets")),
        sa.Column("size", sa.Integer(), nullable=False),
        _zero("done", sa.Integer),
    )


def downgrade() -> None:
    op.drop_table("mailing_batch")
    op.drop_table("mailing_copy")
    op.drop_table("mailing")
    op.drop_column("withdrawal", "marked")
    op.drop_column("withdrawal", "spares_read")
