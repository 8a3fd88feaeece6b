"""What a list gives each member outside: a return address for one message, and a link of their own.

Both are numbers with an HMAC under the instance's key, so that nobody makes one. In base 32, since local parts may
change their case on the way.
"""

import base64
import binascii
import hashlib
import hmac
import re

from mailserver.store.queue.list_posts import Departure

NUMBER_OCTETS = 5
TAG_OCTETS = 10
LINK_TAG_OCTETS = 15
MAX_LOCAL = 64
"""Octets of a local part (RFC 5321 section 4.5.3.1.1)."""
_KEY = re.compile(r"[a-z2-7]{32}")
_RETURN = re.compile(r"-bounces\+([a-z2-7]{32})\Z", re.IGNORECASE)


class MemberKeys:
    """Makes and reads them."""

    def __init__(self, secret: bytes) -> None:
        self._return = hmac.digest(secret, b"list return address", hashlib.sha256)
        self._link = hmac.digest(secret, b"list member link", hashlib.sha256)

    def return_address(self, address: str, departure: Departure) -> str:
        """Where one message of a list comes back to from one member (VERP)."""
        number = _octets(departure.post_id) + _octets(departure.member_id)
        local, _, domain = address.rpartition("@")
        end = f"-bounces+{_write(number + _tag(self._return, number, TAG_OCTETS))}"
        return f"{local[: MAX_LOCAL - len(end)]}{end}@{domain}"

    def read_return(self, address: str) -> Departure | None:
        """Which message came back from whom; None: we never wrote this address."""
        found = _RETURN.search(address.rpartition("@")[0])
        octets = _read(found[1]) if found is not None else b""
        number = octets[: 2 * NUMBER_OCTETS]
        if not octets or not hmac.compare_digest(octets[len(number) :], _tag(self._return, number, TAG_OCTETS)):
            return None
        return Departure(int.from_bytes(number[:NUMBER_OCTETS], "big"), int.from_bytes(number[NUMBER_OCTETS:], "big"))

    def link(self, member_id: int) -> str:
        """The key of a member's page."""
        number = _octets(member_id)
        return _write(number + _tag(self._link, number, LINK_TAG_OCTETS))

    def read_link(self, key: str) -> int | None:
        """Whose page it is; None: we never wrote this key."""
        octets = _read(key)
        number = octets[:NUMBER_OCTETS]
        if not octets or not hmac.compare_digest(octets[NUMBER_OCTETS:], _tag(self._link, number, LINK_TAG_OCTETS)):
            return None
        return int.from_bytes(number, "big")


def is_return_address(address: str) -> bool:
    """Whether an address has the shape of one, whoever wrote it."""
    return _RETURN.search(address.rpartition("@")[0]) is not None


def _octets(number: int) -> bytes:
    return number.to_bytes(NUMBER_OCTETS, "big")


def _tag(key: bytes, number: bytes, length: int) -> bytes:
    return hmac.digest(key, number, hashlib.sha256)[:length]


def _write(octets: bytes) -> str:
    return base64.b32encode(octets).decode("ascii").lower()


def _read(text: str) -> bytes:
    folded = text.lower()
    if not text.isascii() or not _KEY.fullmatch(folded):
        return b""
    try:
        return base64.b32decode(folded.upper())
    except binascii.Error:
        return b""
