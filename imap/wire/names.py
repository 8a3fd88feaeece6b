"""Mailbox names on the wire: modified UTF-7 (RFC 3501 section 5.1.3), UTF-8, INBOX.

Inside the server a name is Unicode text. A client that enabled UTF8=ACCEPT or IMAP4rev2 sends and gets
UTF-8, where `&` is an ordinary character; every other client gets modified UTF-7. There are clients that enable
nothing and send UTF-8 all the same: octets outside of ASCII cannot be modified UTF-7, so they are taken for what
they are. ASCII from such a client is always modified UTF-7, and from one that enabled UTF-8 never: which
mailbox is meant depends on no guess.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error

from imap.wire import strings
from mailserver.model.errors import BadSyntax

MAX_NAME = 2500
"""Octets of a name or pattern on the wire: the longest name there is (1,000 octets of UTF-8) in modified UTF-7."""


class BadName(BadSyntax):
    """A string of the right form that is no mailbox's name: the grammar takes any astring (RFC 3501 section 9)."""


_SHIFTED = re.compile(r"[^\x20-\x7e]+|&")
_ENCODED = re.compile(rb"&([^-]*)(-?)")


def encode_utf7(name: str) -> bytes:
    """Modified UTF-7."""
    return _SHIFTED.sub(_shift, name).encode("ascii")


def _shift(match: re.Match[str]) -> str:
    text = match[0]
    if text == "&":
        return "&-"
    base64 = b64encode(text.encode("utf-16-be", "surrogatepass")).decode("ascii")
    return f"&{base64.rstrip('=').replace('/', ',')}-"


def decode_utf7(octets: bytes) -> str:
    """Modified UTF-7, strictly: one spelling for each name, so that no two octet strings are one mailbox."""
    if not octets.isascii():
        raise BadName("Mailbox name is not modified UTF-7")
    if b"&" not in octets:
        return octets.decode("ascii")
    name = _ENCODED.sub(_unshift, octets).decode("utf-8")
    if encode_utf7(name) != octets:
        raise BadName("Mailbox name is not modified UTF-7")
    return name


def _unshift(match: re.Match[bytes]) -> bytes:
    base64, end = match.groups()
    if not end:
        raise BadName("Mailbox name is not modified UTF-7")
    if not base64:
        return b"&"
    padded = base64.replace(b",", b"/") + b"=" * (-len(base64) % 4)
    try:
        return b64decode(padded, validate=True).decode("utf-16-be").encode("utf-8")
    except (Error, UnicodeDecodeError):
        raise BadName("Mailbox name is not modified UTF-7") from None


def encode(name: str, utf8: bool = False) -> bytes:
    """A name as an astring."""
    return strings.astring(name.encode("utf-8"), utf8=True) if utf8 else strings.astring(encode_utf7(name))


def decode(octets: bytes, utf8: bool = False) -> str:
    """A name or pattern from an astring's octets; INBOX in any case becomes INBOX, also as a first level."""
    if len(octets) > MAX_NAME:
        raise BadName("Mailbox name is too long")
    if utf8 or not octets.isascii():
        try:
            name = octets.decode("utf-8")
        except UnicodeDecodeError:
            raise BadName("Mailbox name is not UTF-8") from None
    else:
        name = decode_utf7(octets)
    if not name.isprintable():
        _refuse_controls(name)
    return canonical(name)


def _refuse_controls(name: str) -> None:
    """Control characters in names only serve to deceive (RFC 5198 section 2); other unprintables are fine."""
    if any(ord(letter) < 32 or 127 <= ord(letter) < 160 or letter in "\u2028\u2029" for letter in name):
        raise BadName("Mailbox name holds control characters")


def canonical(name: str) -> str:
    """INBOX is one mailbox in whatever case (RFC 3501 section 5.1), and so is the INBOX above `inbox/x`."""
    if name[:5].upper() == "INBOX" and name[5:6] in ("", "/"):
        return "INBOX" + name[5:]
    return name
