"""Where messages that wait for a digest came from."""

import sqlalchemy as sa
from alembic import op

revision = "0092"
down_revision = "0091"
branch_labels = None
depends_on = None
KIND = "expand"

NAMES = ("door", "door_account", "authentication")


def upgrade() -> None:
    for name in NAMES:
        kind = sa.BigInteger() if name == "door_account" else sa.SmallInteger()
        op.add_column("digest_post", sa.Column(name, kind, nullable=False, server_default="0"))


def downgrade() -> None:
    for name in NAMES:
        op.drop_column("digest_post", name)
