"""The server side of AUTH PLAIN and AUTH LOGIN (RFC 4954, RFC 4616) over a function that asks the client."""

from collections.abc import Awaitable, Callable

from mailserver.model.credentials.sasl import Credentials, Secret, decode_response, parse_plain
from mailserver.model.errors import BadSyntax

MECHANISMS = ("PLAIN", "LOGIN")
USERNAME = b"Username:"
PASSWORD = b"Password:"

Ask = Callable[[bytes], Awaitable[bytes]]
"""Sends a challenge and returns the client's decoded response. Raises BadSyntax, Cancelled."""


class Cancelled(Exception):
    """The client sent `*` (RFC 4954 section 4)."""


async def credentials(mechanism: str, initial: str | None, ask: Ask) -> Credentials:
    """Carry on one exchange of `mechanism`, one of MECHANISMS. Raises BadSyntax, Cancelled."""
    first = decode_response(initial.encode("ascii", "replace")) if initial else None
    if mechanism == "PLAIN":
        return parse_plain(await ask(b"") if first is None else first)
    login = await ask(USERNAME) if first is None else first
    secret = await ask(PASSWORD)
    return Credentials(_text(login), Secret(_text(secret)))


def _text(octets: bytes) -> str:
    if not octets or b"\0" in octets:
        raise BadSyntax("Malformed LOGIN response")
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise BadSyntax("LOGIN response is not UTF-8") from None
