"""Body sections as slices of the stored octets (RFC 3501 section 6.4.5).

Runs in the store's reader threads. Where parts begin and end was computed at delivery; a section of the header
reads only the header's frame, which is kept apart from the body.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import IO, Any

import structlog

from imap.answers import fields
from imap.wire.fetch.fetch_items import Coding, Octets, OnDisk, Section, SectionText, Unknown
from mailserver.foundation.large_answers import LARGE
from mailserver.mime.body import structure
from mailserver.mime.header import transfer_encoding
from mailserver.model.errors import Damaged, Reason, Refused, Temporary
from mailserver.store.engine.statements import Row
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import blobs, messages
from mailserver.store.mail.messages import LIGHT
from mailserver.store.octets.files import BlobFolder

log = structlog.get_logger("imap")

BUDGET = 2 * 1024 * 1024
"""Octets read at once."""
TIMES = 4
"""How often one command may name the octets of a message, BUDGET besides: a thousand sections of fifty megabytes each
would be held at once."""
SMALL = 256 * 1024
"""Octets that are expanded in a fraction of a millisecond (seen: 0.2 ms for 150 KB, where a thread takes 0.5 more)."""
RENDERED = frozenset({"envelope", "body", "bodystructure", "parts"})
"""Columns that take a kilobyte as a rule, and a megabyte at worst."""
LISTED = ("listed",)
"""The columns of what shows lists: no header is expanded."""


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
    plan = _plan(sections)
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
    return ("uid", *names, *_plan(sections).needed, "size")


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
    plan = _plan(sections)
    if plan.needed == LISTED:
        return all(row[-2] is not None for row in rows)
    if sum([row[-1] for row in rows]) > SMALL:
        return False
    return not plan.file or all(row[plan.file + len(names)] is None for row in rows)


def cut_small(
    rows: list[Row], uids: Sequence[int], names: Sequence[str], sections: tuple[Section, ...], folder: BlobFolder
) -> Bodies:
    """Columns and sections of these rows."""
    return _cut_out(rows, uids, len(names), _plan(sections), folder)


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
    plan: "_Plan",
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
        source = _Source(row[stop:], plan.needed, folder)
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


def _cut_to_disk(source: "_Source", cutters: "tuple[Cutter, ...]", file: IO[bytes]) -> Iterator[Octets]:
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


def in_header(section: Section) -> bool:
    """True when the header of the message itself is all it takes."""
    return not section.part and section.text in (
        SectionText.HEADER,
        SectionText.HEADER_FIELDS,
        SectionText.HEADER_FIELDS_NOT,
    )


def _needed(sections: tuple[Section, ...]) -> tuple[str, ...]:
    """The columns that hold these sections."""
    if all(map(fields.is_listed, sections)):
        return LISTED
    names = ["header"]
    if not all(in_header(section) for section in sections):
        names += ["octets", "file"]
    if any(section.part for section in sections):
        names.append("parts")
    return tuple(names)


class _Source:
    """One message's frames, opened when a section needs them."""

    __slots__ = ("_body", "_folder", "_frames", "_given", "_header", "_names", "_tree", "read")

    def __init__(self, frames: Row, names: Sequence[str], folder: BlobFolder) -> None:
        self._frames = frames
        self._names = names
        self._folder = folder
        self._header: bytes | None = None
        self._body: bytes | None = None
        self._tree: structure.Part | None = None
        self._given = 0
        self.read = 0
        """Octets that were expanded."""

    @property
    def cost(self) -> int:
        """Octets that its sections took so far."""
        return max(self.read, self._given)

    def header(self) -> bytes:
        return self._give(self._read_header())

    def body(self) -> bytes:
        return self._give(self._read_body())

    def whole(self) -> bytes:
        return self._give(self._read_header() + self._read_body())

    def cut(self, start: int, stop: int) -> bytes:
        """These octets of the whole."""
        header = self._read_header()
        if start >= len(header):
            return self._give(self._read_body()[start - len(header) : stop - len(header)])
        return self._give((header + self._read_body())[start:stop])

    def tree(self) -> structure.Part:
        """Its parts."""
        if self._tree is None:
            self._tree = structure.unpack(self._frames[self._names.index("parts")])
        return self._tree

    def _read_header(self) -> bytes:
        if self._header is None:
            # Of the fields that are kept apart the others are left out already, which choosing does not notice.
            if isinstance(self._frames[0], Damaged):
                raise self._frames[0]
            self._header = self._frames[0] if self._names == LISTED else blobs.expand(self._frames[0])
            self.read += len(self._header)
        return self._header

    def _read_body(self) -> bytes:
        if self._body is None:
            self._body = blobs.read_body(self._folder, self._frames[1], self._frames[2])
            self.read += len(self._body)
        return self._body

    def _give(self, octets: bytes) -> bytes:
        """Raises Refused(LIMIT) when sections of one message are asked for again and again."""
        self._given += len(octets)
        if self._given > TIMES * self.read + BUDGET:
            raise Refused(Reason.LIMIT, "Too much of one message at once")
        return octets


Cutter = Callable[[_Source], Octets]

_PLACES: dict[SectionText | None, structure.Section] = {
    None: None,
    SectionText.HEADER: "HEADER",
    SectionText.HEADER_FIELDS: "HEADER",
    SectionText.HEADER_FIELDS_NOT: "HEADER",
    SectionText.TEXT: "TEXT",
    SectionText.MIME: "MIME",
}


@dataclass(frozen=True, slots=True)
class _Plan:
    """How sections are cut out of messages."""

    needed: tuple[str, ...]
    """The columns that hold them."""
    cutters: tuple[Cutter, ...]
    choose: Callable[[bytes], Octets] | None
    """For a single section of fields that are kept apart: lists of thousands of messages ask for it, and there is
    nothing to open."""
    file: int
    """Where the file's name stands in a row that begins with the UID; 0: it is not needed."""

    @property
    def measure(self) -> tuple[str, ...]:
        """The column that says whether a message is large; none for fields that are kept apart, which are not."""
        return () if self.needed == LISTED else ("size",)

    def is_large(self, header: bytes) -> bool:
        """Whether reading takes much of a large message: its header alone seldom does."""
        try:
            return bool(self.file) or blobs.unpacked_size(header) >= LARGE
        except Damaged:
            return False  # reading it says so


def _plan(sections: tuple[Section, ...]) -> _Plan:
    """What clients ask all day is remembered."""
    return (
        _remembered(sections)
        if sum(len(section.label) for section in sections) <= fields.FEW_NAMES
        else _made(sections)
    )


def _made(sections: tuple[Section, ...]) -> _Plan:
    needed = _needed(sections)
    return _Plan(
        needed,
        tuple(map(_cutter, sections)),
        fields.chooser(sections[0]) if needed == LISTED and len(sections) == 1 else None,
        1 + needed.index("file") if "file" in needed else 0,
    )


_remembered = lru_cache(maxsize=256)(_made)


def _cutter(section: Section) -> Cutter:
    """How to cut a section out of a message."""
    if section.coding is not Coding.KEPT:
        cut = _decoded(section)
    else:
        cut = _part(section) if section.part else _of_message(section)
    if section.fields:
        cut = _fields_of(cut, section)
    if section.coding is Coding.KEPT:
        cut = _shown(cut)
    if section.start is not None and section.length is not None:
        return _partial(cut, section.start, section.start + section.length)
    return cut


def _of_message(section: Section) -> Cutter:
    if section.text is None:
        return _Source.whole
    return _Source.body if section.text is SectionText.TEXT else _Source.header


def _part(section: Section) -> Cutter:
    number, what = ".".join(map(str, section.part)), _PLACES[section.text]

    def cut(source: _Source) -> Octets:
        place = source.tree().section(number, what)
        return None if place is None else source.cut(*place)

    return cut


def _decoded(section: Section) -> Cutter:
    """A part without its transfer encoding (RFC 3516); the message itself has none."""
    number = ".".join(map(str, section.part))

    def cut(source: _Source) -> Octets:
        part = source.tree().find(number)
        if part is None:
            return None
        if not transfer_encoding.is_known(part.encoding):
            return Unknown.CTE
        return transfer_encoding.decode(source.cut(part.body, part.end), part.encoding)

    return cut if number else _Source.whole


def _fields_of(inner: Cutter, section: Section) -> Cutter:
    """HEADER.FIELDS and HEADER.FIELDS.NOT: field by field, octet for octet."""
    choose = fields.header_fields(section.fields, exclude=section.text is SectionText.HEADER_FIELDS_NOT)

    def cut(source: _Source) -> Octets:
        header = inner(source)
        return choose(header) if isinstance(header, bytes) else header

    return cut


def _shown(inner: Cutter) -> Cutter:
    """Without NUL, for what is not BINARY. APPEND takes none that this would meet; what damaged files brought does."""

    def cut(source: _Source) -> Octets:
        octets = inner(source)
        return (
            octets.replace(fields.NUL, fields.INSTEAD) if isinstance(octets, bytes) and fields.NUL in octets else octets
        )

    return cut


def _partial(inner: Cutter, start: int, stop: int) -> Cutter:
    def cut(source: _Source) -> Octets:
        octets = inner(source)
        return octets[start:stop] if isinstance(octets, bytes) else octets

    return cut
