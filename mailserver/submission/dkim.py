"""DKIM signatures (RFC 6376, relaxed/relaxed, rsa-sha256) with dkimpy. No I/O.

dkimpy keeps the header's canonical form, the tags and the RSA signature. The body hash is ours: dkimpy makes
several copies of the whole body in single calls, which for a large message would hold the interpreter
for a second (`mailserver.mime.body.canonical_hash`).
"""

import base64

import dkim  # type: ignore[import-untyped]
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from dkim.canonicalization import CanonicalizationPolicy  # type: ignore[import-untyped]
from dkim.crypto import HASH_ALGORITHMS, parse_pem_private_key  # type: ignore[import-untyped]

from mailserver.mime.body.canonical_hash import base64_hash

KEY_BITS = 2048
"""RFC 8301 section 3.2: at least 1,024, should be 2,048."""
MAX_HEADER = 256 * 1024
"""Octets of a header that is worth canonicalising; a larger one goes unsigned."""

_ALGORITHM = b"rsa-sha256"
_POLICY = CanonicalizationPolicy.from_c_value(b"relaxed/relaxed")


def new_key() -> bytes:
    """A new private key in PEM."""
    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def dns_record(pem: bytes) -> str:
    """What to publish under `selector._domainkey.domain` (RFC 6376 section 3.6.1). Raises ValueError."""
    public = serialization.load_pem_private_key(pem, None).public_key()
    octets = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; p={base64.b64encode(octets).decode()}"


class Signer:
    """One key and its selector."""

    def __init__(self, selector: str, pem: bytes) -> None:
        """Raises ValueError when the key cannot be read."""
        self.selector = selector.encode("idna")
        serialization.load_pem_private_key(pem, None)
        self._key = parse_pem_private_key(pem)

    def sign(self, header: bytes, octets: bytes, body: int, domain: str, now: int) -> bytes:
        """The DKIM-Signature field with its CRLF, to be put on top; empty when the header cannot be signed.

        `header` is the fields alone; the body begins at `body` in `octets`. CPU grows with its size: call it in a
        thread.
        """
        if len(header) > MAX_HEADER:
            return b""
        try:
            message = dkim.DKIM(header + b"\r\n", signature_algorithm=_ALGORITHM)
        except dkim.DKIMException:
            return b""
        names = [name.lower() for name in message.default_sign_headers()]
        if b"list-unsubscribe" in names:  # RFC 8058 section 4: both are signed, or neither is believed
            names += [b"list-unsubscribe-post"]
        if b"from" not in names:
            return b""
        message.hasher = HASH_ALGORITHMS[_ALGORITHM]
        fields = [
            (b"v", b"1"),
            (b"a", _ALGORITHM),
            (b"c", _POLICY.to_c_value()),
            (b"d", domain.encode("idna")),
            (b"s", self.selector),
            (b"t", str(now).encode()),
            (b"h", b" : ".join(names)),
            (b"bh", base64_hash(octets, body)),
            # dkimpy replaces this place-holder; its length keeps the folding the same.
            (b"b", b"0" * 60),
        ]
        value: bytes = message.gen_header(fields, names, _POLICY, b"DKIM-Signature", self._key)
        return b"DKIM-Signature: " + value
