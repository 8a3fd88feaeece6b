"""The PROXY protocol, versions 1 and 2: whom a proxy before our doors speaks for (HAProxy, doc/proxy-protocol.txt).

Pure functions over the octets with which a proxied connection begins. The reader never takes an octet that belongs to
the protocol behind the header: that one is read by somebody else.
"""

import ipaddress
import struct

from mailserver.model.errors import BadSyntax

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_WORD = b"PROXY "
MOST_LINE = 107
"""Octets of a header of version 1, its CRLF included (section 2.1)."""
MOST_BINARY = 2048
"""Octets behind the fixed part of version 2: addresses, and what proxies tell besides (216 are asked for at least)."""
_FIXED = struct.Struct("!12sBBH")
_LOCAL, _PROXY = 0x20, 0x21
_UNSPECIFIED, _INET, _INET6, _UNIX = 0, 1, 2, 3
_STREAM = 1
_INET_OCTETS, _INET6_OCTETS = 12, 36
"""Of both addresses and both ports."""


def wanted(header: bytes) -> int:
    """How many octets of the header are surely still to come; 0: it is whole. Raises BadSyntax."""
    if not any(start.startswith(header[: len(start)]) for start in (_WORD, SIGNATURE)):
        raise BadSyntax("no PROXY header")
    if len(header) < len(SIGNATURE):  # no header of version 1 is shorter, either
        return len(SIGNATURE) - len(header)
    if header.startswith(SIGNATURE):
        return _wanted_binary(header)
    if header.endswith(b"\r\n"):
        return 0
    if len(header) >= MOST_LINE:
        raise BadSyntax("a PROXY header of more than 107 octets")
    return 1 if header.endswith(b"\r") or len(header) == MOST_LINE - 1 else 2


def _wanted_binary(header: bytes) -> int:
    if len(header) < _FIXED.size:
        return _FIXED.size - len(header)
    *_, length = _FIXED.unpack_from(header)
    if length > MOST_BINARY:
        raise BadSyntax("a PROXY header too large")
    return int(_FIXED.size + length - len(header))


def source(header: bytes) -> str | None:
    """The address of a whole header's client; None where the proxy speaks for itself or does not know. Raises
    BadSyntax."""
    return _binary_source(header) if header.startswith(SIGNATURE) else _line_source(header)


def _line_source(header: bytes) -> str | None:
    try:
        words = header.removesuffix(b"\r\n").decode("ascii").split(" ")
    except UnicodeDecodeError:
        raise BadSyntax("a PROXY header that is not ASCII") from None
    if words[:2] == ["PROXY", "UNKNOWN"]:
        return None
    kinds = {"TCP4": ipaddress.IPv4Address, "TCP6": ipaddress.IPv6Address}
    if len(words) != 6 or words[1] not in kinds or not all(_is_port(word) for word in words[4:]):
        raise BadSyntax("a PROXY header that names no addresses")
    try:
        client, _ours = (kinds[words[1]](word) for word in words[2:4])
    except ValueError:
        raise BadSyntax("a PROXY header with a bad address") from None
    return str(client)


def _is_port(word: str) -> bool:
    """Decimal, without zeros before it (section 2.1)."""
    return len(word) <= 5 and word.isdecimal() and str(int(word)) == word and int(word) <= 65535


def _binary_source(header: bytes) -> str | None:
    _, command, kind, length = _FIXED.unpack_from(header)
    if command not in (_LOCAL, _PROXY):
        raise BadSyntax("a PROXY header of another version or command")
    family, transport = divmod(kind, 16)
    if command == _LOCAL or family in (_UNSPECIFIED, _UNIX):
        return None
    if family not in (_INET, _INET6) or transport != _STREAM:
        raise BadSyntax("a PROXY header of no TCP connection")
    if length < (_INET_OCTETS if family == _INET else _INET6_OCTETS):
        raise BadSyntax("a PROXY header shorter than its addresses")
    start = _FIXED.size
    if family == _INET:
        return str(ipaddress.IPv4Address(header[start : start + 4]))
    return str(ipaddress.IPv6Address(header[start : start + 16]))
