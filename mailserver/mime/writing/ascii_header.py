"""Header fields with raw UTF-8 (RFC 6532) in the forms that ASCII has for it: encoded words (RFC 2047) in texts and
display names, RFC 2231 in parameters. Addresses are never touched, as RFC 6857 section 3.1 would."""

import re

from mailserver.mime.header import addresses, headers, parameters
from mailserver.mime.header.addresses import Mailbox
from mailserver.mime.writing import fields
from mailserver.mime.writing.fields import Correspondent

_ADDRESSES = frozenset(
    name + kind
    for name in ("", "resent-")
    for kind in ("from", "sender", "reply-to", "to", "cc", "bcc")
    if name + kind != "resent-reply-to"
)
_PARAMETERS = frozenset(("content-type", "content-disposition"))
_STRUCTURED = re.compile(
    r"received.*|return-path|delivered-to|authentication-results|arc-.*|dkim-.*|domainkey-.*|list-.*|.*message-id"
    r"|references|in-reply-to|(?:resent-)?date|mime-version|content-.*|auto-submitted|disposition-.*|.*-to|original-.*"
)
"""Fields with a grammar of their own, where encoded words may not stand."""


class CannotBeAscii(Exception):
    """No ASCII says the same."""


def written(name: str, octets: bytes, value: bytes) -> bytes:
    """A field in ASCII. `octets` is the field as it stands, `value` what is behind its colon. Raises CannotBeAscii."""
    if octets.isascii():
        return octets
    as_named = octets[: octets.index(b":")].decode("ascii").rstrip()
    try:
        text = headers.unfold(value).decode("utf-8")
        if name in _ADDRESSES:
            return _address_list(as_named, text)
        if name in _PARAMETERS:
            return _with_parameters(name, as_named, text)
        if name != "content-description" and _STRUCTURED.fullmatch(name):
            raise CannotBeAscii
        made = fields.field(as_named, text)
    except (UnicodeDecodeError, ValueError):
        raise CannotBeAscii from None
    return made


def _address_list(name: str, text: str) -> bytes:
    """The same people under the same addresses: who wrote a message must not change."""
    found = addresses.parse(text)
    if not found or not all(one.local and one.domain and not one.route and one.address.isascii() for one in found):
        raise CannotBeAscii
    made = fields.addresses(name, [Correspondent(one.display, one.address) for one in found])
    again = addresses.parse(headers.as_text(made.partition(b":")[2]))
    if list(map(_who, again)) != list(map(_who, found)):
        raise CannotBeAscii
    return made


def _who(mailbox: Mailbox) -> tuple[str, str | None, str | None]:
    return " ".join(headers.clean(mailbox.display).split()), mailbox.local, mailbox.domain


def _with_parameters(name: str, as_named: str, text: str) -> bytes:
    value, raw = _read(name, text)
    found = parameters.decode(raw)
    if not value or not value.isascii():
        raise CannotBeAscii
    made = fields.parameters(as_named, value, found.items())
    again, raw = _read(name, headers.as_text(made.partition(b":")[2]))
    if (again, parameters.decode(raw)) != (value, found):
        raise CannotBeAscii
    return made


def _read(name: str, text: str) -> tuple[str, parameters.Raw]:
    if name == "content-disposition":
        return parameters.token(text)
    media = parameters.media_type(text)
    return (f"{media[0]}/{media[1]}", media[2]) if media is not None else ("", [])
