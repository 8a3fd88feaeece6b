"""Messages wait until their author confirms that they may leave with what they give away."""

import sqlalchemy as sa
from alembic import op

revision = "0064"
down_revision = "0063"
branch_labels = None
depends_on = None
KIND = "expand"


def upgrade() -> None:
    op.create_table(
        "unconfirmed_submission",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("content_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(32), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("reverse_path", "recipients")),
        sa.Column("trace", sa.LargeBinary(), nullable=False),
        sa.Column("ret", sa.String(4), nullable=False),
        sa.Column("envid", sa.Text(), nullable=False),
        *(sa.Column(name, sa.SmallInteger(), nullable=False) for name in ("utf8", "resent", "keeps_copy")),
        sa.Column("kinds", sa.Text(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("held", "expires")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_unconfirmed_submission_account_id"),
        sa.ForeignKeyConstraint(["content_id"], ["content.id"], name="fk_unconfirmed_submission_content_id"),
        sa.PrimaryKeyConstraint("id", name="pk_unconfirmed_submission"),
        sqlite_autoincrement=True,
    )
    for name in ("account_id", "content_id", "expires"):
        op.create_index(f"ix_unconfirmed_submission_{name}", "unconfirmed_submission", [name])


def downgrade() -> None:
    op.drop_table("unconfirmed_submission")
