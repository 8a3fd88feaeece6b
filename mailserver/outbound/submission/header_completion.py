"""What a submission server may do to a message (RFC 6409 section 8): add what is missing, drop what must not leave.

Pure. Octets that are there are never rewritten: fields are put on top, or left out whole. The body is not even
copied: it may be large.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

from mailserver.mime.header import addresses, dates, header_limit, headers
from mailserver.mime.writing import fields
from mailserver.mime.writing.fields import Correspondent

DROPPED = frozenset(("bcc", "resent-bcc", "return-path", "authentication-results"))
"""Blind copies stay blind; the return path is written by who delivers (RFC 5321 section 4.4), and what was found out
about a sender by who receives (RFC 8601 section 5): a colleague would take it for ours."""

_OWN = frozenset(("bcc", "resent-bcc"))
_OF_FORMS = "x-web-"


@dataclass(frozen=True, slots=True)
class Written:
    """The fields of a message that its submission depends on."""

    authors: tuple[str, ...]
    """Addresses of From, read leniently; an unreadable one is empty."""
    has_from: bool
    has_date: bool
    has_message_id: bool
    dropped: tuple[tuple[int, int], ...]
    """Where the fields stand that must not leave."""
    header_end: int
    """Where the header's fields end; what follows is the blank line, if there is one, and the body."""
    has_blank_line: bool
    urgent: bool = False
    """Its author wants its readers told of it in spite of quiet hours (`mailserver.policy.rules.urgent_letters`)."""

    @property
    def body(self) -> int:
        """Where the body begins."""
        return self.header_end + 2 * self.has_blank_line


def read(octets: bytes) -> Written:
    """Look a message over. One whose header has no field at all is all body."""
    end = header_limit.end(octets, len(octets))
    authors: list[str] = []
    dropped: list[tuple[int, int]] = []
    names: set[str] = set()
    urgent = False
    for field in headers.fields(octets, 0, end):
        names.add(field.name)
        if field.name == "from":
            authors += _addresses(octets[field.value : field.end])
        elif field.name in DROPPED:
            dropped.append((field.start, field.end))
        elif field.name == "priority":
            urgent = octets[field.value : field.end].strip().lower() == b"urgent"
    return Written(
        tuple(authors),
        "from" in names,
        "date" in names,
        "message-id" in names,
        tuple(dropped),
        end if names else 0,
        octets.startswith(b"\r\n", end if names else 0),
        urgent,
    )


def _addresses(value: bytes) -> list[str]:
    found = addresses.people(addresses.parse(headers.as_text(value)))
    return [mailbox.address for mailbox in found] or [""]


def resent_fields(who: Correspondent, to: Sequence[Correspondent], now: float, message_id: str) -> bytes:
    """The block that says who sends a message again (RFC 5322 section 3.6.6); it goes on top, whole."""
    return b"".join(
        (
            fields.structured("Resent-Date", [dates.write(now)]),
            fields.addresses("Resent-From", [who]),
            fields.addresses("Resent-To", to),
            fields.structured("Resent-Message-ID", [message_id]),
        )
    )


def completed_header(octets: bytes, written: Written, added: bytes) -> bytes:
    """The header that leaves: the added fields on top, without the dropped ones, the blank line not included."""
    kept = [added]
    at = 0
    for start, end in written.dropped:
        kept.append(octets[at:start])
        at = end
    kept.append(octets[at : written.header_end])
    if written.header_end > at and not octets.endswith(b"\n", at, written.header_end):
        kept.append(b"\r\n")  # the message ends with its header, and that without a line end
    return b"".join(kept)


def without_secrets(octets: bytes) -> bytes:
    """One's own copy of a message as others may have it: without its blind copies, and what a form noted in a draft."""
    kept, at = [], 0
    for field in headers.fields(octets, 0, header_limit.end(octets, len(octets))):
        if field.name in _OWN or field.name.startswith(_OF_FORMS):
            kept.append(octets[at : field.start])
            at = field.end
    return b"".join((*kept, memoryview(octets)[at:])) if kept else octets


def missing_fields(written: Written, *, author: bytes, message_id: str, now: float, zone: tzinfo) -> bytes:
    """The fields to put on top; `author` is a whole From field for a message without one, `zone` what the date is
    written in (RFC 5322 section 3.3: local time)."""
    out = []
    if not written.has_date:
        out.append(f"Date: {dates.write(now, dates.offset(now, zone))}\r\n".encode())
    if not written.has_message_id:
        out.append(f"Message-ID: {message_id}\r\n".encode())
    if not written.has_from:
        out.append(author)
    return b"".join(out)
