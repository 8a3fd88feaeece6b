"""Who is connected: how many at once, and how many from one address."""

import ipaddress
from collections import Counter

from mailserver.settings import Limits


def is_loopback(peer: str) -> bool:
    """True for an address of this machine's own."""
    address = _address(peer)
    return address is not None and address.is_loopback


def network(peer: str) -> str:
    """What counts as one address: of IPv6 the /64, which every site has whole."""
    address = _address(peer)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return peer if address is None else str(address)


def _address(peer: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


class Peers:
    """Counts connections against the settings' limits. Loopback has no limit per address."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._count = 0
        self._networks: Counter[str] = Counter()

    def admit(self, peer: str) -> str:
        """Count a new connection; the text of its refusal, or nothing. `leave` comes later in either case."""
        self._count += 1
        name = network(peer)
        self._networks[name] += 1
        if self._count > self._limits.connections:
            return "Too many connections"
        if not is_loopback(peer) and self._networks[name] > self._limits.connections_per_peer:
            return "Too many connections from your address"
        return ""

    def leave(self, peer: str) -> None:
        """The connection is gone."""
        self._count -= 1
        name = network(peer)
        self._networks[name] -= 1
        if not self._networks[name]:
            del self._networks[name]
