"""The academy's own quiet hours, decided in the console or by command."""

import sqlalchemy as sa
from alembic import op

revision = "0099"
down_revision = "0098"
branch_labels = None
depends_on = None
KIND = "expand"


def upgrade() -> None:
    op.create_table(
        "academy_quiet_hours",
        sa.Column("id", sa.SmallInteger(), primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.SmallInteger(), nullable=False) for name in ("begins", "ends", "weekends", "holidays")),
    )


def downgrade() -> None:
    op.drop_table("academy_quiet_hours")
