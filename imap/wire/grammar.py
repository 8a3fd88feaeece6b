"""A cursor over one command with a method for each primitive of the grammar (RFC 3501 section 9).

Each method takes what its rule describes, stands behind it afterwards, and raises BadSyntax when it is not
there. Each is one regular expression without ambiguity, so the time is linear. Where a literal stood the
text has `{n}` CR LF, which nothing else can produce, and the octets come from the framer's list.

Tolerated beyond the RFC, with the reason: 8-bit octets in quoted strings (every client that searches for
accents without a literal; IMAP4rev2 allows them), a one-digit day in date-time (several scripts).
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TypeVar

from imap.wire import names
from imap.wire.flags import SYSTEM_BITS, Flags
from imap.wire.framing import CommandLine
from imap.wire.sets import LARGEST, SequenceSet
from mailserver.model.errors import BadSyntax

_ATOM_CHARS = rb"!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~"
_ATOM = re.compile(rb"[" + _ATOM_CHARS + rb"]+")
_ASTRING = re.compile(rb"[" + _ATOM_CHARS + rb"\]]+")
_LIST_MAILBOX = re.compile(rb"[" + _ATOM_CHARS + rb"\]%*]+")
_FLAG = re.compile(rb"\\?[" + _ATOM_CHARS + rb"]+")
_QUOTED = re.compile(rb'"([^"\\\r\n\0]*(?:\\["\\][^"\\\r\n\0]*)*)"')
_ESCAPED = re.compile(rb'\\(["\\])')
_LITERAL = re.compile(rb"~?\{[0-9]+\+?\}\r\n")
_NIL = re.compile(rb"NIL(?![" + _ATOM_CHARS + rb"\]])", re.IGNORECASE)
_DIGITS = re.compile(rb"[0-9]{1,19}")
_OBJECTID = re.compile(rb"[A-Za-z0-9_\-]{1,255}(?![A-Za-z0-9_\-])")
_WORD = re.compile(rb"[A-Za-z0-9.+\-]+")
_DATE = re.compile(rb'("?)([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})\1')
_DATE_TIME = re.compile(
    rb'"([ 0-9]?[0-9])-([A-Za-z]{3})-([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+\-])([0-9]{2})([0-9]{2})"'
)
_SEQUENCE_SET = re.compile(rb"[0-9*][0-9*:,]*|\$(?![" + _ATOM_CHARS + rb"\]])")
_SET_STARTS = frozenset((b"*", *(b"%d" % digit for digit in range(10))))
_MONTHS = {
    month: number
    for number, month in enumerate(
        (b"JAN", b"FEB", b"MAR", b"APR", b"MAY", b"JUN", b"JUL", b"AUG", b"SEP", b"OCT", b"NOV", b"DEC"), 1
    )
}

MAX_NUMBER64 = 0x7FFF_FFFF_FFFF_FFFF
"""63 bits: mod-sequences (RFC 7162 section 7), sizes and places in messages (RFC 9051 section 9, number64)."""
MAX_KEYWORD = 100
"""Octets of a keyword's name."""
MAX_NAMES = 64 * 1024
"""Octets of all names of mailboxes and header fields in one command: each is work when the command is read."""
MAX_FLAGS = 100
"""Flags that one command may name: more than a mailbox can have."""

T = TypeVar("T")


class BadCommand(BadSyntax):
    """A command that breaks the grammar, and the tag to answer it with: None when even that is unreadable."""

    def __init__(self, text: str, tag: str | None = None) -> None:
        super().__init__(text)
        self.tag = tag


class BadMailbox(BadCommand):
    """A mailbox name that cannot be: NO [CANNOT], not BAD, because the form is right (RFC 5530 section 3)."""


class BadCharset(BadCommand):
    """A search in a charset we do not know: NO [BADCHARSET], not BAD (RFC 3501 section 6.4.4).

    `saves`: its result was to be saved, so the saved one is now empty (RFC 5182 section 2.1).
    """

    def __init__(self, text: str, tag: str | None = None, *, saves: bool = False) -> None:
        super().__init__(text, tag)
        self.saves = saves


class Cursor:
    """Where the parser stands in a command."""

    __slots__ = ("_literals", "_named", "_taken", "charset", "position", "text", "utf8")

    def __init__(self, line: CommandLine, utf8: bool = False, position: int = 0, *, charset: bool = True) -> None:
        self.text = line.text
        self.position = position
        self.utf8 = utf8
        """The client enabled UTF-8: its mailbox names are not in modified UTF-7."""
        self.charset = charset
        """SEARCH may name a charset."""
        self._literals = line.literals
        self._taken = 0
        self._named = 0
        """Octets of names so far."""

    # Punctuation

    def match(self, expression: re.Pattern[bytes]) -> re.Match[bytes] | None:
        """Take what the expression matches here, if it does."""
        found = expression.match(self.text, self.position)
        if found is not None:
            self.position = found.end()
        return found

    def skip(self, octets: bytes) -> bool:
        """Take these octets if they are next."""
        if self.text.startswith(octets, self.position):
            self.position += len(octets)
            return True
        return False

    def sees(self, octets: bytes) -> bool:
        """True when these octets are next."""
        return self.text.startswith(octets, self.position)

    def sees_digit(self) -> bool:
        return self.text[self.position : self.position + 1].isdigit()

    def sees_word(self, word: bytes) -> bool:
        """True when this comes next, in any case; `word` is in capitals."""
        return self.text[self.position : self.position + len(word)].upper() == word

    def expect(self, octets: bytes) -> None:
        if not self.skip(octets):
            raise BadSyntax(f"Expected {octets.decode('ascii')!r}")

    def skip_before_digit(self, octets: bytes) -> bool:
        """Take these octets if they and then a digit or `*` are next."""
        after = self.position + len(octets)
        if self.sees(octets) and self.text[after : after + 1] in _SET_STARTS:
            self.position = after
            return True
        return False

    def plain_rest(self, most: int) -> bytes:
        """Take everything up to the end if it has no literal and is no longer than `most`; else nothing."""
        if self._literals or len(self.text) - self.position > most:
            return b""
        return self.rest()

    def rest(self) -> bytes:
        """Everything up to the end."""
        octets = self.text[self.position :]
        self.position = len(self.text)
        return octets

    def space(self) -> None:
        if not self.skip(b" "):
            raise BadSyntax("Expected a space" if self.position < len(self.text) else "Missing argument")

    def at_end(self) -> bool:
        return self.position == len(self.text)

    def end(self) -> None:
        if self.position != len(self.text):
            raise BadSyntax("Unexpected text at the end")

    def items(self, item: Callable[[], T], *, empty: bool = False, most: int = 1000) -> list[T]:
        """A list in parentheses, its items separated by one space (RFC 3501 section 4.4)."""
        self.expect(b"(")
        found: list[T] = []
        if empty and self.skip(b")"):
            return found
        found.append(item())
        while not self.skip(b")"):
            self.space()
            if len(found) >= most:
                raise BadSyntax("Too many items in a list")
            found.append(item())
        return found

    # Strings

    def atom(self) -> str:
        found = self.match(_ATOM)
        if found is None:
            raise BadSyntax("Expected an atom")
        return found[0].decode("ascii")

    def word(self) -> str:
        """A keyword of the grammar, in capitals."""
        found = self.match(_WORD)
        if found is None:
            raise BadSyntax("Expected a word")
        return found[0].decode("ascii").upper()

    def objectid(self) -> str:
        """RFC 8474 section 7."""
        found = self.match(_OBJECTID)
        if found is None:
            raise BadSyntax("Expected an object identifier")
        return found[0].decode("ascii")

    def literal(self) -> bytes:
        """The octets of a message: a literal, or a literal8, which alone may hold NUL (RFC 3516 section 4.4)."""
        binary = self.sees(b"~")
        if self.match(_LITERAL) is None:
            raise BadSyntax("Expected a literal")
        octets = self._literals[self._taken]
        self._taken += 1
        if b"\0" in octets and not binary:
            raise BadSyntax("Octets with NUL come as a literal8")
        return octets

    def string(self) -> bytes:
        """Quoted or literal. A quoted string may hold 8-bit octets, a literal anything (section 4.3)."""
        found = self.match(_QUOTED)
        if found is None:
            return self._string_literal()
        octets = found[1]
        return _ESCAPED.sub(rb"\1", octets) if b"\\" in octets else octets

    def _string_literal(self) -> bytes:
        if not self.sees(b"{"):
            raise BadSyntax("Expected a string")
        return self.literal()

    def astring(self) -> bytes:
        found = self.match(_ASTRING)
        return found[0] if found is not None else self.string()

    def nstring(self) -> bytes | None:
        return None if self.match(_NIL) else self.string()

    def text_astring(self) -> str:
        """An astring of UTF-8 text."""
        return utf8_text(self.astring())

    def pairs(self, most: int) -> list[tuple[str, str | None]]:
        """A list of names and values, as ID has them (RFC 2971 section 4), possibly empty."""
        return self.items(self._pair, empty=True, most=most)

    def _pair(self) -> tuple[str, str | None]:
        name = utf8_text(self.string())
        self.space()
        value = self.nstring()
        return name, None if value is None else utf8_text(value)

    # Numbers

    def number64(self) -> int:
        found = self.match(_DIGITS)
        if found is None or int(found[0]) > MAX_NUMBER64:
            raise BadSyntax("Expected a number")
        return int(found[0])

    def number(self) -> int:
        value = self.number64()
        if value > LARGEST:
            raise BadSyntax("Number too large")
        return value

    def nz_number(self) -> int:
        return _not_zero(self.number())

    def nz_number64(self) -> int:
        return _not_zero(self.number64())

    def sequence_set(self) -> SequenceSet:
        found = self.match(_SEQUENCE_SET)
        if found is None:
            raise BadSyntax("Expected a sequence set")
        return SequenceSet.parse(found[0])

    def sees_sequence_set(self) -> bool:
        return _SEQUENCE_SET.match(self.text, self.position) is not None

    # Dates

    def date(self) -> date:
        found = self.match(_DATE)
        if found is None:
            raise BadSyntax("Expected a date like 1-Feb-1994")
        try:
            return date(int(found[4]), _month(found[3]), int(found[2]))
        except ValueError:
            raise BadSyntax("No such date") from None

    def date_time(self) -> int:
        """Seconds since 1970 (RFC 3501 section 9, date-time)."""
        found = self.match(_DATE_TIME)
        if found is None:
            raise BadSyntax('Expected a date like "17-Jul-1996 02:44:25 -0700"')
        day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = found.groups()
        zone = timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
        try:
            moment = datetime(  # second 60 is a leap second, which our seconds do not count
                *(int(year), _month(month), int(day), int(hour), int(minute), min(int(second), 59)),
                tzinfo=timezone(-zone if sign == b"-" else zone),
            )
            return int(moment.astimezone(UTC).timestamp())
        except (ValueError, OverflowError):
            raise BadSyntax("No such date") from None

    # Flags and mailboxes

    def flag(self) -> str:
        """A flag as it was written; system flags are only those of RFC 3501 section 2.3.2, \\Recent excepted."""
        found = self.match(_FLAG)
        if found is None:
            raise BadSyntax("Expected a flag")
        name = found[0].decode("ascii")
        if name[0] == "\\" and name.upper() not in SYSTEM_BITS:
            raise BadSyntax("No such system flag, or not for clients to set")
        if len(name) > MAX_KEYWORD:
            raise BadSyntax("Keyword is too long")
        return name

    def use(self) -> str:
        """A special use with its backslash, as it was written (RFC 6154 section 6, use-attr)."""
        found = self.match(_FLAG)
        if found is None or found[0][:1] != b"\\":
            raise BadSyntax("Expected a special use")
        return found[0].decode("ascii")

    def flags(self, *, bare: bool = False) -> Flags:
        """A list of flags; STORE also takes them bare, without parentheses."""
        if self.sees(b"(") or not bare:
            return _flags(self.items(self.flag, empty=True, most=MAX_FLAGS))
        found = [self.flag()]
        while self.skip(b" "):
            if len(found) >= MAX_FLAGS:
                raise BadSyntax("Too many flags")
            found.append(self.flag())
        return _flags(found)

    def name(self, octets: bytes) -> bytes:
        """Octets of a name, which count towards MAX_NAMES."""
        self._named += len(octets)
        if self._named > MAX_NAMES:
            raise BadSyntax("Too many names")
        return octets

    def mailbox(self) -> str:
        """A mailbox name as Unicode text; INBOX in capitals."""
        name = names.decode(self.name(self.astring()), self.utf8)
        if not name:
            raise names.BadName("Empty mailbox name")
        return name

    def list_mailbox(self) -> str | None:
        """A name with wildcards, or a reference: it may be empty. None: no mailbox can have such a name."""
        found = self.match(_LIST_MAILBOX)
        octets = self.name(found[0] if found is not None else self.string())
        try:
            return names.decode(octets, self.utf8)
        except names.BadName:
            return None


def _not_zero(value: int) -> int:
    if not value:
        raise BadSyntax("Number is zero")
    return value


def _month(name: bytes) -> int:
    number = _MONTHS.get(name.upper())
    if number is None:
        raise BadSyntax("No such month")
    return number


def _flags(written: list[str]) -> Flags:
    """Each flag once; keywords compare without case (the first spelling stays)."""
    system = 0
    keywords: dict[str, str] = {}
    for name in written:
        if name[0] == "\\":
            system |= SYSTEM_BITS[name.upper()]
        else:
            keywords.setdefault(name.upper(), name)
    return Flags(system, tuple(keywords.values()))


def utf8_text(octets: bytes) -> str:
    """Octets as UTF-8 text, strictly."""
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        raise BadSyntax("Text is not UTF-8") from None
