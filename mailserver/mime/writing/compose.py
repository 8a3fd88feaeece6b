"""New messages: one serialiser. CRLF everywhere, RFC 2047 and 2231 in headers, no line over 998 octets.

Pure: the date, the message id and everything else random is an argument. Boundaries come from the message
id and are checked against what they divide.
"""

import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mailserver.mime.header import dates
from mailserver.mime.writing.fields import MAX_LINE, Correspondent, addresses, field, parameters, structured

_BLOCK = 57 * 4096
"""Octets that become whole lines of base64 (57 each) at once: a large file is never there line by line in memory."""
MAX_ID = MAX_LINE - len("Original-Message-ID: ")
"""Characters of a message id that stands behind the name of its field, in one line."""
_NOT_IN_ID = re.compile(r"[^!-;=?-~]")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a message; with a content id, a picture its HTML shows."""

    name: str
    type: str
    octets: bytes
    content_id: str = ""
    charset: str = ""
    """Of a text."""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to be written. `references` are message ids, oldest first."""

    author: Correspondent
    date: float
    message_id: str
    to: tuple[Correspondent, ...] = ()
    cc: tuple[Correspondent, ...] = ()
    bcc: tuple[Correspondent, ...] = ()
    reply_to: tuple[Correspondent, ...] = ()
    sender: Correspondent | None = None
    subject: str = ""
    text: str = ""
    html: str = ""
    attachments: tuple[Attachment, ...] = ()
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    more: tuple[tuple[str, str], ...] = ()
    """Other fields: Auto-Submitted, X-Priority, Disposition-Notification-To."""
    zone: int = 0
    """Seconds east of Greenwich in which the date is written."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part on its way: its header and its body, both with CRLF."""

    header: bytes
    body: bytes

    @property
    def octets(self) -> bytes:
        return self.header + b"\r\n" + self.body


def message_id(token: bytes, domain: str) -> str:
    """A message id from random octets."""
    return f"<{token.hex()}@{domain}>"


def build(message: NewMessage, *, bcc: bool = False) -> bytes:
    """The octets of a message. `bcc` keeps the blind copies in the header: for drafts and the copy in Sent."""
    content = _content(message)
    return envelope_fields(message, bcc=bcc) + b"MIME-Version: 1.0\r\n" + content.octets


def envelope_fields(message: NewMessage, *, bcc: bool = False) -> bytes:
    """The fields that say who, to whom, when and what about."""
    lists: list[tuple[str, tuple[Correspondent, ...]]] = [
        ("From", (_plain_name(message.author),)),
        ("Sender", (_plain_name(message.sender),) if message.sender else ()),
        ("Reply-To", message.reply_to),
        ("To", message.to),
        ("Cc", message.cc),
        ("Bcc", message.bcc if bcc else ()),
    ]
    out = [structured("Date", [dates.write(message.date, message.zone)])]
    out += [addresses(name, people) for name, people in lists if people]
    if not (message.to or message.cc or (bcc and message.bcc)):
        out.append(b"To: undisclosed-recipients:;\r\n")
    if message.message_id:
        out.append(structured("Message-ID", [message.message_id]))
    for name, ids in (("In-Reply-To", message.in_reply_to.split()), ("References", message.references)):
        if sayable := [one for one in ids if is_sayable(one)]:
            out.append(structured(name, sayable))
    out.append(field("Subject", message.subject))
    out += [field(name, value) for name, value in message.more]
    return b"".join(out)


def is_sayable(message_id: str) -> bool:
    """Whether a header can say it: those of others may be longer than a line, or hold what only RFC 6532 allows."""
    return message_id.isascii() and len(message_id) <= MAX_ID


def _plain_name(author: Correspondent) -> Correspondent:
    """The author without angle brackets in the name, which `originators` refuses, nor a quotation mark within encoded
    words: who decodes them first would read all that follows as quoted, the address included."""
    name = author.name.translate(_NO_BRACKETS)
    return author._replace(name=name if name.isascii() else name.replace('"', "'"))


_NO_BRACKETS = dict.fromkeys(map(ord, "<>\ufe64\ufe65\uff1c\uff1e"), " ")


def _content(message: NewMessage) -> Piece:
    seed = message.message_id or f"{message.date}"
    inline = [attachment for attachment in message.attachments if attachment.content_id and message.html]
    apart = [attachment for attachment in message.attachments if not (attachment.content_id and message.html)]
    content = text_part(message.text)
    if message.html:
        page = text_part(message.html, "html")
        if inline:
            page = multipart("related", [page, *map(attachment_part, inline)], seed, [("type", "text/html")])
        content = multipart("alternative", [content, page], seed)
    if apart:
        content = multipart("mixed", [content, *map(attachment_part, apart)], seed)
    return content


def text_part(text: str, subtype: str = "plain") -> Piece:
    """A text part: as it is when it is short-lined ASCII, else UTF-8 in quoted-printable or base64."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    if lines and not lines.endswith("\n"):
        lines += "\n"
    octets = lines.encode("utf-8", "replace")
    charset = "us-ascii" if octets.isascii() and b"\0" not in octets else "utf-8"
    header = parameters("Content-Type", f"text/{subtype}", [("charset", charset)])
    if charset == "us-ascii" and _short_lined(octets, MAX_LINE):
        return Piece(header, octets.replace(b"\n", b"\r\n"))
    quoted = quoted_printable(octets)
    if len(quoted) <= len(octets) * 1.5 + 30:
        return Piece(header + b"Content-Transfer-Encoding: quoted-printable\r\n", quoted)
    return Piece(header + b"Content-Transfer-Encoding: base64\r\n", base64(octets.replace(b"\n", b"\r\n")))


def attachment_part(attachment: Attachment) -> Piece:
    """A file. Messages must stay readable as such, so they are not encoded (RFC 2046 section 5.2.1)."""
    kind = attachment.type.lower()
    if kind in ("message/rfc822", "message/global"):
        return message_part(attachment.octets, attachment.name, kind)
    if not _MEDIA_TYPE.fullmatch(kind) or kind.startswith(("multipart/", "message/")):  # RFC 2045 section 6.4
        kind = "application/octet-stream"
    named = [("filename", attachment.name)] if attachment.name else []
    told = [("charset", attachment.charset), ("name", attachment.name)]
    header = parameters("Content-Type", kind, [(name, value) for name, value in told if value])
    if attachment.content_id:
        header += parameters("Content-Disposition", "inline", named)
        header += structured("Content-ID", [f"<{_NOT_IN_ID.sub('_', attachment.content_id.strip('<>'))}>"])
    else:
        header += parameters("Content-Disposition", "attachment", named)
    return Piece(header + b"Content-Transfer-Encoding: base64\r\n", base64(attachment.octets))


def message_part(octets: bytes, name: str = "", kind: str = "message/rfc822") -> Piece:
    """A whole message, attached. One with lines that may not travel becomes plain octets, not a damaged message."""
    normal = crlf(octets)
    pairs = [("filename", name)] if name else []
    if b"\0" in normal or not _short_lined(normal, MAX_LINE + 1):
        header = parameters("Content-Type", "application/octet-stream", [])
        header += parameters("Content-Disposition", "attachment", pairs)
        return Piece(header + b"Content-Transfer-Encoding: base64\r\n", base64(octets))
    header = parameters("Content-Type", kind, [])
    header += parameters("Content-Disposition", "attachment", pairs)
    if not normal.isascii():
        header += b"Content-Transfer-Encoding: 8bit\r\n"
    return Piece(header, normal)


def multipart(subtype: str, pieces: Sequence[Piece], seed: str, more: Iterable[tuple[str, str]] = ()) -> Piece:
    """Several parts as one, divided by a boundary that none of them contains."""
    octets = [piece.octets for piece in pieces]
    boundary = _boundary(octets, f"{subtype} {seed}")
    delimiter = b"--" + boundary.encode("ascii")
    # The line end before a delimiter belongs to it, so each part keeps its own.
    body = b"".join(delimiter + b"\r\n" + octet + b"\r\n" for octet in octets)
    header = parameters("Content-Type", f"multipart/{subtype}", [*more, ("boundary", boundary)])
    if not body.isascii():
        header += b"Content-Transfer-Encoding: 8bit\r\n"
    return Piece(header, body + delimiter + b"--\r\n")


def _boundary(octets: Sequence[bytes], seed: str) -> str:
    """`=_` never stands in quoted-printable or base64 (RFC 2045 section 6.7)."""
    number = 0
    while True:
        digest = hashlib.blake2b(f"{seed} {number}".encode("utf-8", "replace"), digest_size=15).hexdigest()
        boundary = f"=_{digest}"
        if not any(boundary.encode("ascii") in octet for octet in octets):
            return boundary
        number += 1


def quoted_printable(octets: bytes) -> bytes:
    """Text with LF at line ends, as quoted-printable with CRLF."""
    return binascii.b2a_qp(octets, istext=True).replace(b"\n", b"\r\n")


def base64(octets: bytes) -> bytes:
    """Base64 in lines of 76 characters."""
    return b"".join([_base64_lines(octets[at : at + _BLOCK]) for at in range(0, len(octets), _BLOCK)])


def _base64_lines(octets: bytes) -> bytes:
    one_line = binascii.b2a_base64(octets, newline=False)
    return b"".join(one_line[at : at + 76] + b"\r\n" for at in range(0, len(one_line), 76))


def crlf(octets: bytes) -> bytes:
    """The same lines with CRLF at each end; a bare CR counts as a line end."""
    if b"\r" not in octets:
        return octets.replace(b"\n", b"\r\n")
    return re.sub(rb"\r\n|\r|\n", b"\r\n", octets)


def _short_lined(octets: bytes, limit: int) -> bool:
    return re.search(rb"[^\n]{%d}" % (limit + 1), octets) is None
