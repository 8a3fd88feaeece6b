"""Collects contents that no mailbox and no queue holds any more, and files that no row names.

Whoever removes appearances notes their contents in `orphan` in the same unit. The collector later looks,
inside one unit, whether anything still refers to each; a content that is delivered again meanwhile simply is
referred to. Files are removed after the commit that removed their row.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, delete, exists, literal, select

from mailserver.store.schema.mail import blob, content, message, orphan
from mailserver.store.statements import Statement, Tx

BATCH = 200
STRAY_AGE = 86400
"""Seconds after which a file that no row names is a crash's left-over, not a delivery under way."""

_NOTE_ONE = Statement(orphan.insert(), keys=("content_id", "since"))
_DUE = Statement(
    select(orphan.c.content_id).where(orphan.c.since <= bindparam("before")).order_by(orphan.c.content_id).limit(BATCH)
)

_holders: list[tuple[Any, ColumnElement[int]]] = [(message, message.c.content_id)]


def also_held_by(table: Any, column: ColumnElement[int]) -> None:
    """Register another table whose column keeps contents alive (the queue does, at import)."""
    _holders.append((table, column))


_dependents: list[tuple[Any, ColumnElement[int]]] = [(blob, blob.c.content_id)]


def also_removes(table: Any, column: ColumnElement[int]) -> None:
    """Register a table whose rows go with their content (the search index does, at import)."""
    _dependents.append((table, column))


def note(tx: Tx, content_ids: Select[tuple[int]] | Sequence[int]) -> None:
    """Remember contents that may have lost their last appearance."""
    if isinstance(content_ids, Select):
        known = select(orphan.c.content_id)
        chosen = content_ids.distinct().where(message.c.content_id.not_in(known)).subquery()
        tx.execute(orphan.insert().from_select(["content_id", "since"], select(chosen.c.content_id, literal(tx.now))))
    elif content_ids:
        tx.insert_ignore(orphan, [{"content_id": number, "since": tx.now} for number in content_ids])


def collect(tx: Tx, before: int) -> tuple[int, list[str]]:
    """Remove up to BATCH contents noted before that time and referred to by nobody.

    Returns how many notes were looked at, and the files to remove after the commit.
    """
    noted = [row[0] for row in tx.all(_DUE, before=before)]
    if not noted:
        return 0, []
    free = select(content.c.id).where(content.c.id.in_(noted))
    for _, column in _holders:
        free = free.where(~exists().where(column == content.c.id))
    unused = [row[0] for row in tx.execute(free.with_for_update())]
    files = [
        row[0] for row in tx.execute(select(blob.c.file).where(blob.c.content_id.in_(unused), blob.c.file.is_not(None)))
    ]
    for table, column in _dependents:
        tx.execute(delete(table).where(column.in_(unused)))
    tx.execute(delete(content).where(content.c.id.in_(unused)))
    tx.execute(delete(orphan).where(orphan.c.content_id.in_(noted)))
    return len(noted), files


def named(tx: Tx, names: Sequence[str]) -> set[str]:
    """Which of these files a row names."""
    return {row[0] for row in tx.execute(select(blob.c.file).where(blob.c.file.in_(names)))}


def stray_candidates(folder: Path, limit: int) -> list[str]:
    """Files old enough that no delivery can still be about to name them."""
    horizon = time.time() - STRAY_AGE
    found: list[str] = []
    for path in folder.glob("??/*"):
        if path.stat().st_mtime < horizon:
            found.append(f"{path.parent.name}/{path.name}")
            if len(found) >= limit:
                break
    return found
