"""Compares what is stored with what it says of itself, and mends what follows from something else.

Looking changes nothing. Every mending is one short unit that looks again, so that it is safe beside a running server.
What is damaged is never thrown away: a content keeps its rows and its file, and is marked in `damage`.
"""

import hashlib
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import case, delete, func, insert, select, text, update

from mailserver.model.errors import Damaged, Temporary
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import blobs
from mailserver.store.mail.flags import FLAGGED, SEEN
from mailserver.store.octets.files import BlobFolder, files_of
from mailserver.store.schema.base import metadata
from mailserver.store.schema.mail.messages import blob, content, mailbox, message
from mailserver.store.schema.mail.search import search_account, search_segment, search_text
from mailserver.store.schema.service.keeping import damage
from mailserver.texts import causes
from mailserver.texts.causes import NOTHING, Cause

BATCH = 100
"""Contents that one snapshot reads."""
SEGMENTS = 20
"""Segments of the search index that are read at once: each has up to some megabytes."""
MAX_LINES = 20
"""Faults of a database that are told."""
STEPS = 10_000
"""Instructions of SQLite between two looks at the time."""


class Part(StrEnum):
    """What is compared."""

    DATABASE = "database"
    MESSAGES = "messages"
    INDEX = "index"
    COUNTS = "counts"


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something that is not as it should be."""

    part: Part
    what: Cause
    """With ids, never content."""
    key: int = 0
    """Content, account or mailbox: what `mend` is told."""
    mendable: bool = True


# ---------------------------------------------------------------------- the database's own pages


def pages(tx: Tx, *, quick: bool = False, seconds: float = 0) -> list[Cause] | None:
    """What the engine finds wrong with its own pages; None: the time (0: any) was over before it had seen all.

    PostgreSQL has no such question: every row of every table is read instead (not for `quick`: None).
    """
    if tx.dialect != "sqlite":
        return None if quick else _read_all(tx)
    driver = cast(sqlite3.Connection, tx.driver)
    deadline = time.monotonic() + seconds
    if seconds:
        driver.set_progress_handler(lambda: time.monotonic() > deadline, STEPS)
    try:
        rows = driver.execute(f"PRAGMA {'quick_check' if quick else 'integrity_check'}({MAX_LINES})").fetchall()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            return None
        raise
    except sqlite3.DatabaseError as error:
        return [causes.of(error)]
    finally:
        driver.set_progress_handler(None, 0)
    return [causes.plain(str(row[0])) for row in rows if row[0] != "ok"]


def _read_all(tx: Tx) -> list[Cause]:
    """Octets that cannot be read stop the transaction: the first table that has some is told."""
    for table in metadata.sorted_tables:
        name = table.name
        try:
            tx.execute(text(f'SELECT count(md5(t::text)) FROM "{name}" t'))  # noqa: S608 - our own tables
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what was asked
            return [Cause("unreadable-table", name=name, error=str(error).splitlines()[0])]
    return []


# ---------------------------------------------------------------------- contents


_CONTENTS = (
    select(content.c.id, content.c.hash, content.c.size, blob.c.header, blob.c.octets, blob.c.file)
    .outerjoin(blob, blob.c.content_id == content.c.id)
    .order_by(content.c.id)
)


def contents(tx: Tx, folder: BlobFolder, after: int) -> tuple[list[Flaw], int, int]:
    """The flaws of the next BATCH contents, the last one's id (0: there are no more), how many were looked at."""
    rows = tx.execute(_CONTENTS.where(content.c.id > after).limit(BATCH)).all()
    flaws = [flaw for row in rows for flaw in _of_content(folder, tuple(row))]
    return flaws, int(rows[-1][0]) if rows else 0, len(rows)


def _of_content(folder: BlobFolder, row: Sequence[Any]) -> Iterator[Flaw]:
    content_id, digest, size, header, octets, file = row
    if header is None:
        yield _flaw(content_id, Cause("octets-missing"))
        return
    files = files_of(folder)
    try:
        if file is not None and files.lies_aside(file):
            yield _flaw(content_id, Cause("file-in-quarantine", file=file))
            octets, file = files.read_aside(file), None
    except Temporary as error:
        yield _flaw(content_id, causes.of(error), file)
        return
    try:
        fault = _fault(folder, digest, size, header, octets, file)
    except Temporary as error:
        fault = causes.of(error)
    if fault:
        yield _flaw(content_id, fault, file)


def _flaw(content_id: int, fault: Cause, file: str | None = None) -> Flaw:
    if file:
        return Flaw(Part.MESSAGES, Cause("content-file-flaw", id=content_id, file=file, fault=fault), content_id)
    return Flaw(Part.MESSAGES, Cause("content-flaw", id=content_id, fault=fault), content_id)


def _fault(
    folder: BlobFolder, digest: bytes, size: int, header: bytes, octets: bytes | None, file: str | None
) -> Cause:
    """Raises Temporary."""
    try:
        whole = blobs.expand(header) + blobs.read_body(folder, octets, file)
    except Damaged as error:
        return error.fault
    if len(whole) != size or hashlib.blake2b(whole, digest_size=32).digest() != bytes(digest):
        return Cause("octets-altered")
    return NOTHING


def total(tx: Tx) -> int:
    """How many contents there are."""
    return int(tx.execute(select(func.count()).select_from(content)).scalar_one())


def mend_content(tx: Tx, folder: BlobFolder, content_id: int) -> Cause:
    """Take a file back from quarantine; mark what stays damaged. What was done; empty for nothing to do.

    What is out of reach now says nothing of itself: its mark, or that it has none, stays.
    """
    row = tx.execute(_CONTENTS.where(content.c.id == content_id)).first()
    if row is None:
        return NOTHING
    file = row.file
    files = files_of(folder)
    try:
        restored = file is not None and files.lies_aside(file) and files.restore(file)
        fault = Cause("octets-missing") if row.header is None else _fault(folder, *tuple(row)[1:])
    except Temporary:
        return NOTHING
    tx.execute(delete(damage).where(damage.c.content_id == content_id))
    if fault:
        tx.execute(insert(damage).values(content_id=content_id, found=tx.now, fault=str(fault)))
        return Cause("content-marked", id=content_id, fault=fault)
    return Cause("content-taken-back", id=content_id) if restored else NOTHING


def forget_healed(tx: Tx, damaged: Sequence[int]) -> int:
    """Take the mark off contents that are no longer among these; how many."""
    marked = {row[0] for row in tx.execute(select(damage.c.content_id))}
    healed = sorted(marked.difference(damaged))
    tx.execute(delete(damage).where(damage.c.content_id.in_(healed)))
    return len(healed)


def known_damage(tx: Tx) -> int:
    """How many contents are marked."""
    return int(tx.execute(select(func.count()).select_from(damage)).scalar_one())


# ---------------------------------------------------------------------- the search index


def index(tx: Tx) -> list[Flaw]:
    """Texts and segments that cannot be read, and contents that say that they have a text and have none."""
    flaws: list[Flaw] = []
    missing = select(content.c.id).where(
        content.c.indexed == 1,
        ~select(search_text.c.content_id).where(search_text.c.content_id == content.c.id).exists(),
    )
    flaws += [Flaw(Part.INDEX, Cause("text-missing", id=row[0]), row[0]) for row in tx.execute(missing).all()]
    after = 0
    while rows := tx.execute(
        select(search_text).where(search_text.c.content_id > after).order_by(search_text.c.content_id).limit(BATCH)
    ).all():
        after = rows[-1].content_id
        flaws += [
            Flaw(Part.INDEX, Cause("text-damaged", id=row.content_id), row.content_id)
            for row in rows
            if not (blobs.is_whole(row.header) and blobs.is_whole(row.body))
        ]
    flaws += [Flaw(Part.INDEX, Cause("index-damaged", id=number), -number) for number in sorted(_broken_owners(tx))]
    return flaws


def _broken_owners(tx: Tx) -> set[int]:
    """Accounts of which a segment cannot be read."""
    owners: set[int] = set()
    after = 0
    columns = search_segment.c
    frames = (columns.header_words, columns.header_postings, columns.body_words, columns.body_postings)
    clause = select(columns.id, columns.account_id, *frames).order_by(columns.id).limit(SEGMENTS)
    while rows := tx.execute(clause.where(columns.id > after)).all():
        for number, owner, *packed in map(tuple, rows):
            after = number
            if not all(map(blobs.is_whole, packed)):
                owners.add(owner)
    return owners


def mend_index(tx: Tx, key: int) -> Cause:
    """Have it made again: everything in it follows from the messages. What was done."""
    if key > 0:
        tx.execute(delete(search_text).where(search_text.c.content_id == key))
        tx.execute(update(content).where(content.c.id == key).values(indexed=0))
        return Cause("text-again", id=key)
    tx.execute(delete(search_segment).where(search_segment.c.account_id == -key))
    held = select(func.count()).select_from(message.join(mailbox, mailbox.c.id == message.c.mailbox_id))
    waiting = int(tx.execute(held.where(mailbox.c.account_id == -key)).scalar_one())
    tx.execute(update(search_account).where(search_account.c.account_id == -key).values(waiting=waiting))
    return Cause("index-again", id=-key)


# ---------------------------------------------------------------------- counts

_COUNTED = (
    select(
        mailbox.c.id,
        mailbox.c.account_id,
        mailbox.c.messages,
        mailbox.c.unseen,
        mailbox.c.flagged,
        mailbox.c.octets,
        mailbox.c.uidnext,
        mailbox.c.modseq,
        func.count(message.c.uid).label("all_messages"),
        func.coalesce(func.sum(case((message.c.flags.op("&")(SEEN) == 0, 1), else_=0)), 0).label("all_unseen"),
        func.coalesce(func.sum(case((message.c.flags.op("&")(FLAGGED) != 0, 1), else_=0)), 0).label("all_flagged"),
        func.coalesce(func.sum(message.c.size), 0).label("all_octets"),
        func.coalesce(func.max(message.c.uid), 0).label("last_uid"),
        func.coalesce(func.max(message.c.modseq), 0).label("last_modseq"),
    )
    .select_from(mailbox.outerjoin(message, message.c.mailbox_id == mailbox.c.id))
    .group_by(mailbox.c.id)
)


def counts(tx: Tx) -> list[Flaw]:
    """Mailboxes whose row does not say what their messages do; quotas are sums of these rows."""
    return [
        Flaw(Part.COUNTS, Cause("counts-wrong", id=row.id, counts=_said(row, wrong)), row.id)
        for row in tx.execute(_COUNTED)
        if (wrong := _right(row))
    ]


def _right(row: Any) -> dict[str, int]:
    """What the row of a mailbox should say, of what it says otherwise."""
    # Of a mailbox without messages the join has one row of nothing.
    wanted = {
        "messages": int(row.all_messages),
        "unseen": int(row.all_unseen) if row.all_messages else 0,
        "flagged": int(row.all_flagged),
        "octets": int(row.all_octets),
        "uidnext": max(int(row.uidnext), int(row.last_uid) + 1),
        "modseq": max(int(row.modseq), int(row.last_modseq)),
    }
    return {name: value for name, value in wanted.items() if getattr(row, name) != value}


def _said(row: Any, wrong: dict[str, int]) -> tuple[Cause, ...]:
    return tuple(Cause("count-wrong", name=name, said=getattr(row, name), right=right) for name, right in wrong.items())


def mend_counts(tx: Tx, mailbox_id: int) -> Cause:
    """Count again, while nobody else writes to the mailbox. What was done; empty for nothing to do."""
    tx.execute(select(mailbox.c.id).where(mailbox.c.id == mailbox_id).with_for_update())
    row = tx.execute(_COUNTED.where(mailbox.c.id == mailbox_id)).first()
    wrong = _right(row) if row is not None else {}
    if row is None or not wrong:
        return NOTHING
    tx.execute(update(mailbox).where(mailbox.c.id == mailbox_id).values(**wrong))
    tx.changed(row.account_id, mailbox_id)
    return Cause("counted-again", id=mailbox_id)
