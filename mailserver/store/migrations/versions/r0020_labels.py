"""A name that could be an address never stands alone in a list: the author's address stands before it, in the rows
that are there already too."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

MAX_PEOPLE = 1000
"""Characters of the column."""


def upgrade() -> None:
    content = sa.table("content", sa.column("sender", sa.String), sa.column("sender_address", sa.String))
    name, address = content.c.sender, content.c.sender_address
    op.execute(
        sa.update(content)
        .where(
            sa.or_(*(name.contains(sign) for sign in ("@", "\ufe6b", "\uff20"))),
            address != "",
            sa.func.lower(name) != sa.func.lower(address),
        )
        .values(sender=sa.func.substr(address + " (" + name + ")", 1, MAX_PEOPLE))
    )
