"""What shows a certificate authority that names are ours, and the keys that are used with it."""

import re
from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

ACCOUNT_KEY = "acme-account.pem"
BINDING_KEY = "acme-eab"
"""Names in DIR/secrets."""
TOKEN = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""RFC 8555 section 8.3."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What is to be published for one name."""

    name: str
    token: str
    answer: str
    """http-01: what the token is answered; dns-01: the text of the record."""


def new_key() -> bytes:
    """A key of P-256, as PEM."""
    made = ec.generate_private_key(ec.SECP256R1())
    return made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
