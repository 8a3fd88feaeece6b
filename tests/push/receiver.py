"""What stands at the other end: a browser that has keys and reads, by RFC 8188 and RFC 8291, what was sealed for it."""

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mailserver.push.sender import PushSender
from tests.smtp.elsewhere import Names
from tests.webui.house import House
from tests.webui.website import Website, page


def text_of(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def octets_of(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Receiver:
    """A browser's side of a subscription."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    secret: bytes = bytes(range(16))

    @property
    def public(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def open(self, body: bytes) -> bytes:
        """The text of a message that is one record."""
        salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
        sender, sealed = body[21 : 21 + length], body[21 + length :]
        assert len(sealed) <= size
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
        info = b"WebPush: info\0" + self.public + sender
        shared = HKDF(hashes.SHA256(), 32, self.secret, info).derive(self.key.exchange(ec.ECDH(), point))
        key = HKDF(hashes.SHA256(), 16, salt, b"Content-Encoding: aes128gcm\0").derive(shared)
        nonce = HKDF(hashes.SHA256(), 12, salt, b"Content-Encoding: nonce\0").derive(shared)
        text = AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\0")
        assert text.endswith(b"\2")
        return text[:-1]


@dataclass(frozen=True)
class Request:
    """A request as a push service got it."""

    head: dict[str, str]
    body: bytes

    @classmethod
    def of(cls, octets: bytes) -> "Request":
        head, _, body = octets.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")[1:]
        return cls({name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}, body)

    def claims(self) -> dict[str, Any]:
        """What the token says, its signature checked with the key beside it (RFC 8292)."""
        scheme, _, rest = self.head["authorization"].partition(" ")
        assert scheme == "vapid"
        parts = dict(part.strip().split("=", 1) for part in rest.split(","))
        signed, _, signature = parts["t"].rpartition(".")
        raw = octets_of(signature)
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), octets_of(parts["k"]))
        der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        key.verify(der, signed.encode(), ec.ECDSA(hashes.SHA256()))
        found = json.loads(octets_of(signed.split(".")[1]))
        assert isinstance(found, dict)
        return found


@dataclass
class Service:
    """A push service, and the house whose worker asks it."""

    house: House
    site: Website
    names: Names
    sender: PushSender
    host: str

    def endpoint(self, name: str, status: str = "201 Created") -> str:
        """An address of it, which answers so."""
        self.site.answers[f"/{name}"] = page(b"", "text/plain", status)
        return f"https://{self.host}:{self.site.port}/{name}"

    def round(self) -> int:
        """The worker looks once who is due."""
        return self.house.run(self.sender.round())

    def remind(self) -> int:
        """The worker looks once what rings."""
        return self.house.run(self.sender.remind())

    def asked(self, name: str) -> list[Request]:
        """What was asked at an address, oldest first."""
        return [Request.of(one) for one in self.site.asked if one.startswith(f"POST /{name} ".encode())]

    def told(self, name: str, browser: Receiver) -> list[dict[str, str]]:
        """What a browser was told there."""
        return [json.loads(browser.open(one.body)) for one in self.asked(name)]
