"""Who asks a push service: a signed token with each request (VAPID, RFC 8292), under one key of the instance."""

import json
import os
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from mailserver.foundation.settings import Settings, secret_variable
from mailserver.foundation.tls import write_secret
from mailserver.notices.push.encryption import pack

FILE = "vapid.pem"
"""In DIR/secrets. With another key every subscription is void: browsers name the one they subscribed with."""
VALID_SECONDS = 12 * 3600
"""A token is good for a day at most (RFC 8292 section 2)."""


def new_key() -> bytes:
    """A new private key in PEM."""
    made = ec.generate_private_key(ec.SECP256R1())
    return made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class Vapid:
    """The instance's key."""

    def __init__(self, pem: bytes, contact: str) -> None:
        """`contact`: an address for whoever runs a push service. Raises ValueError when the key cannot be read."""
        key = load_pem_private_key(pem, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ValueError("not a key on P-256")  # noqa: TRY004 - what a file holds, not what a caller passes
        self._key = key
        self._contact = contact

    @property
    def public(self) -> str:
        """What a browser subscribes with (`applicationServerKey`)."""
        return pack(self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))

    def authorization(self, endpoint: str, now: float) -> str:
        """The Authorization field of a request to this endpoint (RFC 8292 section 3)."""
        claims = {
            "aud": _origin(endpoint),
            "exp": int(now) + VALID_SECONDS,
            "sub": f"mailto:{self._contact}",
        }
        signed = ".".join(pack(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "ES256"}, claims))
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        signature = pack(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
        return f"vapid t={signed}.{signature}, k={self.public}"


def _origin(endpoint: str) -> str:
    """As a browser would write it (RFC 6454 section 6.2): a push service compares it with its own."""
    parts = urlsplit(endpoint)
    port = "" if parts.port in (None, 443) else f":{parts.port}"
    return f"{parts.scheme}://{(parts.hostname or '').rstrip('.')}{port}"


def own(settings: Settings) -> Vapid:
    """With the key of DIR/secrets, made when it is first asked for. Raises OSError, ValueError, SettingsError."""
    path = settings.secrets / FILE
    if not path.exists() and secret_variable(FILE) not in os.environ:
        _make(path)
    return Vapid(settings.secret(FILE), f"postmaster@{settings.domain}")


def _make(path: Path) -> None:
    """Of several workers that make one at once, the first one's stays."""
    part = path.with_name(f"{FILE}.{os.getpid()}")
    write_secret(part, new_key())
    try:
        os.link(part, path)
    except FileExistsError:
        pass
    finally:
        part.unlink()
