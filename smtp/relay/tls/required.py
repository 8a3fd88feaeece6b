"""Messages that are to go over TLS alone, on their whole way (REQUIRETLS, RFC 8689 section 4.2.1).

A server gets one if it is the recipients' by what cannot be forged on the way (DNSSEC or MTA-STS), proves its name by
a certificate, and promises the same for the rest of the way. Whoever sent it is told at once where no server does: it
does not wait for better times.
"""

from collections.abc import Sequence
from dataclasses import replace

import aiosmtplib
from aiosmtplib import SMTPException

from mailserver.model.sending.mta_sts import Mode, Policy
from mailserver.texts.causes import Cause
from mailserver.texts.delivery_reasons import DEMANDED
from smtp.relay.routing import Exchanger, NoRoute
from smtp.relay.tls.demand import VERIFIED, Level
from smtp.relay.tls.handshake import TlsFailed

NO_TLS, NO_PROMISE = "5.7.10", "5.7.30"
_MISSING = frozenset(("no-starttls", "tls-lost"))
_LASTING = _MISSING | {"certificate-unfit", "tlsa-unfit"}
"""Why there is no TLS that proves who the server is: not that it or the network failed just now."""

_NO_TLS_THERE = Cause("no-tls-there")


class Unmet(SMTPException):
    """A server that answered does not do what the sender requires."""

    def __init__(self, status: str, why: Cause) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


def promised(exchanger: Exchanger, client: aiosmtplib.SMTP) -> None:
    """Raises Unmet: not encrypted, or the server does not offer the extension under TLS."""
    if client.get_transport_info("ssl_object") is None:
        raise Unmet(NO_TLS, Cause(DEMANDED, said=_NO_TLS_THERE))
    if not client.supports_extension("requiretls"):
        raise Unmet(NO_PROMISE, Cause("no-requiretls", server=exchanger.name))


def unmet(error: TlsFailed) -> Unmet | None:
    """What the lack of TLS is to such a message; None: it is tried again."""
    why = error.args[0] if error.args and isinstance(error.args[0], Cause) else None
    if why is None or why.name not in _LASTING:
        return None
    # The others say of it that the message waits, or that the domain demands it.
    return Unmet(NO_TLS, Cause(DEMANDED, said=_NO_TLS_THERE if why.name in _MISSING else why))


def of_settings(exchangers: Sequence[Exchanger]) -> list[Exchanger]:
    """Servers that the operator has set: whose they are nobody need prove."""
    return [one if one.proves_itself else replace(one, demand=VERIFIED) for one in exchangers]


def of_domain(domain: str, policy: Policy | None, exchangers: Sequence[Exchanger]) -> list[Exchanger]:
    """Those servers of a domain that are known to be its own, each to prove its name. Raises NoRoute: none is."""
    found = [changed for one in exchangers if (changed := _vouched(policy, one)) is not None]
    if not found:
        raise NoRoute(NO_PROMISE, Cause("requiretls-unvouched", domain=domain))
    return found


def _vouched(policy: Policy | None, exchanger: Exchanger) -> Exchanger | None:
    if exchanger.demand.best is Level.DANE:
        return exchanger
    named = policy is not None and policy.mode is not Mode.NONE and policy.names(exchanger.name)
    return replace(exchanger, demand=VERIFIED) if named or exchanger.is_vouched else None
