"""The body and its parts, decoded when they are asked for, within what one run may read."""

from mailserver.filters.sieve.limits import Limits
from mailserver.filters.sieve.message.fields import HeaderField, read_fields
from mailserver.mime.body import parser
from mailserver.mime.body.structure import Part, build
from mailserver.mime.body.text import html_to_text
from mailserver.mime.header import charsets


class Parts:
    """The beginning of a message, as a tree."""

    __slots__ = ("_fields", "_limits", "_readable", "_texts", "all", "body", "children", "octets", "root")

    def __init__(self, header: bytes, body: bytes, limits: Limits) -> None:
        if not header.endswith(b"\n") and header:
            header += b"\r\n"
        self.body = body
        self.octets = b"%b\r\n%b" % (header, body)
        self._limits = limits
        self.root = build(parser.parse(self.octets))
        self.all: list[Part] = []
        """In their order, the message itself first, as far as a run looks at them."""
        self.children: list[list[int]] = []
        """Of each part those directly within it, as places in `all`."""
        self._collect()
        self._texts: dict[int, str] = {}
        self._readable: dict[int, str] = {}
        self._fields: dict[int, list[HeaderField]] = {}

    def _collect(self) -> None:
        waiting: list[tuple[Part, int]] = [(self.root, -1)]
        while waiting and len(self.all) < self._limits.parts:
            part, parent = waiting.pop()
            place = len(self.all)
            self.all.append(part)
            self.children.append([])
            if parent >= 0:
                self.children[parent].append(place)
            waiting += [(child, place) for child in reversed(part.children)]

    def below(self, place: int) -> list[int]:
        """A part and all within it, in their order."""
        found: list[int] = []
        waiting = [place]
        while waiting:
            one = waiting.pop()
            found.append(one)
            waiting += reversed(self.children[one])
        return found

    def leaves(self) -> list[int]:
        """The parts that have none within them."""
        return [place for place, part in enumerate(self.all) if not part.children]

    def content(self, place: int) -> str:
        """What `body :content` compares (RFC 5173 section 5.2): of a multipart what stands before and behind its parts,
        of a message its header, of others their decoded content."""
        part = self.all[place]
        if part.is_message:
            message = part.children[0]
            header = charsets.guess(self.octets[message.start : message.body])
            return header.removesuffix("\r\n") if header.endswith("\r\n\r\n") else header
        if part.is_multipart:
            return charsets.guess(self._around(part))
        return self.text(place)

    def _around(self, part: Part) -> bytes:
        if not part.children:
            return self.octets[part.body : part.end]
        before = self.octets[part.body : part.children[0].start]
        behind = self.octets[part.children[-1].end : part.end]
        # The lines of the boundary belong to neither.
        return before[: before.rfind(b"\n--") + 1] + behind[behind.find(b"\n", 2) + 1 :]

    def raw(self) -> tuple[str, ...]:
        """The body as it stands, undecoded (RFC 5173 section 5.1); nothing where there is none (section 4)."""
        return (charsets.guess(self.body),) if self.body else ()

    def fields(self, place: int) -> list[HeaderField]:
        """The fields of a part's header."""
        found = self._fields.get(place)
        if found is None:
            part = self.all[place]
            found = self._fields[place] = read_fields(self.octets[part.start : part.body])
        return found

    def text(self, place: int) -> str:
        """The content of a part that has no parts: its transfer encoding and charset undone."""
        found = self._texts.get(place)
        if found is None:
            part = self.all[place]
            content = part.content(self.octets)
            found = charsets.decode(content, part.charset if part.type.startswith("text/") else "utf-8")
            self._texts[place] = found
        return found

    def readable(self, place: int) -> str:
        """The same without tags where it is HTML (RFC 5173 section 5.3)."""
        if self.all[place].type not in ("text/html", "application/xhtml+xml"):
            return self.text(place)
        found = self._readable.get(place)
        if found is None:
            found = self._readable[place] = html_to_text(self.text(place)).lstrip("\n")
        return found
