"""Octets to a tree of entities with offsets, in one pass over the octets.

Only lines that start with `--` are looked at, found by searching; a table of the boundaries in force
tells at once whether such a line is a delimiter and of which multipart, however deep the nesting. All
searches run forward and remember how far they came, so the cost is linear whatever the input.

Nothing raises. What breaks a rule is read as far as it makes sense:
* a line end is LF, with or without CR before it;
* a multipart without a boundary, or in which none is found, has one part: its body as plain text;
* past the bounds below nothing more is divided: the rest belongs to the part where it stands.
"""

import re
from collections.abc import Sequence

from mailserver.mime.header import envelope, headers, parameters
from mailserver.mime.header.addresses import Mailbox
from mailserver.mime.header.envelope import Fields

MAX_DEPTH = 100
"""Entities within entities. Deeper multiparts and messages are not opened."""

MAX_PARTS = 10_000
"""Entities of one message."""

MAX_HEADER = headers.MAX_HEADER
"""Octets of one header that are read for fields."""

MAX_HEADER_LINES = 200_000
"""Lines of all headers of one message that are read for fields."""

MAX_BOUNDARY = 256
"""Octets of a delimiter line that are compared (RFC 2046 section 5.1.1 allows 70)."""

_FIELDS = re.compile(rb"\n(([!-9;-~]++)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+))")
Written = tuple[bytes, bytes, bytes]
"""A field as it stands there, without its last LF; its name; its value."""
_BLANK = re.compile(rb"\n\r?\n")
_PART_FIELDS = frozenset(
    (
        b"content-type",
        b"content-transfer-encoding",
        b"content-id",
        b"content-description",
        b"content-disposition",
        b"content-language",
        b"content-location",
        b"content-md5",
    )
)
_MESSAGE_FIELDS = _PART_FIELDS | frozenset(
    (*envelope.ADDRESS_FIELDS, b"date", b"subject", b"in-reply-to", b"message-id", b"references")
)
_JOINED = frozenset(envelope.ADDRESS_FIELDS)


class Entity:
    """A message or a part: where it is, what its header says of it, what it holds."""

    __slots__ = (
        "body",
        "children",
        "disposition",
        "encoding",
        "end",
        "fields",
        "lines",
        "mailboxes",
        "main",
        "parameters",
        "repeats",
        "start",
        "subtype",
        "written",
    )

    def __init__(self, start: int) -> None:
        self.start = start
        self.body = start
        self.end = start
        self.main = "text"
        self.subtype = "plain"
        self.parameters: parameters.Raw = []
        self.encoding = "7bit"
        self.disposition: tuple[str, parameters.Raw] | None = None
        self.lines = 0
        self.fields: Fields = {}
        self.mailboxes: dict[bytes, list[Mailbox]] | None = None
        """None for a part that is no message."""
        self.repeats = False
        """One of the fields that matter stands there twice."""
        self.written: Sequence[Written] = ()
        """Every field of a whole message's header."""
        self.children: list[Entity] = []

    @property
    def is_multipart(self) -> bool:
        return self.main == "multipart"

    @property
    def is_message(self) -> bool:
        """A message within: message/rfc822, or message/global (RFC 6532 section 3.7) unless it is encoded."""
        if self.main != "message":
            return False
        return self.subtype == "rfc822" or (self.subtype == "global" and self.encoding in ("7bit", "8bit", "binary"))


def parse(octets: bytes) -> Entity:
    """The tree of a whole message."""
    return _Parser(octets).run()


class _Parser:
    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._size = len(octets)
        self._open: list[Entity] = []
        self._marks: list[bytes] = []
        """The boundary of each open entity; empty when it has none, or was closed."""
        self._boundaries: dict[bytes, list[int]] = {}
        """Boundary to the levels of `_open` it delimits, innermost last (some senders use one twice)."""
        self._mark = b"\n--"
        self._parts = 0
        self._lines_left = MAX_HEADER_LINES
        self._blank = (-1, -1)
        self._counted = (0, 0)

    def run(self) -> Entity:
        octets = self._octets
        at = max(self._enter(None, 0).body - 1, 0)
        root = self._open[0]
        while self._boundaries:
            at = octets.find(self._mark, at)
            if at < 0:
                break
            end = octets.find(b"\n", at + 3)
            if end < 0:
                end = self._size
            level, closing = self._delimiter(at + 3, end)
            if level >= 0:
                if not closing and self._parts >= MAX_PARTS:
                    break
                self._close_above(level, at)
                if not closing:
                    at = self._enter(self._open[level], min(end + 1, self._size)).body - 1
                    continue
                self._forget(level)
            at = end
        self._close_above(-1, self._size)
        return root

    def _delimiter(self, start: int, end: int) -> tuple[int, bool]:
        """The level a line delimits and whether it closes it; level -1: the line is only text."""
        if end - start > MAX_BOUNDARY:
            return -1, False
        boundary = self._octets[start:end].rstrip(b" \t\r")
        levels = self._boundaries.get(boundary)
        if levels:
            return levels[-1], False
        if boundary.endswith(b"--"):
            levels = self._boundaries.get(boundary[:-2])
            if levels:
                return levels[-1], True
        return -1, False

    def _enter(self, parent: Entity | None, start: int) -> Entity:
        """Open the entity that starts here and, where it is a message, the one within; returns the innermost."""
        while True:
            entity = Entity(start)
            self._parts += 1
            if parent is not None:
                parent.children.append(entity)
            self._read_header(entity, parent is None or parent.is_message)
            self._classify(entity, parent)
            self._open.append(entity)
            self._marks.append(b"")
            if entity.is_multipart:
                self._remember(entity)
            if not entity.is_message:
                return entity
            entity.lines = self._lines_before(entity.body)
            parent, start = entity, entity.body

    def _read_header(self, entity: Entity, is_message: bool) -> None:
        """Find where the header ends, and read the fields that matter."""
        start = entity.start
        entity.body = entity.end = body = self._header_end(start)
        block = b"\n" + self._octets[start : min(body, start + MAX_HEADER)]
        lines = block.count(b"\n")
        if lines > self._lines_left:
            block = b"\n".join(block.split(b"\n", self._lines_left + 1)[: self._lines_left + 1])
        self._lines_left = max(self._lines_left - lines, 0)
        wanted = _MESSAGE_FIELDS if is_message else _PART_FIELDS
        fields = entity.fields
        repeated: dict[bytes, list[bytes]] = {}
        found = _FIELDS.findall(block)
        if not start:
            entity.written = found
        for _, name, value in found:
            name = name.lower()
            if name in wanted:
                if name not in fields:
                    fields[name] = value
                    continue
                entity.repeats = True
                if name in _JOINED:
                    repeated.setdefault(name, [fields[name]]).append(value)
        for name, values in repeated.items():
            fields[name] = b",".join(values)
        if is_message:
            entity.mailboxes = envelope.read_mailboxes(fields)

    def _header_end(self, start: int) -> int:
        """Where the body begins: after the first blank line, or where a delimiter cuts the header short."""
        octets = self._octets
        if start == 0 and octets.startswith((b"\n", b"\r\n")):
            return octets.index(b"\n") + 1
        at = max(start - 1, 0)
        if self._blank[0] < at:
            blank = _BLANK.search(octets, at)
            self._blank = (blank.start(), blank.end()) if blank else (self._size, self._size)
        body = self._blank[1]
        if self._boundaries:
            while (at := octets.find(self._mark, at, body)) >= 0:
                end = octets.find(b"\n", at + 3)
                if end < 0:
                    end = self._size
                if self._delimiter(at + 3, end)[0] >= 0:
                    return max(self._line_end(at), start)
                at = end
        return body

    def _classify(self, entity: Entity, parent: Entity | None) -> None:
        """Read the Content-* fields; types that would be opened but may not be become plain octets."""
        fields = entity.fields
        raw = fields.get(b"content-type")
        media = parameters.media_type(headers.as_text(raw)) if raw is not None else None
        if media is not None:
            entity.main, entity.subtype, entity.parameters = media
        elif parent is not None and parent.is_multipart and parent.subtype == "digest":
            entity.main, entity.subtype = "message", "rfc822"  # RFC 2046 section 5.1.5
        else:
            entity.parameters = [("charset", "us-ascii")]  # RFC 2045 section 5.2
        raw = fields.get(b"content-transfer-encoding")
        if raw is not None:
            encoding = parameters.token(headers.as_text(raw))[0]
            entity.encoding = _ENCODINGS.get(encoding, encoding) or "7bit"
        raw = fields.get(b"content-disposition")
        if raw is not None:
            disposition = parameters.token(headers.as_text(raw))
            if disposition[0]:
                entity.disposition = disposition
        if (entity.is_multipart or entity.is_message) and (len(self._open) >= MAX_DEPTH or self._parts >= MAX_PARTS):
            entity.main, entity.subtype, entity.parameters = "application", "octet-stream", []

    def _remember(self, entity: Entity) -> None:
        text = parameters.decode(entity.parameters).get("boundary", "").rstrip()
        boundary = text.encode("utf-8", "replace")
        if boundary not in entity.fields[b"content-type"]:
            boundary = text.encode("cp1252", "replace")
        if 0 < len(boundary) <= MAX_BOUNDARY:
            level = len(self._open) - 1
            self._boundaries.setdefault(boundary, []).append(level)
            self._marks[level] = boundary
            self._look()

    def _forget(self, level: int) -> None:
        boundary, self._marks[level] = self._marks[level], b""
        if boundary:
            levels = self._boundaries[boundary]
            levels.remove(level)
            if not levels:
                del self._boundaries[boundary]
                self._look()

    def _look(self) -> None:
        """What delimiters begin with: all of it where one boundary is in force, so that lines like it cost nothing."""
        self._mark = b"\n--" + (next(iter(self._boundaries)) if len(self._boundaries) == 1 else b"")

    def _close_above(self, level: int, at: int) -> None:
        """End every entity opened inside this level; the line end before a delimiter belongs to it (RFC 2046
        section 5.1.1)."""
        if len(self._open) - 1 <= level:
            return
        # A blank line that ends a header may be the very line end that belongs to the delimiter: the part
        # keeps it, but what is inside the part may not reach further than the part.
        end = max(self._line_end(at), self._open[level + 1].body)
        while len(self._open) - 1 > level:
            self._forget(len(self._open) - 1)
            self._marks.pop()
            entity = self._open.pop()
            entity.start = min(entity.start, end)
            entity.body = min(entity.body, end)
            entity.end = end
            if entity.main == "text":
                entity.lines = self._octets.count(b"\n", entity.body, entity.end)
            elif entity.is_message:
                entity.lines = max(self._lines_before(entity.end) - entity.lines, 0)
            elif entity.is_multipart and not entity.children:
                entity.children.append(self._whole_body(entity))

    def _line_end(self, at: int) -> int:
        """Where the line before a delimiter ends, given the LF that begins the delimiter."""
        return at - 1 if 0 < at < self._size and self._octets[at - 1] == 13 else at

    def _whole_body(self, multipart: Entity) -> Entity:
        """The one part of a multipart that cannot be divided."""
        part = Entity(multipart.body)
        part.end = multipart.end
        part.parameters = [("charset", "us-ascii")]
        part.lines = self._octets.count(b"\n", part.body, part.end)
        return part

    def _lines_before(self, position: int) -> int:
        """Line ends up to a position. Positions mostly grow, so each octet is counted about once."""
        last, count = self._counted
        if position >= last:
            count += self._octets.count(b"\n", last, position)
        else:
            count -= self._octets.count(b"\n", position, last)
        self._counted = (position, count)
        return count


_ENCODINGS = {"7-bit": "7bit", "8-bit": "8bit", "utf-8": "8bit", "quotedprintable": "quoted-printable"}
