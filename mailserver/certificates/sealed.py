"""Private keys of certificates at rest in the store: sealed under a key outside it, as verifiers of passwords are."""

import hashlib
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mailserver.foundation.settings import Settings

NONCE_OCTETS = 12
_PURPOSE = b"certificate keys"
"""What is sealed here opens nowhere else."""


class Seal:
    """Of one instance."""

    def __init__(self, settings: Settings) -> None:
        """Raises SettingsError."""
        self._cipher = AESGCM(hmac.digest(settings.secret("hmac"), _PURPOSE, hashlib.sha256))

    def close(self, key: bytes) -> bytes:
        """A key as the store keeps it."""
        nonce = secrets.token_bytes(NONCE_OCTETS)
        return nonce + self._cipher.encrypt(nonce, key, _PURPOSE)

    def open(self, sealed: bytes | None) -> bytes | None:
        """The key; None when there is none, or it was sealed under another one."""
        if sealed is None:
            return None
        try:
            return self._cipher.decrypt(sealed[:NONCE_OCTETS], sealed[NONCE_OCTETS:], _PURPOSE)
        except (InvalidTag, ValueError):
            return None
