"""Secrets that hide themselves, and the server side of SASL PLAIN and LOGIN without any I/O."""

import base64
import binascii
import hmac
from dataclasses import dataclass

from mailserver.model.errors import BadSyntax

MAX_RESPONSE = 12 * 1024
"""Octets of one base64 response (RFC 4954 section 4 asks for 12,288)."""


class Secret:
    """A password in memory. It never prints; `reveal` is the only way to its text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client claims: who it is, whom it wants to act as, and its proof."""

    login: str
    secret: Secret
    authorization: str = ""


def decode_response(line: bytes) -> bytes:
    """Decode one base64 response line (RFC 4648 section 4, strict; RFC 4954: `=` is empty).

    Raises BadSyntax when it is not base64 or too long.
    """
    if len(line) > MAX_RESPONSE:
        raise BadSyntax("Authentication response too long")
    if line == b"=":
        return b""
    try:
        return base64.b64decode(line, validate=True)
    except binascii.Error:
        raise BadSyntax("Authentication response is not base64") from None


def parse_plain(message: bytes) -> Credentials:
    """Parse a PLAIN message: [authzid] NUL authcid NUL passwd (RFC 4616 section 2)."""
    fields = message.split(b"\0")
    if len(fields) != 3:
        raise BadSyntax("Malformed PLAIN response")
    try:
        authorization, login, secret = (field.decode("utf-8") for field in fields)
    except UnicodeDecodeError:
        raise BadSyntax("PLAIN response is not UTF-8") from None
    if not login or not secret:
        raise BadSyntax("Malformed PLAIN response")
    return Credentials(login, Secret(secret), authorization)
