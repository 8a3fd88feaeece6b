"""Details of the audit, and what became of attempts to deliver, are a code and its parameters.

Rows that are there stay as they are: a sealed row is what was sealed.
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

HELD = {
    "held: by an operator": "held-by-operator",
    "held: sending is suspended for the sender's population": "held-by-brake",
}


def upgrade() -> None:
    op.add_column("audit", sa.Column("code", sa.String(40), nullable=False, server_default=""))
    op.add_column("audit", sa.Column("parameters", sa.Text(), nullable=False, server_default=""))
    op.add_column("message_trace", sa.Column("code", sa.String(40), nullable=False, server_default=""))
    op.add_column("message_trace", sa.Column("parameters", sa.Text(), nullable=False, server_default=""))
    op.add_column("queued_domain", sa.Column("error_code", sa.String(40), nullable=False, server_default=""))
    op.add_column("queued_domain", sa.Column("error_parameters", sa.Text(), nullable=False, server_default=""))
    row = sa.table("queued_domain", *map(sa.column, ("error", "error_code", "error_parameters")))
    for text, code in HELD.items():
        held = sa.update(row).where(row.c.error == text)
        op.execute(held.values(error="", error_code=code, error_parameters="{}"))
