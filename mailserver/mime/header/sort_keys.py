"""The first address of From, To or Cc as SORT compares it, read from a rendered ENVELOPE (RFC 5256, RFC 5957).

An ENVELOPE is ours: quoted strings and NIL only, 7-bit. The expressions know its whole form, so that text within a
string is never taken for structure, and they are linear.
"""

import re
from enum import Enum

from mailserver.mime.header import headers

_STRING = rb'(?:NIL|"(?:[^"\\]++|\\.)*+")'
_ADDRESS = rb"\(%b %b %b %b\)" % ((_STRING,) * 4)
_LIST = rb"(?:NIL|\((?:%b)++\))" % _ADDRESS
_FIRST = rb"(?:NIL|\(\((%b) %b (%b) (%b)\))" % ((_STRING,) * 4)
_START = rb"\(%b %b " % (_STRING, _STRING)


class Role(Enum):
    """Whose address: how many address lists of an ENVELOPE stand before it."""

    FROM = 0
    TO = 3
    CC = 4


_PATTERNS = {role: re.compile(_START + (_LIST + b" ") * role.value + _FIRST) for role in Role}


def mailbox(envelope: bytes, role: Role) -> str:
    """addr-mailbox of the first address (RFC 5256 BASE.6.4.SORT); empty when there is none."""
    return _text(_first(envelope, role)[1])


def display(envelope: bytes, role: Role) -> str:
    """What people see of the first address: its name, else the address (RFC 5957 section 3)."""
    name, local, domain = _first(envelope, role)
    shown = _text(name)
    if shown:
        return shown
    person, host = _text(local), _text(domain)
    return f"{person}@{host}" if person and host else person


def _first(envelope: bytes, role: Role) -> tuple[bytes, bytes, bytes]:
    """Name, mailbox and host of the first address as they are written there."""
    found = _PATTERNS[role].match(envelope)
    if found is None or found[1] is None:
        return b"NIL", b"NIL", b"NIL"
    name, local, domain = found.groups()
    return name, local, domain


def _text(octets: bytes) -> str:
    if octets == b"NIL":
        return ""
    inner = octets[1:-1]
    if b"\\" in inner:
        inner = re.sub(rb"\\(.)", rb"\1", inner)
    return headers.decode(inner) if b"=?" in inner else inner.decode("ascii")
