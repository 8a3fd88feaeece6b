"""Messages in which a virus was found, held for IT."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "infected",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("content_id", sa.BigInteger(), sa.ForeignKey("content.id"), nullable=False),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("virus", sa.Text(), nullable=False),
        sa.Column("reverse_path", sa.Text(), nullable=False),
        sa.Column("recipients", sa.Text(), nullable=False),
        sa.Column("door", sa.SmallInteger(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_infected"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_infected_content_id", "infected", ["content_id"])
    op.create_index("ix_infected_expires", "infected", ["expires"])
