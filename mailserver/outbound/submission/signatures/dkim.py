"""DKIM signatures (RFC 6376, relaxed/relaxed): rsa-sha256, and ed25519-sha256 (RFC 8463). No I/O.

The canonical forms are those that verify what others sign (`mailserver.inbound.authentication.signatures`); the
arithmetic is `cryptography`'s: dkimpy copies the body several times, and raises large numbers to large powers in
Python.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from enum import StrEnum

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from mailserver.inbound.authentication.signatures import Field, Header, relaxed, without_signature
from mailserver.mime.body.canonical_hash import base64_hash

KEY_BITS = 2048
"""RFC 8301 section 3.2: at least 1,024, should be 2,048."""
SIGNED = (
    *("from", "sender", "reply-to", "subject", "date", "message-id", "to", "cc", "in-reply-to", "references"),
    *("mime-version", "content-type", "content-transfer-encoding", "content-id", "content-description"),
    *("resent-date", "resent-from", "resent-sender", "resent-to", "resent-cc", "resent-message-id"),
    *("list-id", "list-help", "list-unsubscribe", "list-unsubscribe-post", "list-subscribe", "list-post"),
    *("list-owner", "list-archive"),
)
"""Fields that a signature covers, as often as they are there (RFC 6376 section 5.4.1; of one click RFC 8058
section 4)."""
MAX_NAMED = 190
"""Fields that one signature names: who verifies looks at so many (`mailserver.inbound.authentication.signatures`)."""

_LINE = 76
_REVOKED = "v=DKIM1; p="


class Algorithm(StrEnum):
    """How a key signs."""

    RSA = "rsa-sha256"
    ED25519 = "ed25519-sha256"


class CannotSign(Exception):
    """A header that no signature can cover; the text says why, for the log."""


def new_key(algorithm: Algorithm = Algorithm.RSA) -> bytes:
    """A new private key in PEM."""
    if algorithm is Algorithm.ED25519:
        return Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def record(algorithm: Algorithm, public: str) -> str:
    """What to publish under `selector._domainkey.domain` (RFC 6376 section 3.6.1, RFC 8463 section 4)."""
    return f"v=DKIM1; k={'ed25519' if algorithm is Algorithm.ED25519 else 'rsa'}; p={public}"


def revoked_record() -> str:
    """What to publish of a key that must verify nothing any more (RFC 6376 section 3.6.1)."""
    return _REVOKED


class Signer:
    """One key and its selector."""

    def __init__(self, selector: str, pem: bytes, *, is_checked: bool = False) -> None:
        """`is_checked`: it was when it was taken in; that holds the interpreter for a fifth of a second.

        Raises ValueError when the key cannot be read, or signs otherwise.
        """
        self.selector = selector.encode("idna").decode("ascii")
        key = serialization.load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=is_checked)
        if not isinstance(key, rsa.RSAPrivateKey | Ed25519PrivateKey):
            raise ValueError("a key of another kind")  # noqa: TRY004 what was given is at fault, not who calls
        self._key = key
        self.algorithm = Algorithm.RSA if isinstance(key, rsa.RSAPrivateKey) else Algorithm.ED25519

    @property
    def public(self) -> str:
        """The public half as DNS has it."""
        public = self._key.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            octets = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        else:
            octets = public.public_bytes_raw()
        return base64.b64encode(octets).decode("ascii")

    @property
    def record(self) -> str:
        """What to publish."""
        return record(self.algorithm, self.public)

    def signature(self, digest: bytes) -> bytes:
        """Of a SHA-256 digest: Ed25519 signs that one, too (RFC 8463 section 3)."""
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(digest, padding.PKCS1v15(), Prehashed(SHA256()))
        return self._key.sign(digest)

    def field(self, name: str, tags: Iterable[tuple[str, str]], over: Iterable[bytes]) -> bytes:
        """A field of these tags that signs what is given, in its relaxed form, and itself."""
        digest = hashlib.sha256()
        for part in over:
            digest.update(part)
        unsigned = _folded(name, tags)
        digest.update(without_signature(Field(name.encode(), unsigned[len(name) + 1 :]), is_relaxed=True))
        return unsigned + _folded_signature(self.signature(digest.digest()))


def sign(signers: Sequence[Signer], octets: bytes, domain: str, now: int) -> bytes:
    """The DKIM-Signature fields with their line ends, one of each key, to be put on top.

    CPU grows with the size: call it in a thread for large ones. Raises CannotSign.
    """
    end = header_end(octets)
    header = Header(octets[:end])
    names = signed_names(header)
    over = [relaxed(one) for one in header.chosen(names)]
    body_hash = base64_hash(octets, body_start(octets, end)).decode("ascii")
    d = domain.encode("idna").decode("ascii")
    fields = []
    for one in signers:
        tags = (
            *(("v", "1"), ("a", one.algorithm.value), ("c", "relaxed/relaxed"), ("d", d), ("s", one.selector)),
            *(("t", str(now)), ("h", ":".join(names)), ("bh", body_hash)),
        )
        fields.append(one.field("DKIM-Signature", tags, over))
    return b"".join(fields)


def header_end(octets: bytes) -> int:
    """Where the header's fields end."""
    if octets.startswith(b"\r\n"):
        return 0
    end = octets.find(b"\r\n\r\n")
    return len(octets) if end < 0 else end + 2


def body_start(octets: bytes, end: int) -> int:
    """Where the body begins behind a header that ends there."""
    return min(len(octets), end + 2)


def signed_names(header: Header) -> list[str]:
    """The fields that a signature names: all that readers go by, and the author once more, so that none is added
    (RFC 6376 section 5.4.2). Raises CannotSign."""
    authors = len(header.named("from"))
    if not authors:
        raise CannotSign("no author")
    names = [name for name in SIGNED for _ in header.named(name)]
    return [*names[:MAX_NAMED], "from"]


def _folded(name: str, tags: Iterable[tuple[str, str]]) -> bytes:
    """A field up to its signature, in lines of a mail's length."""
    words: list[str] = []
    for tag, value in tags:
        first, *more = value.split(":") if tag == "h" else [value]
        words += [f"{tag}={first}", *more] if not more else [f"{tag}={first}:", *(f"{one}:" for one in more)]
        words[-1] = words[-1].rstrip(":") + ";"
    lines = [f"{name}:"]
    for word in words:
        if len(lines[-1]) + 1 + len(word) > _LINE and len(lines[-1]) > 1:
            lines.append("\t" + word)
        else:
            lines[-1] += " " + word
    return ("\r\n".join(lines) + "\r\n\tb=").encode("ascii")


def _folded_signature(signature: bytes) -> bytes:
    text = base64.b64encode(signature)
    return b"\r\n\t ".join(text[start : start + _LINE - 6] for start in range(0, len(text), _LINE - 6)) + b"\r\n"
