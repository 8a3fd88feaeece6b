"""The peer's name: what its address leads to, where that leads back (iprev, RFC 8601 section 3)."""

from mailserver.foundation.network import peers
from mailserver.foundation.network.resolver import LookupFailed
from mailserver.inbound.authentication.lookups import Lookups
from mailserver.model.messages.authentication import Reverse

MAX_NAMES = 3


async def check(lookups: Lookups, peer: peers.Address) -> tuple[Reverse, str]:
    """The result, and the name where it passes."""
    try:
        names = (await lookups.ask(peer.reverse_pointer, "PTR")).records[:MAX_NAMES]
        for name in names:
            if not isinstance(name, str):
                continue
            addresses = (await lookups.ask(name, "A" if peer.version == 4 else "AAAA")).records
            if any(isinstance(one, str) and peers.parse(one) == peer for one in addresses):
                return Reverse.PASS, name.rstrip(".").lower()
    except LookupFailed:
        return Reverse.TEMPERROR, ""
    return Reverse.FAIL, ""
