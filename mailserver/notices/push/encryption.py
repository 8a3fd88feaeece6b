"""A message sealed for one browser (RFC 8291): aes128gcm (RFC 8188) under a key that the two agree on. No I/O."""

import base64
import binascii
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

RECORD = 4096
"""Size of a record (RFC 8188 section 2.1); a message is one (RFC 8291 section 4)."""
PADDED = 512
"""What is said is filled up to a multiple of this: its length tells nothing."""
MAX_OCTETS = 3072
"""Of what is said: push services take 4,096 octets, sealed."""
POINT, SECRET, SALT = 65, 16, 16
"""Octets of an uncompressed point on P-256, of an authentication secret, of a salt."""


@dataclass(frozen=True, slots=True)
class BrowserKeys:
    """What a subscription brings: the browser's public key and its secret for this service."""

    public: bytes
    secret: bytes


def browser_keys(public: str, secret: str) -> BrowserKeys:
    """As a browser gives them, in base64url. Raises ValueError."""
    keys = BrowserKeys(unpack(public), unpack(secret))
    if len(keys.public) != POINT or len(keys.secret) != SECRET:
        raise ValueError("keys of another length")
    ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), keys.public)
    return keys


def seal(text: bytes, keys: BrowserKeys, own: ec.EllipticCurvePrivateKey, salt: bytes, padded: int = PADDED) -> bytes:
    """The body of a request to a push service. `own`: a fresh key for this message; `salt`: 16 random octets."""
    if len(text) > MAX_OCTETS:
        raise ValueError("too long")
    browser = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), keys.public)
    public = own.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    shared = own.exchange(ec.ECDH(), browser)
    info = b"WebPush: info\0" + keys.public + public
    secret = HKDF(hashes.SHA256(), 32, keys.secret, info).derive(shared)
    key = _expand(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _expand(secret, salt, b"Content-Encoding: nonce\0", 12)
    # The octet 2 ends the last record's text, zeros fill it (RFC 8188 section 2).
    fill = -(len(text) + 1) % padded
    sealed = AESGCM(key).encrypt(nonce, text + b"\2" + bytes(fill), None)
    return salt + struct.pack("!LB", RECORD, len(public)) + public + sealed


def _expand(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


def pack(octets: bytes) -> str:
    """base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def unpack(text: str) -> bytes:
    """The octets of base64url, padded or not. Raises ValueError."""
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("not base64url") from error
