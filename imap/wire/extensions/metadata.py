"""METADATA (RFC 5464): its commands as values, their grammar, and its answers."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from imap.wire import names, strings
from imap.wire.codes import Code, CodeName
from imap.wire.grammar import Cursor
from mailserver.model.errors import BadSyntax

MAX_ENTRY = 200
"""Octets of an entry's name."""
MAX_ENTRIES = 100
"""Entries of one command."""
INFINITY = 1000
"""Deeper than any name."""
_ENTRY = re.compile(rb"(?:/[^/*%\x00-\x1f\x7f-\xff]+)+\Z")


@dataclass(frozen=True, slots=True)
class GetMetadata:
    """RFC 5464 section 4.2; no mailbox: the server's entries. `max_size` None: of any size."""

    mailbox: str
    entries: tuple[str, ...]
    max_size: int | None = None
    depth: int = 0


@dataclass(frozen=True, slots=True)
class SetMetadata:
    """RFC 5464 section 4.3: None removes an entry."""

    mailbox: str
    values: tuple[tuple[str, bytes | None], ...]


def get_metadata(cursor: Cursor) -> GetMetadata:
    """Options stand before the mailbox by the grammar of section 5, behind it in the examples of section 4.2."""
    cursor.space()
    options: dict[str, int] = {}
    if cursor.sees(b"("):
        _options(cursor, options)
        cursor.space()
    mailbox = _mailbox(cursor)
    cursor.space()
    if not options and (cursor.sees_word(b"(MAXSIZE ") or cursor.sees_word(b"(DEPTH ")):
        _options(cursor, options)
        cursor.space()
    return GetMetadata(mailbox, _bare_entries(cursor), options.get("MAXSIZE"), options.get("DEPTH", 0))


def _options(cursor: Cursor, found: dict[str, int]) -> None:
    def option() -> None:
        word = cursor.word()
        if word in found or word not in ("MAXSIZE", "DEPTH"):
            raise BadSyntax("Unknown option, or one given twice")
        cursor.space()
        if word == "MAXSIZE":
            found[word] = cursor.number()
            return
        depth = cursor.word()
        if depth not in ("0", "1", "INFINITY"):
            raise BadSyntax("DEPTH is 0, 1 or infinity")
        found[word] = INFINITY if depth == "INFINITY" else int(depth)

    cursor.items(option, most=2)


def set_metadata(cursor: Cursor) -> SetMetadata:
    cursor.space()
    mailbox = _mailbox(cursor)
    cursor.space()

    def pair() -> tuple[str, bytes | None]:
        name = entry(cursor)
        cursor.space()
        return name, _value(cursor)

    return SetMetadata(mailbox, tuple(cursor.items(pair, most=MAX_ENTRIES)))


def _value(cursor: Cursor) -> bytes | None:
    return cursor.literal() if cursor.sees(b"~{") else cursor.nstring()


def _mailbox(cursor: Cursor) -> str:
    """An empty name is the server's (section 4.1)."""
    return "" if cursor.skip(b'""') else cursor.mailbox()


def entries(cursor: Cursor) -> tuple[str, ...]:
    """One entry, or several in parentheses (section 5, `entries`)."""
    if cursor.sees(b"("):
        return tuple(dict.fromkeys(cursor.items(lambda: entry(cursor), most=MAX_ENTRIES)))
    return (entry(cursor),)


def _bare_entries(cursor: Cursor) -> tuple[str, ...]:
    """Also several without parentheses, as in the examples of section 4.4.1."""
    found = dict.fromkeys(entries(cursor))
    while len(found) < MAX_ENTRIES and cursor.skip(b" "):
        found[entry(cursor)] = None
    return tuple(found)


def entry(cursor: Cursor) -> str:
    """An entry's name in lower case: case makes no difference (section 3.2.1)."""
    octets = cursor.astring()
    if len(octets) > MAX_ENTRY or _ENTRY.match(octets) is None:
        raise BadSyntax("Not a name of an entry")
    return octets.decode("ascii").lower()


def metadata(mailbox: str, values: Mapping[str, bytes | None], utf8: bool = False) -> bytes:
    """METADATA with values (section 4.4.1); None is NIL. Nothing without entries."""
    if not values:
        return b""
    said = b" ".join(b"%s %s" % (strings.astring(name.encode()), _spelt(value)) for name, value in values.items())
    return b"* METADATA %s (%s)\r\n" % (_name(mailbox, utf8), said)


def metadata_changed(mailbox: str, changed: Iterable[str], utf8: bool = False) -> bytes:
    """METADATA without values (section 4.4.2): what somebody else changed."""
    said = b" ".join(strings.astring(name.encode()) for name in changed)
    return b"* METADATA %s %s\r\n" % (_name(mailbox, utf8), said)


def _spelt(value: bytes | None) -> bytes:
    """A value with NUL in it travels as a literal8 (section 5, `value`)."""
    if value is not None and b"\0" in value:
        return b"~" + strings.literal(value)
    return strings.nstring(value)


def _name(mailbox: str, utf8: bool) -> bytes:
    return names.encode(mailbox, utf8) if mailbox else b'""'


def long_entries(size: int) -> Code:
    """The largest value that was left out (section 4.2.1)."""
    return Code(CodeName.METADATA, b"LONGENTRIES %d" % size)


TOO_MANY = Code(CodeName.METADATA, b"TOOMANY")
