"""Header fields as mail programs ask for them to show lists of messages: octet for octet, without what relays wrote.

A header is mostly traces and signatures. Whoever asks for these fields of ten thousand messages is answered from the
few lines kept here, without a header being expanded and searched.
"""

from collections.abc import Iterable

NAMES = frozenset(
    b"from to cc bcc sender reply-to subject date message-id in-reply-to references newsgroups"
    b" content-type content-transfer-encoding mime-version priority x-priority importance"
    b" list-id list-post list-unsubscribe list-unsubscribe-post mail-reply-to mail-followup-to"
    b" disposition-notification-to return-receipt-to auto-submitted precedence x-tuid x-k9mail-identity"
    b" chat-version x-draft-info x-mozilla-draft-info".split()
)
"""In small letters; what Thunderbird, K-9, Apple Mail, Roundcube and mbsync ask for, and more of the kind."""

MAX_KEPT = 2000
"""Octets of these fields that are worth keeping: a letter to a whole school is read from its header."""
MAX_HEADER = 64 * 1024
"""Octets of a header that is looked at for them."""


def kept(header: bytes, written: Iterable[tuple[bytes, bytes, bytes]]) -> bytes | None:
    """These fields in the order in which they stand, each with its line end; None when only the header itself tells.

    `written`: every field of the header, its name and its value (`parser.Written`).
    """
    if len(header) > MAX_HEADER or not header.endswith(b"\n"):
        return None
    made = b"\n".join([*[field for field, name, _ in written if name.lower() in NAMES], b""])
    return made if len(made) <= MAX_KEPT else None
