"""Messages that their sender wants to go nowhere but over TLS (REQUIRETLS), wherever they wait."""

import sqlalchemy as sa
from alembic import op

revision = "0084"
down_revision = "0083"
branch_labels = None
depends_on = None
KIND = "expand"

TABLES = ("queued", "held_submission", "unconfirmed_submission", "mailing", "held_message", "infected")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("require_tls", sa.SmallInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_column(table, "require_tls")
