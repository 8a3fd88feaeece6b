"""What stands at the other end: a push service that takes only what its RFCs allow, and a browser that reads what was
sealed for it, by a program of others (http_ece)."""

import base64
import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import http_ece  # type: ignore[import-untyped]
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mailserver.notices.push.sender import PushSender
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
        """The text of a message, which is one record (RFC 8291 section 4)."""
        size, length = int.from_bytes(body[16:20], "big"), body[20]
        assert len(body) - 21 - length <= size
        return bytes(http_ece.decrypt(body, private_key=self.key, auth_secret=self.secret))


@dataclass(frozen=True)
class Request:
    """A request as a push service got it."""

    head: dict[str, str]
    body: bytes

    @classmethod
    def of(cls, octets: bytes) -> "Request":
        head, _, body = octets.partition(b"\r\n\r\n")
        lines = head.decode("ascii").split("\r\n")[1:]
        fields = [(name.lower(), value) for name, value in (line.split(": ", 1) for line in lines)]
        made = cls(dict(fields), body)
        assert len(made.head) == len(fields), "no field twice"
        return made

    def check(self, now: float) -> None:
        """What push services refuse. `now`: not before it was asked."""
        head, claims = self.head, self.claims()
        assert claims["aud"] == f"https://{head['host']}"
        assert claims["exp"] <= now + 86400, "RFC 8292 section 2"
        assert urlsplit(claims["sub"]).scheme in ("mailto", "https")
        assert 0 < int(head["ttl"]) <= 28 * 86400, "RFC 8030 section 5.2"
        assert head["urgency"] in ("very-low", "low", "normal", "high"), "section 5.3"
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,32}", head["topic"]), "section 5.4"
        assert head["content-encoding"] == "aes128gcm", "RFC 8291 section 4"
        assert int(head["content-length"]) == len(self.body) <= 4096, "RFC 8030 section 7.2"
        assert not head.keys() & {"crypto-key", "encryption", "transfer-encoding", "cookie", "referer"}

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

    def endpoint(self, name: str, status: str = "201 Created", more: str = "") -> str:
        """An address of it, which answers so."""
        self.site.answers[f"/{name}"] = page(b"", "text/plain", status, more)
        return f"https://{self.host}:{self.site.port}/{name}"

    def round(self) -> int:
        """The worker looks once who is due."""
        return self.house.run(self.sender.round())

    def remind(self) -> int:
        """The worker looks once what rings."""
        return self.house.run(self.sender.remind())

    def asked(self, name: str) -> list[Request]:
        """What was asked at an address, oldest first; it holds all of it to the RFCs."""
        found = [Request.of(one) for one in self.site.asked if one.startswith(f"POST /{name} ".encode())]
        for one in found:
            one.check(self.house.clock.now())
        return found

    def told(self, name: str, browser: Receiver) -> list[dict[str, str]]:
        """What a browser was told there."""
        return [json.loads(browser.open(one.body)) for one in self.asked(name)]
