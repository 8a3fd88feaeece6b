"""People keep the display name and the common names that an administrator gives their entries; of those who are there
already, both follow from the names."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    for column in ("display_name", "common_names"):
        op.add_column("person", sa.Column(column, sa.Text(), nullable=False, server_default=""))
    op.add_column("person", sa.Column("shown_key", KEY, nullable=False, server_default=""))
    op.create_index(
        "ix_person_shown",
        "person",
        ["account_id"],
        sqlite_where=sa.text("shown_key != ''"),
        postgresql_where=sa.text("shown_key != ''"),
    )
