"""How many recipients of an infected message have been told."""

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("infected", sa.Column("untold", sa.Integer(), nullable=False, server_default="-1"))
    waiting = sa.text("untold >= 0")
    op.create_index("ix_infected_untold", "infected", ["untold"], sqlite_where=waiting, postgresql_where=waiting)
