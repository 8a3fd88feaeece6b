"""The little of BER that LDAP uses (RFC 4511 section 5.1), strict and linear in the size of its input.

Only definite lengths, low tag numbers and primitive strings exist in LDAP. A reader never looks past
the element it was made for, copies only the values that are asked for, and counts nothing on trust: a
length that runs out of its element is BadSyntax before a single octet of it is touched.
"""

from collections.abc import Iterable
from functools import lru_cache

from mailserver.model.errors import BadSyntax

BOOLEAN = 0x01
INTEGER = 0x02
OCTETS = 0x04
ENUMERATED = 0x0A
SEQUENCE = 0x30
SET = 0x31

MAX_LENGTH_OCTETS = 4
"""Of a long form length. Clients pad it to four (RFC 4511 does not ask for the shortest)."""


def frame(buffer: bytes | bytearray, limit: int) -> int:
    """Size of the first LDAPMessage in the buffer, or 0 when more octets are needed.

    Raises BadSyntax when it cannot become a message of at most `limit` octets, so that a peer that
    announces four gigabytes is refused at the announcement.
    """
    if not buffer:
        return 0
    if buffer[0] != SEQUENCE:
        raise BadSyntax("not an LDAP message")
    if len(buffer) < 2:
        return 0
    length, start = buffer[1], 2
    if length > 0x80 + MAX_LENGTH_OCTETS or length == 0x80:
        raise BadSyntax("unusable length of message")
    if length > 0x80:
        start += length - 0x80
        if len(buffer) < start:
            return 0
        length = int.from_bytes(buffer[2:start], "big")
    if start + length > limit:
        raise BadSyntax(f"message larger than {limit} octets")
    return start + length if len(buffer) >= start + length else 0


class Reader:
    """Walks the elements of one constructed value."""

    __slots__ = ("_at", "_end", "_octets")

    def __init__(self, octets: bytes, start: int = 0, end: int | None = None) -> None:
        self._octets = octets
        self._at = start
        self._end = len(octets) if end is None else end

    def __bool__(self) -> bool:
        return self._at < self._end

    def tag(self) -> int:
        """Identifier octet of the next element, or -1 at the end."""
        return self._octets[self._at] if self._at < self._end else -1

    def _take(self) -> tuple[int, int, int]:
        """Step over the next element; its tag and where its content starts and ends."""
        octets, at, end = self._octets, self._at, self._end
        if end - at < 2:
            raise BadSyntax("element cut short")
        tag, length = octets[at], octets[at + 1]
        start = at + 2
        if tag & 0x1F == 0x1F:
            raise BadSyntax("high tag numbers do not exist in LDAP")
        if length >= 0x80:
            width = length - 0x80
            if width == 0 or width > MAX_LENGTH_OCTETS or end - start < width:
                raise BadSyntax("unusable length of element")
            length = int.from_bytes(octets[start : start + width], "big")
            start += width
        if length > end - start:
            raise BadSyntax("element runs out of its parent")
        self._at = start + length
        return tag, start, start + length

    def _expect(self, tag: int) -> tuple[int, int]:
        found, start, end = self._take()
        if found != tag:
            raise BadSyntax(f"expected tag 0x{tag:02x}, found 0x{found:02x}")
        return start, end

    def element(self) -> tuple[int, bytes]:
        """Tag and content of the next element, whatever it is."""
        tag, start, end = self._take()
        return tag, self._octets[start:end]

    def inside(self, tag: int = SEQUENCE) -> "Reader":
        """A reader of the elements inside the next one, which must have this tag."""
        start, end = self._expect(tag)
        return Reader(self._octets, start, end)

    def enter(self) -> tuple[int, "Reader"]:
        """Tag of the next element, and a reader of what is inside it."""
        tag, start, end = self._take()
        return tag, Reader(self._octets, start, end)

    def octets(self, tag: int = OCTETS) -> bytes:
        start, end = self._expect(tag)
        return self._octets[start:end]

    def text(self, tag: int = OCTETS) -> str:
        """An LDAPString: UTF-8 (RFC 4511 section 4.1.2)."""
        try:
            return self.octets(tag).decode("utf-8")
        except UnicodeDecodeError:
            raise BadSyntax("a string is not UTF-8") from None

    def integer(self, tag: int = INTEGER) -> int:
        value = self.octets(tag)
        if not 1 <= len(value) <= 8:
            raise BadSyntax("unusable integer")
        return int.from_bytes(value, "big", signed=True)

    def boolean(self, tag: int = BOOLEAN) -> bool:
        value = self.octets(tag)
        if len(value) != 1:
            raise BadSyntax("unusable boolean")
        return value != b"\x00"

    def rest(self) -> bytes:
        """Everything that is left, unread."""
        start, self._at = self._at, self._end
        return self._octets[start : self._end]

    def finish(self) -> None:
        """Nothing may follow. Raises BadSyntax."""
        if self:
            raise BadSyntax("something follows the last element")


@lru_cache(maxsize=8192)
def head(tag: int, size: int) -> bytes:
    """Identifier and shortest length of an element whose content has so many octets."""
    if size < 0x80:
        return bytes((tag, size))
    width = (size.bit_length() + 7) // 8
    return bytes((tag, 0x80 + width)) + size.to_bytes(width, "big")


def element(tag: int, content: bytes) -> bytes:
    """One element with its identifier and the shortest length."""
    return head(tag, len(content)) + content


def sequence(parts: Iterable[bytes], tag: int = SEQUENCE) -> bytes:
    return element(tag, b"".join(parts))


def octets(value: bytes | str, tag: int = OCTETS) -> bytes:
    return element(tag, value.encode("utf-8") if isinstance(value, str) else value)


_SHORT = tuple(bytes((OCTETS, size)) for size in range(0x80))


def short_text(value: str) -> bytes:
    """`octets` of a value as `schema.as_text` gives it, quick for the short ones that entries are made of."""
    content = value.encode("utf-8", "surrogateescape")
    size = len(content)
    return _SHORT[size] + content if size < 0x80 else element(OCTETS, content)


def integer(value: int, tag: int = INTEGER) -> bytes:
    return element(tag, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def boolean(value: bool, tag: int = BOOLEAN) -> bytes:
    return element(tag, b"\xff" if value else b"\x00")
