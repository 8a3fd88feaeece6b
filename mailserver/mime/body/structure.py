"""The tree of parts as it is kept: offsets into the message, and what lists of parts show.

A `Part` is made from the packed form that delivery stored, so reading a message parses nothing again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from mailserver.mime.body.parser import Entity
from mailserver.mime.header import charsets, headers, parameters, transfer_encoding

MAX_CONTENT = 64 * 1024 * 1024
"""Octets of one part that `content` decodes."""

MAX_TOKEN = 255
"""Characters of a type, charset, encoding, disposition or content id that are kept."""

Section = Literal["HEADER", "TEXT", "MIME"] | None

_NEVER_ATTACHED = {
    "application/pgp-signature",
    "application/pkcs7-signature",
    "application/x-pkcs7-signature",
    "message/delivery-status",
    "message/disposition-notification",
    "message/global-delivery-status",
    "message/global-headers",
    "text/rfc822-headers",
}

_BELONGING = ("multipart/alternative", "multipart/related")
_ENCODED = frozenset(("base64", "quoted-printable"))


@dataclass(frozen=True, slots=True)
class Part:
    """A message or a part of one. Offsets count from the start of the whole message."""

    start: int
    """Where its header begins."""
    body: int
    """Where its body begins."""
    end: int
    """Where its body ends."""
    type: str
    """Media type in lower case, `text/plain`."""
    charset: str
    encoding: str
    """Content-Transfer-Encoding in lower case."""
    disposition: str
    """`attachment`, `inline` or empty."""
    filename: str
    """Decoded; never a path."""
    content_id: str
    """Without angle brackets."""
    number: str
    """Section number that reads its body (`1.2`); empty for a message that is a multipart."""
    children: tuple["Part", ...] = ()
    """Parts of a multipart; the one message of a message/rfc822 or message/global."""

    @property
    def size(self) -> int:
        """Octets of the body, still encoded."""
        return self.end - self.body

    @property
    def is_multipart(self) -> bool:
        return self.type.startswith("multipart/")

    @property
    def is_message(self) -> bool:
        """True for a message/rfc822 or message/global that was opened: its one child is the message."""
        return self.type in ("message/rfc822", "message/global") and bool(self.children)

    @property
    def is_attachment(self) -> bool:
        """True when people would call it one: not the text they read, nor pictures in it, nor signatures."""
        if self.is_multipart or self.type in _NEVER_ATTACHED:
            return False
        if self.disposition == "attachment":
            return True
        if self.type.startswith("text/"):
            return bool(self.filename)
        return not (self.content_id and self.type.startswith("image/"))

    @property
    def is_unread_text(self) -> bool:
        """True for text that is neither a letter's words nor a machine's report."""
        read = self.type in ("text/plain", "text/html") or self.type in _NEVER_ATTACHED
        return self.type.startswith("text/") and not read

    @property
    def has_page(self) -> bool:
        """Whether there is HTML in it that is read."""
        return any(part.type == "text/html" and not part.is_attachment for part in self.walk())

    def walk(self, *, into_messages: bool = False) -> Iterator["Part"]:
        """This part and those in it, in order; attached messages are not entered unless asked."""
        waiting = [self]
        first = True
        while waiting:
            part = waiting.pop()
            yield part
            if first or into_messages or not part.is_message:
                waiting.extend(reversed(part.children))
            first = False

    def messages(self) -> Iterator["Part"]:
        """This message, and those attached to it."""
        yield self
        for part in self.walk(into_messages=True):
            if part.is_message:
                yield part.children[0]

    def leaves(self) -> Iterator["Part"]:
        """What has no parts of its own that are looked at, in attached messages, too; also a message that is encoded,
        which RFC 2046 section 5.2.1 forbids, and which programs open all the same."""
        for part in self.walk(into_messages=True):
            if not part.is_multipart and (not part.is_message or part.encoding in _ENCODED):
                yield part

    def attachments(self) -> list["Part"]:
        """The parts people would call attachments: those that say so, and those that no text of this message shows.

        A picture with a content id is within the text where it belongs to a page in HTML (multipart/related); programs
        give one to what they merely put between two texts, too. Text of a type that nobody reads as a letter (a table,
        a card) is a file, named or not, but where it is an alternative to the letter or belongs to a page.
        """
        found: list[Part] = []
        waiting = [(self, "", False)]  # each with the type of what it lies in, and whether a page in HTML is around it
        while waiting:
            part, around, on_page = waiting.pop()
            is_file = part.is_unread_text and around not in _BELONGING
            is_picture = part.content_id and part.type.startswith("image/") and not on_page
            if part.is_attachment or is_file or is_picture:
                found.append(part)
            if part is self or not part.is_message:
                on_page = on_page or (part.type == "multipart/related" and part.has_page)
                waiting.extend((child, part.type, on_page) for child in reversed(part.children))
        return found

    def find(self, number: str) -> "Part | None":
        """The part of this section number (RFC 3501 section 6.4.5); None when there is none.

        Every message has a part 1: of one that is no multipart it is the body.
        """
        part = self
        if not number:
            return part
        message = True  # `part` stands for a message whose parts are counted
        for step in number.split("."):
            if not (step.isascii() and step.isdigit()) or len(step) > 6:
                return None
            if not message:
                if part.is_message:
                    part, message = part.children[0], True
                elif not part.is_multipart:
                    return None
            index = int(step)
            if part.is_multipart:
                if not 1 <= index <= len(part.children):
                    return None
                part = part.children[index - 1]
            elif index != 1:
                return None
            message = False
        return part

    def section(self, number: str = "", what: Section = None) -> tuple[int, int] | None:
        """The octets of `BODY[number.what]`; None when there is no such section.

        HEADER and TEXT are of a message: the whole one, or the one inside a message/rfc822 part. MIME is the
        header of a part. Nothing named: the whole message, or the body of a part.
        """
        part = self.find(number)
        if part is None:
            return None
        if not number:
            if what == "HEADER":
                return part.start, part.body
            if what == "TEXT":
                return part.body, part.end
            return None if what == "MIME" else (part.start, part.end)
        if what is None:
            return part.body, part.end
        if what == "MIME":
            return part.start, part.body
        if not part.is_message:
            return None
        message = part.children[0]
        return (message.start, message.body) if what == "HEADER" else (message.body, message.end)

    def content(self, octets: bytes, limit: int = MAX_CONTENT) -> bytes:
        """The body with its transfer encoding undone; no more than `limit` encoded octets are read."""
        return transfer_encoding.decode(octets[self.body : min(self.end, self.body + limit)], self.encoding)

    def text(self, octets: bytes, limit: int = MAX_CONTENT) -> str:
        """The body as text, with its charset undone and LF at line ends."""
        text = charsets.decode(self.content(octets, limit), self.charset)
        return text.replace("\r\n", "\n") if "\r" in text else text

    def header(self, octets: bytes, name: str) -> str:
        """The first field of this name in the part's header, decoded; empty when there is none."""
        return headers.first(octets, self.start, self.body, name)


def build(root: Entity) -> Part:
    """The tree of parts of a parsed message."""
    return _build(root, _message_number(root, ""))


def _message_number(message: Entity, prefix: str) -> str:
    """Of a message that is no multipart, the body is part 1; a multipart's parts carry on from the prefix."""
    if message.is_multipart:
        return prefix
    return f"{prefix}.1" if prefix else "1"


def _build(entity: Entity, number: str) -> Part:
    media = parameters.decode(entity.parameters) if entity.parameters and not entity.is_multipart else {}
    name = ""
    disposition = ""
    if entity.disposition is not None:
        disposition, raw = entity.disposition
        name = parameters.file_name(parameters.decode(raw), media)
    elif media:
        name = parameters.file_name({}, media)
    raw_id = entity.fields.get(b"content-id")
    children: list[Part] = []
    if entity.is_multipart:
        prefix = f"{number}." if number else ""
        children = [_build(child, f"{prefix}{index}") for index, child in enumerate(entity.children, 1)]
    elif entity.children:
        message = entity.children[0]
        children = [_build(message, _message_number(message, number))]
    return Part(
        entity.start,
        entity.body,
        entity.end,
        headers.clean(f"{entity.main}/{entity.subtype}")[:MAX_TOKEN],
        headers.clean(media.get("charset", ""))[:MAX_TOKEN] if media else "",
        headers.clean(entity.encoding)[:MAX_TOKEN],
        headers.clean(disposition)[:MAX_TOKEN] if disposition else "",
        name,
        headers.decode(raw_id).strip("<> ")[:MAX_TOKEN] if raw_id else "",
        number,
        tuple(children),
    )


def pack(root: Part) -> bytes:
    """One line a part, in order: depth, offsets, and what lists of parts show, between tabs."""
    rows: list[str] = []
    _pack(root, 0, rows)
    return "\n".join(rows).encode("utf-8", "replace")


def _pack(part: Part, depth: int, rows: list[str]) -> None:
    rows.append(
        f"{depth}\t{part.start}\t{part.body}\t{part.end}\t{part.type}\t{part.charset}\t{part.encoding}\t"
        f"{part.disposition}\t{part.filename}\t{part.content_id}\t{part.number}"
    )
    for child in part.children:
        _pack(child, depth + 1, rows)


def unpack(parts: bytes) -> Part:
    """The tree from its packed form."""
    # From the last row to the first, so that every part finds its children made.
    waiting: list[tuple[int, Part]] = []
    for row in reversed(parts.decode("utf-8").split("\n")):
        depth, start, body, end, kind, charset, encoding, placing, name, content_id, number = row.split("\t")
        level = int(depth)
        children: list[Part] = []
        while waiting and waiting[-1][0] == level + 1:
            children.append(waiting.pop()[1])
        part = Part(
            int(start),
            int(body),
            int(end),
            kind,
            charset,
            encoding,
            placing,
            name,
            content_id,
            number,
            tuple(children),
        )
        waiting.append((level, part))
    return waiting[0][1]
