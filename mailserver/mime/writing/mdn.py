"""Receipts: message disposition notifications (RFC 8098), the request for one and the one that is sent."""

import re
from dataclasses import dataclass

from mailserver.mime.body.structure import Part
from mailserver.mime.header import envelope, headers
from mailserver.mime.header.addresses import MAX_READ, parse, people
from mailserver.mime.writing.compose import NewMessage, Piece, envelope_fields, is_sayable, multipart, text_part
from mailserver.mime.writing.fields import Correspondent, field

_ASKED = (
    *("disposition-notification-to", "disposition-notification-options"),
    *("return-path", "auto-submitted", "precedence", "list-id"),
)
_REQUIRED = re.compile(r"=\s*required\b", re.IGNORECASE)
_TYPED_ADDRESS = re.compile(r"[A-Za-z0-9-]{1,40}\s*;\s*[!-~]{1,500}")
MAX_SAID = 10
"""Fields of one name that are looked at."""
MAX_RETURNED = 32 * 1024
"""Octets of the original's header that go back with a receipt."""


@dataclass(frozen=True, slots=True)
class Request:
    """Somebody asks to be told that their message was read."""

    to: str
    plain: bool
    """One address, the one the message came from: only such a request may be granted without asking (RFC 8098
    section 2.1); any other could turn us against a third party."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt to be written."""

    reader: Correspondent
    to: str
    date: float
    message_id: str
    subject: str
    text: str
    """What its recipient reads, in the reader's words."""
    agent: str
    """Reporting-UA: host and product."""
    automatic: bool
    """The reader's setting said so, not the reader."""
    zone: int = 0


def requested(octets: bytes, message: Part) -> Request | None:
    """The request a message carries; None when there is none, or it comes from a program that answers nobody."""
    found: dict[str, list[str]] = {}
    for one in headers.named(octets, message.start, message.body, *_ASKED):
        if len(found.setdefault(one.name, [])) < MAX_SAID:
            found[one.name].append(headers.as_text(octets[one.value : one.end])[:MAX_READ])
    if "disposition-notification-to" not in found or "list-id" in found:
        return None
    if found.get("auto-submitted", ["no"])[0].strip().lower() != "no":
        return None  # RFC 3834 section 2
    if any(map(_REQUIRED.search, found.get("disposition-notification-options", ()))):
        return None  # RFC 8098 section 2.2: none of them is known here
    if found.get("precedence", [""])[0].strip().lower() in ("bulk", "list", "junk"):
        return None
    asked = [person.address for value in found["disposition-notification-to"][:2] for person in people(parse(value))]
    if not asked:
        return None
    paths = [person.address for value in found.get("return-path", [])[:1] for person in people(parse(value))]
    plain = len(asked) == 1 and [asked[0].casefold()] == [path.casefold() for path in paths]
    return Request(asked[0], plain)


def build(receipt: Receipt, octets: bytes, message: Part) -> bytes:
    """The octets of a receipt for a message."""
    own_id = envelope.message_id(_raw(octets, message, "message-id"))
    head = NewMessage(
        author=receipt.reader,
        date=receipt.date,
        message_id=receipt.message_id,
        to=(Correspondent("", receipt.to),),
        subject=receipt.subject,
        in_reply_to=own_id,
        references=(own_id,) if own_id else (),
        more=(("Auto-Submitted", "auto-replied"),),
        zone=receipt.zone,
    )
    manner = "automatic-action/MDN-sent-automatically" if receipt.automatic else "manual-action/MDN-sent-manually"
    report = [
        field("Reporting-UA", receipt.agent),
        *_original_recipient(octets, message),
        field("Final-Recipient", f"rfc822;{receipt.reader.address}"),
        field("Original-Message-ID", own_id) if own_id and is_sayable(own_id) else b"",
        field("Disposition", f"{manner}; displayed"),
    ]
    original = headers.select(octets, message.start, min(message.body, message.start + MAX_RETURNED), (), exclude=True)
    pieces = [
        text_part(receipt.text),
        Piece(b"Content-Type: message/disposition-notification\r\n", b"".join(report)),
        _header_piece(original),
    ]
    content = multipart("report", pieces, receipt.message_id, [("report-type", "disposition-notification")])
    return envelope_fields(head) + b"MIME-Version: 1.0\r\n" + content.octets


def _original_recipient(octets: bytes, message: Part) -> list[bytes]:
    """Whom it was for at first, where its header says so (RFC 8098 section 3.2.3)."""
    raw = _raw(octets, message, "original-recipient")
    said = headers.as_text(raw) if raw is not None else ""
    return [field("Original-Recipient", said)] if _TYPED_ADDRESS.fullmatch(said) else []


def _header_piece(octets: bytes) -> Piece:
    """text/rfc822-headers (RFC 6522 section 4), in an encoding that may travel anywhere."""
    piece = text_part(octets.decode("utf-8", "replace"))
    _, _, rest = piece.header.partition(b"\r\n")
    return Piece(b"Content-Type: text/rfc822-headers; charset=utf-8\r\n" + rest, piece.body)


def _raw(octets: bytes, message: Part, name: str) -> bytes | None:
    for one in headers.fields(octets, message.start, message.body):
        if one.name == name:
            return octets[one.value : one.end]
    return None
