"""ENVELOPE (RFC 3501 section 7.4.2), message ids and references.

Strings come out as quoted strings of 7-bit characters. What a sender left unencoded in the header (8-bit
octets) is guessed and written as encoded words, so that any client of RFC 3501 shows it right. `quote_utf8` in the
place of `quote` leaves it in UTF-8, for a client that takes it (RFC 9755 section 3).
"""

import re
from collections.abc import Callable
from contextlib import suppress

from mailserver.mime.header import headers
from mailserver.mime.header.addresses import Mailbox, parse
from mailserver.model import address
from mailserver.model.errors import BadSyntax

Quote = Callable[[str], str]

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
    return _quoted(text)


def quote_utf8(text: str) -> str:
    """The same for a client that takes UTF-8: nothing is encoded."""
    return _quoted(text if text.isascii() else headers.clean(text))


def _quoted(text: str) -> str:
    if "\r" in text or "\0" in text or "\n" in text:
        text = _STRAY.sub("", text)
    if '"' in text or "\\" in text:
        text = _NEEDS_ESCAPE.sub(r"\\\1", text)
    return f'"{text}"'


def nstring(raw: bytes | None, spell: Quote = quote) -> str:
    """A field's value as a quoted string, or NIL when there is no such field."""
    return "NIL" if raw is None else spell(headers.as_text(raw))


def render(fields: Fields, mailboxes: dict[bytes, list[Mailbox]], spell: Quote = quote) -> str:
    """The ENVELOPE of a header. Sender and Reply-To default to From (RFC 3501 section 7.4.2)."""
    sender = addresses(mailboxes.get(b"from"), spell)
    return (
        f"({nstring(fields.get(b'date'), spell)} {nstring(fields.get(b'subject'), spell)} {sender} "
        f"{_or(mailboxes.get(b'sender'), sender, spell)} {_or(mailboxes.get(b'reply-to'), sender, spell)} "
        f"{addresses(mailboxes.get(b'to'), spell)} {addresses(mailboxes.get(b'cc'), spell)} "
        f"{addresses(mailboxes.get(b'bcc'), spell)} "
        f"{nstring(fields.get(b'in-reply-to'), spell)} {nstring(fields.get(b'message-id'), spell)})"
    )


ADDRESS_FIELDS = (b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc")


def read_mailboxes(fields: Fields) -> dict[bytes, list[Mailbox]]:
    """The address lists of a header, each parsed once."""
    return {name: parse(headers.as_text(fields[name])) for name in ADDRESS_FIELDS if name in fields}


def _or(mailboxes: list[Mailbox] | None, default: str, spell: Quote) -> str:
    return addresses(mailboxes, spell) if mailboxes else default


def addresses(mailboxes: list[Mailbox] | None, spell: Quote = quote) -> str:
    """A parenthesised address list, or NIL when it is empty."""
    if not mailboxes:
        return "NIL"
    return f"({''.join([_address(mailbox, spell) for mailbox in mailboxes])})"


def _address(mailbox: Mailbox, spell: Quote) -> str:
    name, route, local, domain = mailbox
    if domain is None:  # the marks of a group
        return f"(NIL NIL {'NIL' if local is None else spell(local)} NIL)"
    if spell is quote and not domain.isascii():
        with suppress(BadSyntax):
            domain = address.check_domain(domain)
    return f"({spell(name) if name else 'NIL'} {spell(route) if route else 'NIL'} {spell(local or '')} {spell(domain)})"


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
    ids = list(dict.fromkeys(f"<{''.join(found.split())[:MAX_ID]}>" for found in _ID.findall(text)))
    if len(ids) > MAX_REFERENCES:
        ids = ids[:1] + ids[1 - MAX_REFERENCES :]
    return " ".join(ids)
