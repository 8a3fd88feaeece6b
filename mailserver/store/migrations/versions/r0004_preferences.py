"""Preferences of the web are one text, which a new choice does not change the table for."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_FLAGS = ("formatted", "answer_below")
_COLUMNS = ("language", "interface", "page_size", "text_size", *_FLAGS, "signature")


def upgrade() -> None:
    op.add_column("web_preference", sa.Column("chosen", sa.Text(), nullable=True))
    table = sa.table("web_preference", sa.column("account_id"), sa.column("chosen"), *map(sa.column, _COLUMNS))
    connection = op.get_bind()
    for row in connection.execute(sa.select(table)).mappings().all():
        kept = {name: bool(row[name]) if name in _FLAGS else row[name] for name in _COLUMNS}
        text = json.dumps({"version": 1, **kept}, ensure_ascii=False, separators=(",", ":"))
        connection.execute(sa.update(table).where(table.c.account_id == row["account_id"]).values(chosen=text))
    with op.batch_alter_table("web_preference", schema=None) as batch_op:
        batch_op.alter_column("chosen", existing_type=sa.Text(), nullable=False)
        for name in _COLUMNS:
            batch_op.drop_column(name)
