"""Columns and body sections of messages, read from the store as many at a time as their octets allow.

Runs in the store's reader threads. How a section is cut out of its message is said by `body_sections`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

import structlog

from imap.answers import fields
from imap.answers.body_sections import BUDGET, LISTED, Cutter, Plan, Source, plan_of
from imap.wire.fetch.fetch_items import Octets, OnDisk, Section
from mailserver.foundation.large_answers import LARGE
from mailserver.model.errors import Damaged, Temporary
from mailserver.store.engine.statements import Row
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import blobs, messages
from mailserver.store.mail.messages import LIGHT
from mailserver.store.octets.files import BlobFolder

log = structlog.get_logger("imap")

SMALL = 256 * 1024
"""Octets that are expanded in a fraction of a millisecond (seen: 0.2 ms for 150 KB, where a thread takes 0.5 more)."""
RENDERED = frozenset({"envelope", "body", "bodystructure", "parts"})
"""Columns that take a kilobyte as a rule, and a megabyte at worst."""


@dataclass(frozen=True, slots=True)
class Bodies:
    """What was read of some messages, side by side. A section is None where the message has no such part."""

    uids: list[int]
    columns: list[Row]
    sections: list[list[Octets]]
    done: int
    """How many of the UIDs asked about were dealt with: none when the first is of a large message."""
    damaged: tuple[int, ...] = ()
    """UIDs of messages whose octets cannot be read; they have no entry."""

    def whole(self, limit: int) -> bool:
        """True when no section is missing, nor larger than `limit`."""
        for found in self.sections:
            for octets in found:
                if not isinstance(octets, bytes) or len(octets) >= limit:
                    return False
        return True


def read(
    tx: Tx,
    account_id: int,
    mailbox_id: int,
    uids: Sequence[int],
    names: Sequence[str],
    sections: tuple[Section, ...],
    folder: BlobFolder,
    file: IO[bytes] | None = None,
) -> Bodies:
    """Columns `names` and `sections` of messages with these ascending UIDs, until BUDGET is used up, or there is much
    in the columns, or a large message is met.

    UIDs that are gone have no entry. A large message is read when there is a `file`, for one UID: its large sections
    are written into that. Raises Refused(NO_SUCH_MAILBOX | LIMIT), Temporary.
    """
    plan = plan_of(sections)
    columns = ("uid", *names, *plan.needed, *plan.measure)
    if RENDERED.isdisjoint(columns):
        rows = messages.fetch_uids(tx, account_id, mailbox_id, columns, uids)
    else:
        rows, uids, _ = messages.fetch_some(tx, account_id, mailbox_id, columns, uids, LIGHT)
    if plan.needed == LISTED:
        rows = _completed(tx, account_id, mailbox_id, rows)
    return _cut_out(rows, uids, len(names), plan, folder, file)


def columns_of_small(names: Sequence[str], sections: tuple[Section, ...]) -> tuple[str, ...]:
    """What `cut_small` takes of a message."""
    return ("uid", *names, *plan_of(sections).needed, "size")


def read_small(
    tx: Tx,
    account_id: int,
    mailbox_id: int,
    uids: Sequence[int],
    names: Sequence[str],
    sections: tuple[Section, ...],
) -> list[Row] | None:
    """Rows for `cut_small`; None when they are not `small`."""
    rows = messages.fetch_uids(tx, account_id, mailbox_id, columns_of_small(names, sections), uids)
    return rows if small(rows, names, sections) else None


def small(rows: list[Row], names: Sequence[str], sections: tuple[Section, ...]) -> bool:
    """True when messages are SMALL together, and all that is needed is in their rows."""
    plan = plan_of(sections)
    if plan.needed == LISTED:
        return all(row[-2] is not None for row in rows)
    if sum([row[-1] for row in rows]) > SMALL:
        return False
    return not plan.file or all(row[plan.file + len(names)] is None for row in rows)


def cut_small(
    rows: list[Row], uids: Sequence[int], names: Sequence[str], sections: tuple[Section, ...], folder: BlobFolder
) -> Bodies:
    """Columns and sections of these rows."""
    return _cut_out(rows, uids, len(names), plan_of(sections), folder)


def read_fields(
    tx: Tx, account_id: int, mailbox_id: int, uids: Sequence[int], names: Sequence[str], section: Section
) -> tuple[Sequence[int], list[Sequence[Any]]] | None:
    """UIDs, columns `names` and a section that `fields.is_listed` of messages with these ascending UIDs, side by side.

    UIDs that are gone have no entry. None when it is too much, or the fields of one are not kept apart: then `read` is
    to be asked. Raises Refused(NO_SUCH_MAILBOX).
    """
    read = messages.fetch_columns_of(tx, account_id, mailbox_id, (*names, "listed"), uids, complete=True)
    if read is None or None in read[1][-1]:
        return None
    found, columns = read
    columns[-1] = fields.many_chooser(section)(columns[-1])
    return found, columns


def _completed(tx: Tx, account_id: int, mailbox_id: int, rows: list[Row]) -> list[Row]:
    """Rows that end with the fields of lists, read from the header where they are not kept apart."""
    lacking = [row[0] for row in rows if row[-1] is None]
    if not lacking:
        return rows
    frames: dict[int, bytes] = dict(messages.fetch_uids(tx, account_id, mailbox_id, ("uid", "header"), lacking))
    return [row if row[-1] is not None else (*row[:-1], _expanded(frames[row[0]])) for row in rows]


def _expanded(frame: bytes) -> bytes | Damaged:
    """A header, or why there is none: that concerns its message alone."""
    try:
        return blobs.expand(frame)
    except Damaged as error:
        return error


def _cut_out(
    rows: list[Row],
    uids: Sequence[int],
    columns: int,
    plan: Plan,
    folder: BlobFolder,
    file: IO[bytes] | None = None,
) -> Bodies:
    """Sections of rows of UID, `columns` columns, the frames they need and the size of the message."""
    stop = 1 + columns
    is_whole = plan.choose is None or not any(isinstance(row[stop], Damaged) for row in rows)
    if plan.choose is not None and is_whole and sum(len(row[stop]) for row in rows) <= BUDGET:
        chosen = [[plan.choose(row[stop])] for row in rows]
        return Bodies([row[0] for row in rows], [row[1:stop] for row in rows], chosen, len(uids))
    room = BUDGET
    is_measured = file is None and bool(plan.measure)
    found: list[list[Octets]] = []
    read: list[Row] = []
    damaged: list[int] = []
    for row in rows:
        if room <= 0 or (is_measured and row[-1] >= LARGE and plan.is_large(row[stop])):
            break
        source = Source(row[stop:], plan.needed, folder)
        try:
            if file is None:
                found.append([cut(source) for cut in plan.cutters])
            else:
                found.append(list(_cut_to_disk(source, plan.cutters, file)))
        except Damaged as error:
            log.error("message is damaged", uid=row[0], why=error.fault)
            damaged.append(row[0])
        else:
            read.append(row)
        room -= source.cost
    tried = len(read) + len(damaged)
    done = len(uids) if tried == len(rows) else uids.index(rows[tried][0])
    return Bodies([row[0] for row in read], [row[1:stop] for row in read], found, done, tuple(damaged))


def _cut_to_disk(source: Source, cutters: tuple[Cutter, ...], file: IO[bytes]) -> Iterator[Octets]:
    """Sections of a large message: in the file, but for LARGE octets together. Raises Temporary: the disk is full."""
    room = LARGE
    for cut in cutters:
        octets = cut(source)
        if not isinstance(octets, bytes) or len(octets) < room:
            room -= len(octets) if isinstance(octets, bytes) else 0
            yield octets
            continue
        start = file.tell()
        try:
            file.write(octets)
            file.flush()
        except OSError as error:
            raise Temporary("The disk has no room for a large answer") from error
        yield OnDisk(start, len(octets), b"\0" in octets)
