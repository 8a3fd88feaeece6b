"""Authors are told that the archive of a list was opened to more people: how far that is, and when it last began."""

import sqlalchemy as sa
from alembic import op

revision = "0098"
down_revision = "0097"
branch_labels = None
depends_on = None
KIND = "expand"


def upgrade() -> None:
    op.add_column("mailing_list", sa.Column("archive_tell", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("mailing_list", sa.Column("archive_told", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index("ix_mailing_list_archive_tell", "mailing_list", ["archive_tell"])


def downgrade() -> None:
    op.drop_index("ix_mailing_list_archive_tell", "mailing_list")
    op.drop_column("mailing_list", "archive_told")
    op.drop_column("mailing_list", "archive_tell")
