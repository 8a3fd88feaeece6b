"""Writing strings: the shortest form that is safe for the octets (RFC 3501 section 4.3)."""

import re

_ATOM = re.compile(rb"(?!NIL\Z)[A-Za-z0-9!#$&'+,\-./:;<=>?@^_`|~]{1,500}\Z", re.IGNORECASE)
_QUOTABLE = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\x7f]{0,1000}\Z")
_QUOTABLE_UTF8 = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\xff]{0,1000}\Z")
_SPECIAL = re.compile(rb'([\\"])')


def quoted(octets: bytes) -> bytes:
    """A quoted string. The caller knows there is no CR, LF or NUL in it."""
    return b'"%s"' % _SPECIAL.sub(rb"\\\1", octets)


def literal(octets: bytes) -> bytes:
    """A literal, length first."""
    return b"{%d}\r\n%s" % (len(octets), octets)


def string(octets: bytes, utf8: bool = False) -> bytes:
    """Quoted when it may be, else a literal; 8-bit octets are quoted only for a client that enabled UTF-8.

    `utf8` promises that the octets are UTF-8 (RFC 6855 section 3).
    """
    quotable = _QUOTABLE_UTF8 if utf8 else _QUOTABLE
    return quoted(octets) if quotable.match(octets) else literal(octets)


def nstring(octets: bytes | None, utf8: bool = False) -> bytes:
    """A string, or NIL for None."""
    return b"NIL" if octets is None else string(octets, utf8)


def astring(octets: bytes, utf8: bool = False) -> bytes:
    """An atom when it may be one, else a string. `NIL` as a name is quoted: readers take the atom for nil."""
    return octets if _ATOM.match(octets) else string(octets, utf8)
