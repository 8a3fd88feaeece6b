"""Whom posts of archives are for, when archives were opened, and whom digests have been sent to so far.

Programs of before would keep posts that nobody but owners may read, and send a digest again that is half sent. It
is of 0.7, beside which no 0.6 goes on.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0095"
down_revision = "0094"
branch_labels = None
depends_on = None
KIND = "expand"

KEY = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
NOW_READ_BY = """
    UPDATE archived_post SET readers = COALESCE(
        (SELECT archive FROM mailing_list WHERE address = archived_post.list AND archive <> 'none'), 'owners')
"""


def upgrade() -> None:
    op.add_column("archived_post", sa.Column("readers", sa.String(8), nullable=False, server_default="owners"))
    op.execute(NOW_READ_BY)
    op.add_column("mailing_list", sa.Column("archive_opened", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("mailing_list", sa.Column("archive_older", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "digest_unit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("list", KEY, nullable=False),
        sa.Column("posts", sa.LargeBinary(), nullable=False),
        sa.Column("accounts", sa.LargeBinary(), nullable=False),
        sa.Column("outside", sa.Text(), nullable=False, server_default="[]"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_digest_unit_list", "digest_unit", ["list"])


def downgrade() -> None:
    op.drop_table("digest_unit")
    for column in ("archive_older", "archive_opened"):
        op.drop_column("mailing_list", column)
    op.drop_column("archived_post", "readers")
