"""Who is reading a report, an index of those that are not counted, and recipients to whom a peer brought mail."""

import sqlalchemy as sa
from alembic import op

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("report_waiting", sa.Column("leased", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("peer_count", sa.Column("served", sa.Integer(), nullable=False, server_default="0"))
    listed = sa.text("code != ''")
    op.create_index("ix_report_code", "report", ["id"], sqlite_where=listed, postgresql_where=listed)
