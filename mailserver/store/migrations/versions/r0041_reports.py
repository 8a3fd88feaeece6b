"""Aggregate reports of other servers: who sends mail in our name, and TLS on its way to us."""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0039"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "report_waiting",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("content_id", sa.BigInteger(), sa.ForeignKey("content.id"), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("authentication", sa.SmallInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("id", name="pk_report_waiting"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_report_waiting_content_id", "report_waiting", ["content_id"])
    op.create_table(
        "report",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("begins", sa.BigInteger(), nullable=False),
        sa.Column("ends", sa.BigInteger(), nullable=False),
        sa.Column("submitter", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("passed", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_report"),
        sa.UniqueConstraint("digest", name="uq_report_digest"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_report_begins", "report", ["kind", "begins"])
    op.create_index("ix_report_received", "report", ["received"])
    op.create_index("ix_report_submitter", "report", ["submitter", "received"])
    _rows()


def _rows() -> None:
    op.create_table(
        "report_source",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("report_id", sa.BigInteger(), sa.ForeignKey("report.id"), nullable=False),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("disposition", sa.String(10), nullable=False),
        sa.Column("dkim", sa.SmallInteger(), nullable=False),
        sa.Column("spf", sa.SmallInteger(), nullable=False),
        sa.Column("signer", sa.Text(), nullable=False),
        sa.Column("envelope", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_report_source"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_report_source_report_id", "report_source", ["report_id"])
    op.create_table(
        "report_session",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("report_id", sa.BigInteger(), sa.ForeignKey("report.id"), nullable=False),
        sa.Column("policy", sa.String(20), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("result", sa.String(60), nullable=False),
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_report_session"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_report_session_report_id", "report_session", ["report_id"])
    op.create_table(
        "report_host",
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("looked", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("address", name="pk_report_host"),
        sqlite_with_rowid=False,
    )
