"""Private keys at rest in the store: sealed under a key outside it, as verifiers of passwords are."""

import hashlib
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mailserver.foundation.settings import Settings

NONCE_OCTETS = 12
CERTIFICATES = b"certificate keys"
SIGNING = b"signing keys"
"""What is sealed for one purpose opens for no other."""


class Seal:
    """Of one instance."""

    def __init__(self, settings: Settings, purpose: bytes = CERTIFICATES) -> None:
        """Raises SettingsError."""
        self._purpose = purpose
        self._cipher = AESGCM(hmac.digest(settings.secret("hmac"), purpose, hashlib.sha256))

    def close(self, key: bytes) -> bytes:
        """A key as the store keeps it."""
        nonce = secrets.token_bytes(NONCE_OCTETS)
        return nonce + self._cipher.encrypt(nonce, key, self._purpose)

    def open(self, sealed: bytes | None) -> bytes | None:
        """The key; None when there is none, or it was sealed under another one."""
        if sealed is None:
            return None
        try:
            return self._cipher.decrypt(sealed[:NONCE_OCTETS], sealed[NONCE_OCTETS:], self._purpose)
        except (InvalidTag, ValueError):
            return None
