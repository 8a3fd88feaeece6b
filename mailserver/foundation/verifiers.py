"""SCRAM verifiers at rest: sealed under a key outside the database, as secrets of second factors are."""

import hashlib
import hmac
import secrets
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mailserver.foundation.settings import Settings
from mailserver.model.credentials.sasl import Secret
from mailserver.model.credentials.sasl_scram import ITERATIONS, KEY_OCTETS, SALT_OCTETS, Verifier

NONCE_OCTETS = 12
_LAYOUT = struct.Struct(f">{SALT_OCTETS}sI{KEY_OCTETS}s{KEY_OCTETS}s")
_PURPOSE = b"SCRAM-SHA-256"
"""What is sealed here opens nowhere else."""


class Verifiers:
    """Makes, opens and feigns the verifiers of one instance."""

    __slots__ = ("_feigned", "_seal")

    def __init__(self, key: bytes) -> None:
        """`key` is the content of DIR/secrets/hmac."""
        self._seal = AESGCM(hmac.digest(key, b"scram verifiers", hashlib.sha256))
        self._feigned = hmac.digest(key, b"scram of nobody", hashlib.sha256)

    @classmethod
    def wanted(cls, settings: Settings) -> "Verifiers | None":
        """None where the settings do not ask for SCRAM: then none are made."""
        return cls(settings.secret("hmac")) if settings.login.scram else None

    def make(self, secret: Secret) -> bytes:
        """The sealed verifier of a password. Takes milliseconds."""
        verifier = Verifier.of(secret, secrets.token_bytes(SALT_OCTETS))
        nonce = secrets.token_bytes(NONCE_OCTETS)
        plain = _LAYOUT.pack(verifier.salt, verifier.iterations, verifier.stored_key, verifier.server_key)
        return nonce + self._seal.encrypt(nonce, plain, _PURPOSE)

    def open(self, sealed: bytes) -> Verifier | None:
        """The verifier; None when it was sealed under another key, or is damaged."""
        try:
            plain = self._seal.decrypt(sealed[:NONCE_OCTETS], sealed[NONCE_OCTETS:], _PURPOSE)
            return Verifier(*_LAYOUT.unpack(plain))
        except (InvalidTag, ValueError, struct.error):
            return None

    def feigned(self, name: str) -> Verifier:
        """For who has none: the same salt at each question (enumeration), and keys that no password has."""
        salt, stored_key, server_key = (
            hmac.digest(self._feigned, f"{part}\0{name}".encode("utf-8", "replace"), hashlib.sha256)
            for part in ("salt", "stored", "server")
        )
        return Verifier(salt[:SALT_OCTETS], ITERATIONS, stored_key, server_key)
