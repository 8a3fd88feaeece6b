"""ENVELOPE (RFC 3501 section 7.4.2), message ids and references.

Strings come out as quoted strings of 7-bit characters. What a sender left unencoded in the header (8-bit
octets) is guessed and written as encoded words, so that any client of RFC 3501 shows it right.
"""

import re
from contextlib import suppress

from mailserver import address
from mailserver.errors import BadSyntax
from mailserver.mime import headers
from mailserver.mime.addresses import Mailbox, parse

Fields = dict[bytes, bytes]
"""A header's fields by lower-case name, values not yet unfolded; repeated address fields are joined."""

MAX_ID = 998
"""Octets of one message id: a line's worth."""

MAX_REFERENCES = 100
"""Message ids kept of a References field: the first, and the last ones before it grew silly."""

_ID = re.compile(r"<([^<>]++)>")
_NEEDS_ESCAPE = re.compile(r'(["\\])')
_STRAY = re.compile(r"[\r\n\0]+")


def quote(text: str) -> str:
    """An IMAP quoted string; what it cannot hold (8-bit) becomes encoded words, NUL and line ends vanish."""
    if not text.isascii():
        text = " ".join(headers.encode_words(headers.clean(text)))
    if "\r" in text or "\0" in text or "\n" in text:
        text = _STRAY.sub("", text)
    if '"' in text or "\\" in text:
        text = _NEEDS_ESCAPE.sub(r"\\\1", text)
    return f'"{text}"'


def nstring(raw: bytes | None) -> str:
    """A field's value as a quoted string, or NIL when there is no such field."""
    return "NIL" if raw is None else quote(headers.as_text(raw))


def render(fields: Fields, mailboxes: dict[bytes, list[Mailbox]]) -> str:
    """The ENVELOPE of a header. Sender and Reply-To default to From (RFC 3501 section 7.4.2)."""
    sender = addresses(mailboxes.get(b"from"))
    return (
        f"({nstring(fields.get(b'date'))} {nstring(fields.get(b'subject'))} {sender} "
        f"{_or(mailboxes.get(b'sender'), sender)} {_or(mailboxes.get(b'reply-to'), sender)} "
        f"{addresses(mailboxes.get(b'to'))} {addresses(mailboxes.get(b'cc'))} {addresses(mailboxes.get(b'bcc'))} "
        f"{nstring(fields.get(b'in-reply-to'))} {nstring(fields.get(b'message-id'))})"
    )


ADDRESS_FIELDS = (b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc")


def read_mailboxes(fields: Fields) -> dict[bytes, list[Mailbox]]:
    """The address lists of a header, each parsed once."""
    return {name: parse(headers.as_text(fields[name])) for name in ADDRESS_FIELDS if name in fields}


def _or(mailboxes: list[Mailbox] | None, default: str) -> str:
    return addresses(mailboxes) if mailboxes else default


def addresses(mailboxes: list[Mailbox] | None) -> str:
    """A parenthesised address list, or NIL when it is empty."""
    if not mailboxes:
        return "NIL"
    return f"({''.join(map(_address, mailboxes))})"


def _address(mailbox: Mailbox) -> str:
    name, route, local, domain = mailbox
    if domain is None:  # the marks of a group
        return f"(NIL NIL {'NIL' if local is None else quote(local)} NIL)"
    if not domain.isascii():
        with suppress(BadSyntax):
            domain = address.check_domain(domain)
    return f"({quote(name) if name else 'NIL'} {quote(route) if route else 'NIL'} {quote(local or '')} {quote(domain)})"


def message_id(raw: bytes | None) -> str:
    """The first message id of a field, in its angle brackets; a bare word is forgiven."""
    if raw is None:
        return ""
    text = headers.clean(headers.as_text(raw))
    found = _ID.search(text)
    if found:
        text = found.group(1)
    text = "".join(text.split())[:MAX_ID]
    return f"<{text}>" if text else ""


def references(raw: bytes | None) -> str:
    """The message ids of a field, space separated, without repetition; long chains keep the first and the last."""
    if raw is None:
        return ""
    text = headers.clean(headers.as_text(raw))
    ids = list(dict.fromkeys(f"<{''.join(one.split())[:MAX_ID]}>" for one in _ID.findall(text)))
    if len(ids) > MAX_REFERENCES:
        ids = ids[:1] + ids[1 - MAX_REFERENCES :]
    return " ".join(ids)
