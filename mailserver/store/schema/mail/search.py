"""The search index: normalised texts of contents, and per account what words stand in which of them.

Everything here is derived: deleting all rows costs time, never answers.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, literal_column

from mailserver.store.schema.base import metadata
from mailserver.store.schema.mail.messages import Identity, content

search_text = Table(
    "search_text",
    metadata,
    Column("content_id", Identity, primary_key=True, autoincrement=False),
    Column("header", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""Folded texts as zstd frames: the header's lines, and the words of the body."""

search_segment = Table(
    "search_segment",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("account_id", BigInteger, nullable=False, index=True),
    Column("size", Integer, nullable=False),
    Column("docs", LargeBinary, nullable=False),
    Column("loose", LargeBinary, nullable=False),
    Column("header_words", LargeBinary, nullable=False),
    Column("header_postings", LargeBinary, nullable=False),
    Column("body_words", LargeBinary, nullable=False),
    Column("body_postings", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
"""Words of up to a few thousand contents of one account: see `mailserver.store.search.vocabulary`."""

search_account = Table(
    "search_account",
    metadata,
    Column("account_id", Identity, primary_key=True, autoincrement=False),
    Column("waiting", BigInteger, nullable=False, server_default="0"),
)
"""About how many contents of an account are in no segment yet: when to make one, nothing more."""
Index("ix_search_account_waiting", search_account.c.waiting)

search_lease = Table(
    "search_lease",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("worker", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
)
"""One row: the process that indexes, and for how long those of other machines leave it alone."""

UNINDEXED = content.c.indexed == literal_column("0")
"""As a literal, so that both engines see that the partial index answers it."""

Index("ix_content_unindexed", content.c.id, sqlite_where=UNINDEXED, postgresql_where=UNINDEXED)
