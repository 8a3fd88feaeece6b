"""Secrets of the browser: tokens, their stored form, anti-forgery marks, and sealed text.

One secret of the instance feeds every key; each purpose has its own label, so that no value made for one can be
used for another.
"""

import base64
import binascii
import hashlib
import hmac
import zlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mailserver.model.clock import Clock

TOKEN_OCTETS = 32
MARK_OCTETS = 16
SIGNATURE_OCTETS = 20
MAX_TOKEN = 64
MAX_SEALED = 4 * 1024 * 1024
"""Octets of a text once unsealed: what we sealed is smaller; a forged one never gets this far."""


class Keys:
    """Makes and checks everything a browser is given to keep."""

    def __init__(self, secret: bytes, clock: Clock) -> None:
        self._clock = clock
        self._session = _derive(secret, b"web session")
        self._mark = _derive(secret, b"web form mark")
        self._seal = _derive(secret, b"web sealed text")
        self._address = _derive(secret, b"web signed address")

    def new_token(self) -> str:
        """A fresh token for a cookie or an address."""
        return _encode(self._clock.token(TOKEN_OCTETS))

    def stored(self, token: str) -> bytes:
        """What the store keeps of a token."""
        return hmac.digest(self._session, token.encode("utf-8", "replace"), hashlib.sha256)

    def mark(self, owner: bytes) -> str:
        """An anti-forgery mark for a form, different each time it is written.

        The mask keeps a compressed page from giving the mark away letter by letter (BREACH).
        """
        mask = self._clock.token(MARK_OCTETS)
        return _encode(mask + _xor(mask, self._owner_mark(owner)))

    def is_mark(self, mark: str, owner: bytes) -> bool:
        """True when the mark was made for this owner."""
        octets = _decode(mark)
        if len(octets) != 2 * MARK_OCTETS:
            return False
        made = _xor(octets[:MARK_OCTETS], octets[MARK_OCTETS:])
        return hmac.compare_digest(made, self._owner_mark(owner))

    def _owner_mark(self, owner: bytes) -> bytes:
        return hmac.digest(self._mark, owner, hashlib.sha256)[:MARK_OCTETS]

    def signature(self, *values: str | int) -> str:
        """What shows that an address with these values was written by us; each value is kept apart from the next."""
        octets = "".join(f"{len(str(value))}:{value}" for value in values).encode("utf-8", "replace")
        return _encode(hmac.digest(self._address, octets, hashlib.sha256)[:SIGNATURE_OCTETS])

    def is_signature(self, signature: str, *values: str | int) -> bool:
        """True when it was made for these values."""
        return hmac.compare_digest(signature.encode("utf-8", "replace"), self.signature(*values).encode("ascii"))

    def seal(self, token: str, octets: bytes) -> bytes:
        """Encrypt under the token that the browser keeps and a secret of ours: nobody but us reads or makes it."""
        nonce = self._clock.token(12)
        return nonce + self._cipher(token).encrypt(nonce, zlib.compress(octets), None)

    def unseal(self, token: str, sealed: bytes) -> bytes | None:
        """What was sealed under this token, or None."""
        try:
            packed = self._cipher(token).decrypt(sealed[:12], sealed[12:], None)
        except (InvalidTag, ValueError):
            return None
        return zlib.decompressobj().decompress(packed, MAX_SEALED)

    def _cipher(self, token: str) -> AESGCM:
        return AESGCM(hmac.digest(self._seal, token.encode("utf-8", "replace"), hashlib.sha256))


def _derive(secret: bytes, label: bytes) -> bytes:
    return hmac.digest(secret, label, hashlib.sha256)


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _encode(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    if len(text) > MAX_TOKEN or not text.isascii():
        return b""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""
