"""How a message came in that was reported or taken back, and by which act a report was decided."""

import sqlalchemy as sa
from alembic import op

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _add("phishing_report", door_account=sa.BigInteger(), withdrawal_id=sa.BigInteger())
    op.create_index("ix_phishing_report_withdrawal_id", "phishing_report", ["withdrawal_id"])
    _add("withdrawal", door=sa.SmallInteger(), door_account=sa.BigInteger(), authentication=sa.SmallInteger())
    # What an act of before means is not known any more: it takes and refuses nothing, and can be undone.
    op.execute("UPDATE withdrawal SET refused_until = 0")


def _add(table: str, **columns: "sa.types.TypeEngine[int]") -> None:
    for name, kind in columns.items():
        op.add_column(table, sa.Column(name, kind, nullable=False, server_default="0"))
