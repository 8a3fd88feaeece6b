"""How one section is cut out of a message: BODY[…], BINARY[…] and their parts (RFC 3501 section 6.4.5, RFC 3516).

It works on the frames that the store keeps: where parts begin and end was computed at delivery. A section of the
header reads only the header's frame, which is kept apart from the body.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from imap.answers import fields
from imap.wire.fetch.fetch_items import Coding, Octets, Section, SectionText, Unknown
from mailserver.foundation.large_answers import LARGE
from mailserver.mime.body import structure
from mailserver.mime.header import transfer_encoding
from mailserver.model.errors import Damaged, Reason, Refused
from mailserver.store.engine.statements import Row
from mailserver.store.mail import blobs
from mailserver.store.octets.files import BlobFolder

BUDGET = 2 * 1024 * 1024
"""Octets read at once."""
TIMES = 4
"""How often one command may name the octets of a message, BUDGET besides: a thousand sections of fifty megabytes each
would be held at once."""
LISTED = ("listed",)
"""The columns of what shows lists: no header is expanded."""


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


class Source:
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


Cutter = Callable[[Source], Octets]

_PLACES: dict[SectionText | None, structure.Section] = {
    None: None,
    SectionText.HEADER: "HEADER",
    SectionText.HEADER_FIELDS: "HEADER",
    SectionText.HEADER_FIELDS_NOT: "HEADER",
    SectionText.TEXT: "TEXT",
    SectionText.MIME: "MIME",
}


@dataclass(frozen=True, slots=True)
class Plan:
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


def plan_of(sections: tuple[Section, ...]) -> Plan:
    """What clients ask all day is remembered."""
    return (
        _remembered(sections)
        if sum(len(section.label) for section in sections) <= fields.FEW_NAMES
        else _made(sections)
    )


def _made(sections: tuple[Section, ...]) -> Plan:
    needed = _needed(sections)
    return Plan(
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
        return Source.whole
    return Source.body if section.text is SectionText.TEXT else Source.header


def _part(section: Section) -> Cutter:
    number, what = ".".join(map(str, section.part)), _PLACES[section.text]

    def cut(source: Source) -> Octets:
        place = source.tree().section(number, what)
        return None if place is None else source.cut(*place)

    return cut


def _decoded(section: Section) -> Cutter:
    """A part without its transfer encoding (RFC 3516); the message itself has none."""
    number = ".".join(map(str, section.part))

    def cut(source: Source) -> Octets:
        part = source.tree().find(number)
        if part is None:
            return None
        if not transfer_encoding.is_known(part.encoding):
            return Unknown.CTE
        return transfer_encoding.decode(source.cut(part.body, part.end), part.encoding)

    return cut if number else Source.whole


def _fields_of(inner: Cutter, section: Section) -> Cutter:
    """HEADER.FIELDS and HEADER.FIELDS.NOT: field by field, octet for octet."""
    choose = fields.header_fields(section.fields, exclude=section.text is SectionText.HEADER_FIELDS_NOT)

    def cut(source: Source) -> Octets:
        header = inner(source)
        return choose(header) if isinstance(header, bytes) else header

    return cut


def _shown(inner: Cutter) -> Cutter:
    """Without NUL, for what is not BINARY. APPEND takes none that this would meet; what damaged files brought does."""

    def cut(source: Source) -> Octets:
        octets = inner(source)
        return (
            octets.replace(fields.NUL, fields.INSTEAD) if isinstance(octets, bytes) and fields.NUL in octets else octets
        )

    return cut


def _partial(inner: Cutter, start: int, stop: int) -> Cutter:
    def cut(source: Source) -> Octets:
        octets = inner(source)
        return octets[start:stop] if isinstance(octets, bytes) else octets

    return cut
