"""Collects contents that no mailbox and no queue holds any more, and files that no row names.

Whoever removes appearances notes their contents in `orphan` in the same unit. The collector later looks,
inside one unit, whether anything still refers to each; a content that is delivered again meanwhile simply is
referred to. Files go to quarantine after the commit that removed
their row.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Insert, Select, bindparam, delete, exists, literal, select

from mailserver.store.engine.given_rows import given_rows, packed
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.mail import proportion
from mailserver.store.mail.proportion import Kind, Terms
from mailserver.store.octets.files import BlobFolder, files_of
from mailserver.store.schema.mail.deletions import deleted_content, deleted_message, deletion
from mailserver.store.schema.mail.messages import blob, content, message, orphan, tls_content
from mailserver.store.schema.mail.withdrawal import withdrawn
from mailserver.store.schema.people.rosters import archived_post, digest_post
from mailserver.store.schema.service.keeping import damage

BATCH = 200
STRAY_AGE = 86400
"""Seconds after which a file that no row names is a crash's left-over, not a delivery under way."""

_NOTE_ONE = Statement(orphan.insert(), keys=("content_id", "since"))


def _noting_given(dialect: str) -> Statement:
    numbers = given_rows(dialect, "content").c.content
    return Statement(
        orphan.insert().from_select(["content_id", "since"], select(numbers, bindparam("moment", type_=BigInteger)))
    )


_NOTE_MANY = {dialect: _noting_given(dialect) for dialect in ("sqlite", "postgresql")}
_DUE = Statement(
    select(orphan.c.id, orphan.c.content_id)
    .where(orphan.c.since <= bindparam("before"))
    .order_by(orphan.c.id)
    .limit(BATCH)
    .with_for_update(skip_locked=True)
)

_holders: list[tuple[Any, ColumnElement[Any]]] = [
    (message, message.c.content_id),
    # Named here, not by who fills it: a process that never loaded that module must not destroy what it keeps.
    (withdrawn, withdrawn.c.content_id),
    (archived_post, archived_post.c.content_id),
    (digest_post, digest_post.c.content_id),
]


def also_held_by(table: Any, column: ColumnElement[int]) -> None:
    """Register another table whose column keeps contents alive (the queue does, at import)."""
    _holders.append((table, column))


_dependents: list[tuple[Any, ColumnElement[int]]] = [
    *((blob, blob.c.content_id), (damage, damage.c.content_id), (tls_content, tls_content.c.content_id)),
]


def also_removes(table: Any, column: ColumnElement[int]) -> None:
    """Register a table whose rows go with their content (the search index does, at import)."""
    _dependents.append((table, column))


def noting(content_ids: Select[tuple[int]], now: ColumnElement[int]) -> Insert:
    """The statement that notes these contents."""
    chosen = content_ids.distinct().subquery()
    return orphan.insert().from_select(["content_id", "since"], select(chosen.c.content_id, now))


def note(tx: Tx, content_ids: Select[tuple[int]] | Sequence[int]) -> None:
    """Remember contents that may have lost their last appearance."""
    if isinstance(content_ids, Select):
        tx.execute(noting(content_ids, literal(tx.now)))
    elif len(content_ids) == 1:
        tx.run(_NOTE_ONE, content_id=content_ids[0], since=tx.now)
    elif content_ids:
        tx.run(_NOTE_MANY[tx.dialect], given=packed((number,) for number in content_ids), moment=tx.now)


def collect(tx: Tx, before: int, terms: Terms = Terms()) -> tuple[int, list[str]]:  # noqa: B008 - frozen
    """Remove up to BATCH contents noted before that time and referred to by nobody.

    Returns how many notes were looked at, and the files to take away after the commit: none when it would be out of
    proportion.
    """
    notes = tx.all(_DUE, before=before)
    if not notes:
        return 0, []
    noted = sorted({row[1] for row in notes})
    # First the rows are locked, then, by a statement of its own, the references are looked for: on PostgreSQL
    # that statement sees what a delivery committed that found the content while we waited for its lock.
    tx.execute(select(content.c.id).where(content.c.id.in_(noted)).order_by(content.c.id).with_for_update())
    free = select(content.c.id).where(content.c.id.in_(noted))
    for _, column in _holders:
        free = free.where(~exists().where(column == content.c.id))
    free = free.where(*(~is_held for is_held in _kept_aside(content.c.id)))
    unused = [row[0] for row in tx.execute(free)]
    if unused and not proportion.admit(tx, Kind.CONTENTS, len(unused), terms):
        return 0, []
    files = [
        row[0] for row in tx.execute(select(blob.c.file).where(blob.c.content_id.in_(unused), blob.c.file.is_not(None)))
    ]
    for table, column in _dependents:
        tx.execute(delete(table).where(column.in_(unused)))
    tx.execute(delete(content).where(content.c.id.in_(unused)))
    tx.execute(delete(orphan).where(orphan.c.id.in_([row[0] for row in notes])))
    return len(notes), files


def _kept_aside(content_id: ColumnElement[int]) -> list[ColumnElement[bool]]:
    """What is true of a content that a removed message has: one that is indexed, one that is not yet."""
    waits = (
        (deletion.c.pending > 0)
        & deleted_message.c.id.between(deletion.c.pending, deletion.c.high)
        & (deleted_message.c.deletion_id == deletion.c.id)
    )
    return [
        exists().where(deleted_content.c.content_id == content_id),
        exists().where(waits, deleted_message.c.content_id == content_id),
    ]


def named(tx: Tx, names: Sequence[str]) -> set[str]:
    """Which of these files a row names."""
    return {row[0] for row in tx.execute(select(blob.c.file).where(blob.c.file.in_(names)))}


def stray_candidates(folder: BlobFolder, shelf: int, now: float) -> list[str]:
    """Files of one shelf (0..255) old enough that no delivery can still be about to name them."""
    return files_of(folder).aged(shelf, now - STRAY_AGE)
