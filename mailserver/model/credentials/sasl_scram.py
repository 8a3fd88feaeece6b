"""SCRAM-SHA-256 (RFC 5802, RFC 7677), the server's side, without any I/O: messages, proofs, verifiers.

Channel binding (SCRAM-SHA-256-PLUS) is not offered: where TLS ends in front of the service it can never match, and
hardly a mail client speaks it. A client that would bind and says that we do not (`y`) is right and goes on; one that
binds all the same (`p=`) is refused (RFC 5802 section 6).
"""

import base64
import binascii
import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass, field

from passlib.utils import saslprep  # type: ignore[import-untyped]

from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import BadSyntax, Reason, Refused

MECHANISM = "SCRAM-SHA-256"
ITERATIONS = 10_000
"""Of PBKDF2: 2 ms of the client's time at each login. RFC 7677 section 4 asks for 4,096 at least. They need not slow a
thief of the database down: verifiers are sealed under a key that is elsewhere."""
SALT_OCTETS = 16
KEY_OCTETS = 32
"""Of SHA-256, and so of every key, signature and proof."""
MAX_MESSAGE = 4096
MAX_NONCE = 256

_NONCE = rb"[\x21-\x2b\x2d-\x7e]{1,%d}" % MAX_NONCE
_NAME = rb"(?:[^\x00,=]|=2C|=3D){1,1024}"
_EXTENSIONS = rb"(?:,[A-Za-z]=[^\x00,]+)*"
_FIRST = re.compile(
    rb"(?P<header>(?:n|y|(?P<bound>p=[A-Za-z0-9.-]+)),(?:a=(?P<authzid>%b))?,)"
    rb"(?P<bare>(?P<mandatory>m=[^,]*,)?n=(?P<name>%b),r=(?P<nonce>%b)%b)" % (_NAME, _NAME, _NONCE, _EXTENSIONS)
)
_FINAL = re.compile(
    rb"(?P<without>c=(?P<binding>[A-Za-z0-9+/=]+),r=(?P<nonce>[\x21-\x2b\x2d-\x7e]+)%b),p=(?P<proof>[A-Za-z0-9+/=]+)"
    % _EXTENSIONS
)


@dataclass(frozen=True, slots=True)
class Verifier:
    """What the server keeps of a password: whoever knows it can check a proof, and make none."""

    salt: bytes
    iterations: int
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)

    @classmethod
    def of(cls, secret: Secret, salt: bytes, iterations: int = ITERATIONS) -> "Verifier":
        """RFC 5802 section 3. Takes milliseconds; the interpreter is free meanwhile."""
        salted = hashlib.pbkdf2_hmac("sha256", prepared(secret.reveal()).encode(), salt, iterations)
        client_key = hmac.digest(salted, b"Client Key", hashlib.sha256)
        server_key = hmac.digest(salted, b"Server Key", hashlib.sha256)
        return cls(salt, iterations, hashlib.sha256(client_key).digest(), server_key)


@dataclass(frozen=True, slots=True)
class Opening:
    """The client's first message."""

    login: str
    authorization: str
    """Whom the client wants to act as; empty: itself."""
    nonce: bytes
    header: bytes
    bare: bytes


@dataclass(frozen=True, slots=True)
class Proof:
    """What the client shows: a proof over everything that was said."""

    said: bytes
    octets: bytes = field(repr=False)


def prepared(text: str) -> str:
    """SASLprep (RFC 4013) as far as it goes: what it forbids stays as it is in form KC.

    It knows the characters of Unicode 3.2 only; with an emoji in a password its owner could not log in at all.
    """
    try:
        return str(saslprep(text))
    except ValueError:
        return unicodedata.normalize("NFKC", text.encode("utf-8", "replace").decode())


def parse_opening(message: bytes) -> Opening:
    """Parse client-first-message (RFC 5802 section 7).

    Raises BadSyntax; Refused(CANNOT) when the client binds a channel or wants an extension that we do not know.
    """
    found = _FIRST.fullmatch(message) if len(message) <= MAX_MESSAGE else None
    if found is None:
        raise BadSyntax("Malformed SCRAM message")
    if found["bound"] is not None:
        raise Refused(Reason.CANNOT, "Channel binding is not offered")
    if found["mandatory"] is not None:
        raise Refused(Reason.CANNOT, "Unknown SCRAM extension")
    return Opening(_name(found["name"]), _name(found["authzid"] or b""), found["nonce"], found["header"], found["bare"])


def challenge(opening: Opening, nonce: bytes, verifier: Verifier) -> bytes:
    """server-first-message; `nonce` is the server's own part: printable, without comma, never used before."""
    salt = base64.b64encode(verifier.salt)
    return b"r=%b%b,s=%b,i=%d" % (opening.nonce, nonce, salt, verifier.iterations)


def parse_proof(opening: Opening, challenged: bytes, message: bytes) -> Proof:
    """Parse client-final-message, which must belong to this dialogue. Raises BadSyntax."""
    found = _FINAL.fullmatch(message) if len(message) <= MAX_MESSAGE else None
    if found is None:
        raise BadSyntax("Malformed SCRAM message")
    try:
        binding = base64.b64decode(found["binding"], validate=True)
        octets = base64.b64decode(found["proof"], validate=True)
    except binascii.Error:
        raise BadSyntax("Malformed SCRAM message") from None
    if binding != opening.header or not challenged.startswith(b"r=%b,s=" % found["nonce"]):
        raise BadSyntax("This SCRAM message belongs to another dialogue")
    if len(octets) != KEY_OCTETS:
        raise BadSyntax("Malformed SCRAM proof")
    return Proof(b",".join((opening.bare, challenged, found["without"])), octets)


def signature(verifier: Verifier, proof: Proof) -> bytes | None:
    """server-final-message, which proves the server; None when the client's proof is wrong (RFC 5802 section 3)."""
    client_signature = hmac.digest(verifier.stored_key, proof.said, hashlib.sha256)
    client_key = bytes(one ^ other for one, other in zip(proof.octets, client_signature, strict=True))
    if not hmac.compare_digest(hashlib.sha256(client_key).digest(), verifier.stored_key):
        return None
    return b"v=" + base64.b64encode(hmac.digest(verifier.server_key, proof.said, hashlib.sha256))


def _name(octets: bytes) -> str:
    """A saslname: `,` and `=` are escaped."""
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        raise BadSyntax("A name is not UTF-8") from None
    return prepared(text.replace("=2C", ",").replace("=3D", "="))
