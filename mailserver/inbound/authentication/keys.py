"""Public keys from DNS (RFC 6376 section 3.6.1, RFC 8301, RFC 8463), and signatures held against them. Pure.

The arithmetic is `cryptography`'s: dkimpy raises numbers of any size to powers of any size in Python.
"""

import base64
import binascii
import warnings
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from dkim.util import InvalidTagValueList, parse_tag_value  # type: ignore[import-untyped]

MAX_RECORD = 4 * 1024
"""Octets of a key record: a key of 8,192 bits takes a third."""
LARGEST_EXPONENT = 2**32
"""Of an RSA key; all in use have 65537 or less. One of the size of the modulus takes hundreds of times as long."""
KEPT = 500
"""Keys that are remembered by their records: reading one takes half as long as verifying a signature with it."""
SMALLEST, LARGEST = 1024, 8192
"""Bits of an RSA key: RFC 8301 section 3.2, and what is worth the time."""


class BadKey(Exception):
    """There is no such key; the text says why, in a word for the results."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key that was read."""

    public: RSAPublicKey | Ed25519PublicKey
    bits: int
    strict: bool
    """The signer's identity is of the very domain, none below it (`t=s`)."""

    @property
    def is_small(self) -> bool:
        return isinstance(self.public, RSAPublicKey) and self.bits < SMALLEST

    def verifies(self, algorithm: str, signature: bytes, digest: bytes) -> bool:
        """Whether the signature is this key's, of that SHA-256 digest."""
        try:
            if isinstance(self.public, RSAPublicKey):
                if algorithm != "rsa-sha256":
                    return False
                self.public.verify(signature, digest, padding.PKCS1v15(), Prehashed(SHA256()))
            elif algorithm == "ed25519-sha256":
                self.public.verify(signature, digest)
            else:
                return False
        except (InvalidSignature, ValueError):
            return False
        return True


def read(records: list[bytes], services: tuple[bytes, ...] = (b"email",)) -> Key:
    """The key of the TXT records under one name, for one of these services. Raises BadKey."""
    if not records:
        raise BadKey("no key")
    if len(records) > 1:
        records = [one for one in records if b"p=" in one]
    if not records or len(records[0]) > MAX_RECORD:
        raise BadKey("unusable key record")
    return _read(records[0], services)


@lru_cache(maxsize=KEPT)
def _read(record: bytes, services: tuple[bytes, ...]) -> Key:
    try:
        tags: dict[bytes, bytes] = parse_tag_value(b" ".join(record.split()))
    except InvalidTagValueList:
        raise BadKey("malformed key record") from None
    if tags.get(b"v", b"DKIM1") != b"DKIM1" or (b"v" in tags and next(iter(tags)) != b"v"):
        raise BadKey("a key record of another version")
    if b"h" in tags and b"sha256" not in _words(tags[b"h"]):
        raise BadKey("a key for other algorithms")
    if b"s" in tags and not {b"*", *services} & set(_words(tags[b"s"])):
        raise BadKey("a key for another service")
    if b"p" not in tags:
        raise BadKey("malformed key record")
    if not tags[b"p"]:
        raise BadKey("the key is revoked")
    return _key(tags.get(b"k", b"rsa").lower(), tags[b"p"], strict=b"s" in _words(tags.get(b"t", b"")))


def _words(value: bytes) -> list[bytes]:
    return [one.strip().lower() for one in value.split(b":")]


def _key(kind: bytes, text: bytes, *, strict: bool) -> Key:
    try:
        octets = base64.b64decode(text.replace(b" ", b""), validate=True)
        if kind == b"ed25519":
            return Key(Ed25519PublicKey.from_public_bytes(octets), 256, strict)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            key = load_der_public_key(octets) if kind == b"rsa" else None
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        raise BadKey("the key cannot be read") from None
    if not isinstance(key, RSAPublicKey) or key.key_size > LARGEST:
        raise BadKey("a key of another kind")
    if key.public_numbers().e > LARGEST_EXPONENT:
        raise BadKey("a key with a huge exponent")
    return Key(key, key.key_size, strict)
