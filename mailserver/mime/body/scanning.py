"""Everything that is computed once of a message, at delivery."""

from dataclasses import dataclass

from mailserver.mime.body import body_structure, folded_fields, parser, structure, text
from mailserver.mime.header import dates, envelope, headers, listed_fields, subjects
from mailserver.mime.header.addresses import Mailbox, people

MAX_SUBJECT = 1000
"""Characters of a subject in lists; ENVELOPE has all of it."""

MAX_ADDRESS = 320
"""Characters of the author's address that are kept: no real one is longer, and it is the key of an index."""
MAX_PEOPLE = 1000
"""Characters of senders and recipients in lists."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What delivery stores beside the octets. Texts are decoded, in one line, and fit for SQL."""

    header_size: int
    """Octets up to and including the blank line."""
    envelope: bytes
    """ENVELOPE, 7-bit, ready to write."""
    bodystructure: bytes
    body: bytes
    parts: bytes
    """The packed tree; `structure.unpack` reads it."""
    subject: str
    sender: str
    """The first author (`addresses.label`)."""
    sender_address: str
    recipients: str
    """To and Cc (`addresses.label`), comma separated."""
    sent_at: int
    """Seconds since the epoch; 0 when the Date field says nothing, 1 where it says the epoch itself."""
    base_subject: str
    message_id: str
    """In its angle brackets; empty when there is none."""
    in_reply_to: str
    references: str
    """Message ids, space separated."""
    preview: str
    attachments: int
    search_fields: bytes | None
    """The lines of `folded_fields.KEPT`; None when only the header itself tells."""
    listed_fields: bytes | None
    """The fields of `listed_fields.NAMES`, octet for octet; None likewise."""


def scan(octets: bytes) -> Scan:
    """Scan a message. Never raises, whatever the octets."""
    root = parser.parse(octets)
    fields = root.fields
    mailboxes = root.mailboxes or {}
    parts = structure.build(root)
    body, bodystructure = body_structure.structure(root)
    title = headers.decode(fields.get(b"subject", b""))
    subject = " ".join(title.split())[:MAX_SUBJECT]
    author = next(iter(people(mailboxes.get(b"from") or mailboxes.get(b"sender") or [])), None)
    plain = not root.repeats and root.body <= folded_fields.MAX_HEADER
    moment = dates.parse(headers.as_text(fields[b"date"])) if b"date" in fields else None
    return Scan(
        header_size=root.body,
        envelope=envelope.render(fields, mailboxes).encode("ascii"),
        bodystructure=bodystructure,
        body=body,
        parts=structure.pack(parts),
        subject=subject,
        sender=author.label[:MAX_PEOPLE] if author else "",
        sender_address=headers.clean(author.address)[:MAX_ADDRESS] if author else "",
        recipients=_labels(mailboxes),
        sent_at=(moment.instant or 1) if moment else 0,
        base_subject=subjects.base_subject(subject),
        message_id=envelope.message_id(fields.get(b"message-id")),
        in_reply_to=envelope.message_id(fields.get(b"in-reply-to")),
        references=envelope.references(fields.get(b"references")),
        preview=text.preview(octets, parts),
        attachments=len(parts.attachments()),
        search_fields=folded_fields.kept(fields, title) if plain else None,
        listed_fields=listed_fields.kept(octets[: root.body], root.written),
    )


def international(octets: bytes) -> tuple[bytes, bytes, bytes]:
    """ENVELOPE, BODY and BODYSTRUCTURE of a message, what its headers have in UTF-8 (RFC 6532) left so.

    The same as in its `Scan` for a message without 8-bit octets in a header. Never raises.
    """
    root = parser.parse(octets)
    header = envelope.render(root.fields, root.mailboxes or {}, envelope.quote_utf8)
    return (header.encode("utf-8"), *body_structure.structure(root, envelope.quote_utf8))


def _labels(mailboxes: dict[bytes, list[Mailbox]]) -> str:
    """Recipients as far as a list shows them."""
    labels: list[str] = []
    size = 0
    for name in (b"to", b"cc"):
        for mailbox in mailboxes.get(name, ()):
            if mailbox.domain is None or size > MAX_PEOPLE:
                continue
            label = mailbox.label
            size += len(label) + 2
            labels.append(label)
    return ", ".join(labels)[:MAX_PEOPLE]
