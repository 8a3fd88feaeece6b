"""What FETCH asks for: attributes, body sections, partial ranges (RFC 3501 sections 6.4.5, 9; RFC 3516)."""

import re
from dataclasses import dataclass, replace
from enum import Enum

from imap.wire.grammar import Cursor
from imap.wire.strings import astring
from mailserver.model.errors import BadSyntax


class Attribute(Enum):
    """Everything FETCH can ask for that is not a body section; the value is its name in the answer."""

    UID = "UID"
    FLAGS = "FLAGS"
    INTERNALDATE = "INTERNALDATE"
    RFC822_SIZE = "RFC822.SIZE"
    MODSEQ = "MODSEQ"
    ENVELOPE = "ENVELOPE"
    BODY = "BODY"
    BODYSTRUCTURE = "BODYSTRUCTURE"
    SAVEDATE = "SAVEDATE"
    PREVIEW = "PREVIEW"
    EMAILID = "EMAILID"
    THREADID = "THREADID"

    __hash__ = object.__hash__
    """Enum's own is written in Python; attributes are looked up for every line of an answer."""


class SectionText(Enum):
    """Which text of a part (RFC 3501 section 9, section-text); a Section without one is the whole part."""

    HEADER = "HEADER"
    HEADER_FIELDS = "HEADER.FIELDS"
    HEADER_FIELDS_NOT = "HEADER.FIELDS.NOT"
    TEXT = "TEXT"
    MIME = "MIME"


class Coding(Enum):
    """What happens to a section's Content-Transfer-Encoding."""

    KEPT = "BODY"
    UNDONE = "BINARY"
    MEASURED = "BINARY.SIZE"
    """It is undone, and only the size told."""


class Unknown(Enum):
    """Instead of a section's octets."""

    CTE = "a transfer encoding nobody here can undo"


@dataclass(frozen=True, slots=True)
class OnDisk:
    """A large section, which lies in a file that is the answer's own."""

    start: int
    """Where in the file."""
    octets: int
    has_nul: bool

    def __len__(self) -> int:
        return self.octets


Octets = bytes | OnDisk | None | Unknown
"""What is found of a section; None: the message has no such part."""


@dataclass(frozen=True, slots=True)
class Section:
    """BODY[...], BODY.PEEK[...], and RFC822, RFC822.HEADER, RFC822.TEXT, which are other names of it; and BINARY[...],
    BINARY.PEEK[...], BINARY.SIZE[...] (RFC 3516 section 4.2), where `coding` says so.

    `part` is empty for the message itself. `fields` are header field names in capitals, in the order asked.
    `label` is the name in the answer, ready to write before the literal: `BODY[1.MIME]<0>`, `RFC822.HEADER`.
    """

    part: tuple[int, ...] = ()
    text: SectionText | None = None
    fields: tuple[str, ...] = ()
    start: int | None = None
    length: int | None = None
    peek: bool = False
    label: bytes = b"BODY[]"
    coding: Coding = Coding.KEPT

    @property
    def partial(self) -> bool:
        """True when only octets `start` to `start + length` are asked for."""
        return self.start is not None

    @property
    def octets(self) -> int:
        """About how much memory it takes: the client says how many fields it names."""
        return 300 + len(self.label) + sum(60 + len(field) for field in self.fields)


FetchItem = Attribute | Section


MACROS: dict[str, tuple[FetchItem, ...]] = {
    "FAST": (Attribute.FLAGS, Attribute.INTERNALDATE, Attribute.RFC822_SIZE),
    "ALL": (Attribute.FLAGS, Attribute.INTERNALDATE, Attribute.RFC822_SIZE, Attribute.ENVELOPE),
    "FULL": (
        Attribute.FLAGS,
        Attribute.INTERNALDATE,
        Attribute.RFC822_SIZE,
        Attribute.ENVELOPE,
        Attribute.BODY,
    ),
}
"""RFC 3501 section 6.4.5; a macro stands alone, never in a list."""

ITEMS: dict[str, FetchItem] = {
    **{attribute.value: attribute for attribute in Attribute},
    "RFC822": Section(label=b"RFC822"),
    "RFC822.HEADER": Section(text=SectionText.HEADER, peek=True, label=b"RFC822.HEADER"),
    "RFC822.TEXT": Section(text=SectionText.TEXT, label=b"RFC822.TEXT"),
}
"""Every item that is one word."""

MAX_PART_DEPTH = 100
"""Levels of a part number: more than any stored structure has."""

_FIELD_NAME = re.compile(rb"[!-9;-~]{1,1000}\Z")


def items(cursor: Cursor) -> tuple[FetchItem, ...]:
    """What FETCH names: a macro, one item or a list of them, each once (RFC 3501 section 9, fetch)."""
    if cursor.sees(b"("):
        return tuple(dict.fromkeys(cursor.items(lambda: _item(cursor))))
    start = cursor.position
    macro = MACROS.get(cursor.word())
    if macro is not None:
        return macro
    cursor.position = start
    return (_item(cursor),)


def quiet_items(cursor: Cursor) -> tuple[FetchItem, ...]:
    """What is to be told unasked of new messages (RFC 5465 sections 5.2, 7): nobody reads by it, no \\Seen is set."""
    return tuple(item if isinstance(item, Attribute) else replace(item, peek=True) for item in items(cursor))


def _item(cursor: Cursor) -> FetchItem:
    word = cursor.word()
    if cursor.sees(b"["):
        if word in ("BODY", "BODY.PEEK"):
            return _section(cursor, peek=word == "BODY.PEEK")
        if word in ("BINARY", "BINARY.PEEK", "BINARY.SIZE"):
            return _binary(cursor, word)
        raise BadSyntax("Unknown fetch item")
    item = ITEMS.get(word)
    if item is None:
        raise BadSyntax("Unknown fetch item")
    if item is Attribute.PREVIEW and cursor.sees_word(b" (LAZY)"):
        cursor.position += len(b" (LAZY)")  # RFC 8970 section 3.1: previews were made at delivery
    return item


def _section(cursor: Cursor, peek: bool) -> Section:
    """`[` section `]` and the partial range behind it."""
    cursor.expect(b"[")
    part, more = _part(cursor)
    text = _section_text(cursor.word(), part) if more or not cursor.sees(b"]") else None
    fields: tuple[bytes, ...] = ()
    if text in (SectionText.HEADER_FIELDS, SectionText.HEADER_FIELDS_NOT):
        cursor.space()
        fields = tuple(cursor.items(lambda: _field_name(cursor)))
    cursor.expect(b"]")
    start, length = _partial(cursor)
    return Section(
        part,
        text,
        tuple(field.decode("ascii").upper() for field in fields),
        start,
        length,
        peek,
        _label(part, text, fields, start),
    )


def _binary(cursor: Cursor, word: str) -> Section:
    """RFC 3516 section 7, section-binary: a part and nothing of it, and no range of a size."""
    cursor.expect(b"[")
    part, more = _part(cursor)
    if more:
        raise BadSyntax("BINARY is of whole parts")
    cursor.expect(b"]")
    coding = Coding.MEASURED if word == "BINARY.SIZE" else Coding.UNDONE
    start, length = _partial(cursor) if coding is Coding.UNDONE else (None, None)
    label = b"%b[%b]" % (coding.value.encode("ascii"), b".".join(b"%d" % number for number in part))
    if start is not None:
        label += b"<%d>" % start
    peek = word != "BINARY"
    return Section(part, start=start, length=length, peek=peek, label=label, coding=coding)


def _part(cursor: Cursor) -> tuple[tuple[int, ...], bool]:
    """A part number; and true when a dot follows it, so that the name of a text must come."""
    numbers: list[int] = []
    while cursor.sees_digit():
        numbers.append(cursor.nz_number())
        if len(numbers) > MAX_PART_DEPTH:
            raise BadSyntax("Part number is too deep")
        if not cursor.skip(b"."):
            return tuple(numbers), False
    return tuple(numbers), bool(numbers)


def _section_text(word: str, part: tuple[int, ...]) -> SectionText:
    try:
        text = SectionText(word)
    except ValueError:
        raise BadSyntax("Unknown section") from None
    if text is SectionText.MIME and not part:
        raise BadSyntax("MIME is of a part")
    return text


def _field_name(cursor: Cursor) -> bytes:
    """A header field's name (RFC 5322 section 3.6.8): nothing else is echoed in the answer's label."""
    name = cursor.name(cursor.astring())
    if _FIELD_NAME.match(name) is None:
        raise BadSyntax("Not the name of a header field")
    return name


def _partial(cursor: Cursor) -> tuple[int | None, int | None]:
    """Where a part of a section begins and how long it may be: numbers of 63 bits (RFC 9051 section 9, partial)."""
    if not cursor.skip(b"<"):
        return None, None
    start = cursor.number64()
    cursor.expect(b".")
    length = cursor.nz_number64()
    cursor.expect(b">")
    return start, length


def _label(part: tuple[int, ...], text: SectionText | None, fields: tuple[bytes, ...], start: int | None) -> bytes:
    """The section as the answer names it; fields in the client's spelling, which some clients compare."""
    words = [*map(str, part), *([text.value] if text else [])]
    label = b"BODY[" + ".".join(words).encode("ascii")
    if fields:
        label += b" (%s)" % b" ".join(map(astring, fields))
    return label + (b"]" if start is None else b"]<%d>" % start)
