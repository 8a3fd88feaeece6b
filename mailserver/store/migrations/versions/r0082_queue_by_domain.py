"""The queue is read by destination."""

from alembic import op

revision = "0082"
down_revision = "0081"
branch_labels = None
depends_on = None
KIND = "expand"


def upgrade() -> None:
    op.create_index("ix_queued_domain_domain_due", "queued_domain", ["domain", "due"])


def downgrade() -> None:
    op.drop_index("ix_queued_domain_domain_due", "queued_domain")
