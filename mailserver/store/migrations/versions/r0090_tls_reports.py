"""How TLS sessions with other servers ended, counted by day and domain for the reports that go to them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0090"
down_revision = "0089"
branch_labels = None
depends_on = None
KIND = "expand"


def upgrade() -> None:
    key = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
    op.create_table(
        "report_tls_seen",
        sa.Column("day", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("domain", key, nullable=False),
        sa.Column("digest", sa.LargeBinary(16), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "domain", "digest", name="pk_report_tls_seen"),
    )


def downgrade() -> None:
    op.drop_table("report_tls_seen")
