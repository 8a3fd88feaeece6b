"""What is demanded of TLS with the servers of a domain."""

from collections.abc import Sequence
from dataclasses import replace

from mailserver.foundation.settings import Outbound
from smtp.relay.routing import Exchanger
from smtp.relay.tls.demand import VERIFIED


class Policies:
    """Knows what domains demand. One per worker."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    async def demanded(self, domain: str, exchangers: Sequence[Exchanger]) -> list[Exchanger]:
        """The servers of a domain that a message may be given to, each with its demand."""
        if _is_listed(domain, self._outbound.require_tls):
            return [replace(one, demand=VERIFIED) for one in exchangers]
        return list(exchangers)


def _is_listed(domain: str, listed: Sequence[str]) -> bool:
    """Whether a domain, or one that it is below, is in a list."""
    return any(domain == one or domain.endswith(f".{one}") for one in listed)
