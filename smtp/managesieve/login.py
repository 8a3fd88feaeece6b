"""Logging in to ManageSieve (RFC 5804 section 2.1), through the one place that knows passwords."""

import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mailserver.login import Login
from mailserver.model.credentials import sasl, sasl_scram
from mailserver.model.errors import BadSyntax, Reason
from mailserver.model.identity import Principal

SERVICE = "sieve"

Ask = Callable[[bytes], Awaitable[bytes]]
"""Sends a challenge and returns the client's decoded response. Raises BadSyntax."""

CODES: dict[Reason, bytes] = {
    Reason.THROTTLED: b"TRYLATER",
    Reason.APP_PASSWORD: b"AUTH-TOO-WEAK",
    Reason.PASSWORD_EXPIRED: b"TRANSITION-NEEDED",
    Reason.NOT_ACTIVATED: b"TRANSITION-NEEDED",
}
"""Codes of refused logins (RFC 5804 section 1.3)."""


def mechanisms(login: Login) -> tuple[str, ...]:
    """What may be asked for, over a connection that nobody reads along."""
    return ("PLAIN", *((sasl_scram.MECHANISM,) if login.scram.ready else ()))


@dataclass(frozen=True, slots=True)
class Proven:
    """Somebody who has shown who they are."""

    person: Principal
    final: bytes
    """What is said to them at the end."""
    claimed: str
    """As whom they want to act; empty: as themselves."""


async def prove(login: Login, mechanism: str, initial: bytes | None, peer: str, ask: Ask) -> Proven:
    """Who it is. Raises BadSyntax, Refused as `Login.login`, Temporary."""
    first = initial if initial is not None else await ask(b"")
    if mechanism == sasl_scram.MECHANISM:
        opening = sasl_scram.parse_opening(first)
        challenge = await login.scram.begin(opening)
        proof = sasl_scram.parse_proof(opening, challenge, await ask(challenge))
        principal, final = await login.scram.finish(opening, proof, peer, SERVICE)
        claimed = opening.authorization
    else:
        credentials = sasl.parse_plain(first)
        principal = await login.login(credentials.login, credentials.secret, peer, SERVICE)
        claimed, final = credentials.authorization, b""
    return Proven(principal, final, "" if principal.is_called(claimed) else claimed)


def decode(line: bytes) -> bytes:
    """A response of the client's; `*` gives the dialogue up. Raises BadSyntax."""
    if line == b"*":
        raise BadSyntax("Authentication given up")
    return sasl.decode_response(line)


def encode(octets: bytes) -> bytes:
    """As it stands in an answer."""
    return base64.b64encode(octets)
