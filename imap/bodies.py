"""Body sections as slices of the stored octets (RFC 3501 section 6.4.5).

Runs in the store's reader threads. Where parts begin and end was computed at delivery; a section of the header
reads only the header's frame, which is kept apart from the body.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from imap.wire.fetch import Section, SectionText
from mailserver.mime import headers, structure
from mailserver.store import blobs, messages
from mailserver.store.statements import Row
from mailserver.store.transactions import Tx

BUDGET = 2 * 1024 * 1024
"""Octets read at once; a larger message comes alone."""


@dataclass(frozen=True, slots=True)
class Body:
    """What was read of one message: its columns, and the octets of each section (None: no such part)."""

    uid: int
    columns: Row
    sections: list[bytes | None]


def read(
    tx: Tx,
    account_id: int,
    mailbox_id: int,
    uids: Sequence[int],
    names: Sequence[str],
    sections: Sequence[Section],
    folder: Path,
) -> tuple[list[Body], int]:
    """Columns `names` and `sections` of messages with these ascending UIDs, until BUDGET is used up.

    Returns them, and how many of the UIDs were dealt with (at least one); UIDs that are gone have no Body.
    """
    needed = _needed(sections)
    rows = messages.fetch_uids(tx, account_id, mailbox_id, ("uid", *names, *needed), uids)
    bodies: list[Body] = []
    room = BUDGET
    for row in rows:
        if bodies and room <= 0:
            return bodies, uids.index(row[0])
        source = _Source(dict(zip(needed, row[1 + len(names) :], strict=True)), folder)
        found = [_section(source, section) for section in sections]
        room -= source.read
        bodies.append(Body(row[0], row[1 : 1 + len(names)], found))
    return bodies, len(uids)


def in_header(section: Section) -> bool:
    """True when the header of the message itself is all it takes."""
    return not section.part and section.text in (
        SectionText.HEADER,
        SectionText.HEADER_FIELDS,
        SectionText.HEADER_FIELDS_NOT,
    )


def _needed(sections: Sequence[Section]) -> tuple[str, ...]:
    """The columns that hold these sections."""
    names = ["header"]
    if not all(in_header(section) for section in sections):
        names += ["octets", "file"]
    if any(section.part for section in sections):
        names.append("parts")
    return tuple(names)


class _Source:
    """One message's frames, opened when a section needs them."""

    def __init__(self, columns: dict[str, bytes], folder: Path) -> None:
        self._columns = columns
        self._folder = folder
        self.read = 0
        """Octets that were expanded."""

    @cached_property
    def header(self) -> bytes:
        octets = blobs.expand(self._columns["header"])
        self.read += len(octets)
        return octets

    @cached_property
    def body(self) -> bytes:
        file = self._columns["file"]
        octets = blobs.read_body(self._folder, self._columns["octets"], str(file) if file is not None else None)
        self.read += len(octets)
        return octets

    @cached_property
    def whole(self) -> bytes:
        return self.header + self.body

    @cached_property
    def parts(self) -> structure.Part:
        return structure.unpack(self._columns["parts"])


_PLACES: dict[SectionText | None, structure.Section] = {
    None: None,
    SectionText.HEADER: "HEADER",
    SectionText.HEADER_FIELDS: "HEADER",
    SectionText.HEADER_FIELDS_NOT: "HEADER",
    SectionText.TEXT: "TEXT",
    SectionText.MIME: "MIME",
}


def _section(source: _Source, section: Section) -> bytes | None:
    """The octets of a section, cut to what is asked of it; None when the message has no such part."""
    if section.part:
        place = source.parts.section(".".join(map(str, section.part)), _PLACES[section.text])
        if place is None:
            return None
        octets = source.whole[place[0] : place[1]]
    elif section.text is None:
        octets = source.whole
    else:
        octets = source.body if section.text is SectionText.TEXT else source.header
    if section.fields:
        exclude = section.text is SectionText.HEADER_FIELDS_NOT
        octets = headers.select(octets, 0, len(octets), section.fields, exclude=exclude)
    if section.start is not None and section.length is not None:
        return octets[section.start : section.start + section.length]
    return octets
