"""Who is at the other end: one rule for addresses and one count of connections, for every door.

An IPv4 address within IPv6 (`::ffff:192.0.2.1`, RFC 4291 section 2.5.5.2) is the IPv4 address. What counts as one
address is that, or the /64 of an IPv6 address: every site has one whole. Who has a /48 has 65,536 of them, so what
comes from there counts together as well, with WIDER times the limit. Loopback is this machine talking to itself:
no limit per address binds it.

Each door of each worker counts for itself (`Peers`): the workers share no counts, so an instance takes the limits once
for each of its workers. A connection counts at its address until its peer has proved who it is, then at that account:
a school of a thousand pupils may come from one address.
"""

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from mailserver.foundation.metrics import catalogue
from mailserver.foundation.settings import Limits

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Account = int | str
"""The id of an account, or the name of somebody who has none (the LDAP administrator)."""


@lru_cache(maxsize=1024)
def parse(peer: str) -> Address | None:
    """The address as it counts, without a zone (`%eth0`); None for what is no address."""
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def plain(peer: str) -> str:
    """The address as it is logged, recorded and written into messages: IPv4 never as IPv6."""
    return str(parse(peer) or peer)


def is_loopback(peer: str) -> bool:
    """True for an address of this machine's own."""
    address = parse(peer)
    return address is not None and address.is_loopback


UNKNOWN = "0.0.0.0"  # noqa: S104 - no address to listen on
"""The peer of whom nothing is known but that a proxy let it in."""


def behind(source: str | None) -> str:
    """The peer that a proxy speaks for; `UNKNOWN` when it does not say. Never an address of a machine's own, nor the
    proxy's, for which exceptions may be made."""
    address = parse(source or "")
    if address is None or address.is_loopback or address.is_unspecified or address.is_multicast:
        return UNKNOWN
    return str(address)


def counted(peer: str) -> str:
    """The name under which a peer is counted: the address, or the /64 of IPv6; empty for loopback."""
    address = parse(peer)
    if address is None:
        return peer
    if address.is_loopback:
        return ""
    return str(ip_network((address, 64), strict=False)) if isinstance(address, IPv6Address) else str(address)


WIDER = 8
"""Times the limit of one peer that a /48 of IPv6 has: a provider's customers may share one."""


@lru_cache(maxsize=4096)
def counts(name: str) -> tuple[tuple[str, int], ...]:
    """Everything under which a peer counts, by its name (`counted`), and how many times the limit of one each has."""
    if not name.endswith("/64") or parse(name.removesuffix("/64")) is None:
        return ((name, 1),) if name else ()
    return (name, 1), (str(ip_network(name).supernet(new_prefix=48)), WIDER)


def is_within(peer: str, networks: Sequence[str]) -> bool:
    """True for an address in one of these networks (`192.0.2.0/24`, `2001:db8::/32`)."""
    address = parse(peer)
    return address is not None and any(address in network for network in _networks(tuple(networks)))


@lru_cache(maxsize=64)
def _networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in texts)


class Crowd(Enum):
    """Of what there are too many connections."""

    ALL = "Too many connections"
    ADDRESS = "Too many connections from your address"


class Crowded(Exception):
    """A connection is one too many."""

    def __init__(self, crowd: Crowd) -> None:
        super().__init__(crowd.value)
        self.crowd = crowd


class Peers:
    """The open connections of one door in one worker, counted against the limits as they are now."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._strangers: Counter[str] = Counter()
        self._accounts: Counter[Account] = Counter()
        self.count = 0
        """Connections of all."""
        self._latest = -math.inf

    def admit(self, address: str, *, is_proxy: bool = False) -> "Entry":
        """Count a connection that has just been accepted; a proxy's not at its own address. Raises Crowded."""
        if self.count >= self._limits.connections:
            raise Crowded(Crowd.ALL)
        if is_proxy:
            entry = Entry(self, address, "", is_proxy=True)
        else:
            entry = Entry(self, address, self.take_stranger(address))
        self.count += 1
        self._latest = time.monotonic()
        return entry

    def has_young(self, seconds: float) -> bool:
        """Whether somebody is here, and somebody came within the last so many seconds."""
        return self.count > 0 and time.monotonic() - self._latest < seconds

    def take_stranger(self, address: str) -> str:
        """Count somebody who has not said who they are, and give the name under which. Raises Crowded."""
        name = counted(address)
        if name:
            most = self._most(address)
            if any(self._strangers[one] >= most * times for one, times in counts(name)):
                raise Crowded(Crowd.ADDRESS)
        self.add_stranger(name)
        return name

    def _most(self, address: str) -> int:
        is_known = self.is_known(address)
        return self._limits.connections_per_known_peer if is_known else self._limits.connections_per_peer

    def is_known(self, address: str) -> bool:
        """Whether many may stand behind an address (`[limits] known_networks`)."""
        return bool(self._limits.known_networks) and is_within(address, self._limits.known_networks)

    def add_stranger(self, name: str) -> None:
        """One more that has not said who it is."""
        for one, _ in counts(name):
            self._strangers[one] += 1

    def drop_stranger(self, name: str) -> None:
        """One less."""
        for one, _ in counts(name):
            _take_one(self._strangers, one)

    def add_account(self, account: Account) -> bool:
        """One more of an account; False, and not counted, when it has all it may."""
        if self._accounts[account] >= self._limits.connections_per_account:
            return False
        self._accounts[account] += 1
        return True

    def drop_account(self, account: Account) -> None:
        """One less."""
        _take_one(self._accounts, account)


def _take_one(counter: Counter[Any], name: Account) -> None:
    if counter[name] > 1:
        counter[name] -= 1
    else:
        del counter[name]


class Entry:
    """One connection as its door counts it, from the moment it was accepted until `leave`."""

    __slots__ = ("_account", "_door", "_left", "_name", "_peers", "is_loopback", "is_proxy", "peer")

    def __init__(self, peers: Peers, address: str, name: str, *, is_proxy: bool = False) -> None:
        self._peers = peers
        self._name = name
        self._account: Account | None = None
        self._left = False
        self._door = ""
        self.peer = plain(address)
        """The address, for throttling, records and the log."""
        self.is_proxy = is_proxy
        self.is_loopback = is_loopback(address) and not is_proxy

    @property
    def payer(self) -> str:
        """For whom counts what it takes of something that all share; empty: for nobody who could be told apart."""
        if self._account is not None:
            return f"account {self._account}"
        return self._name if not self._peers.is_known(self.peer) else ""

    def opens(self, door: str) -> None:
        """It counts among the open connections of this door, too, until it leaves."""
        self._door = door
        catalogue.OPEN.add(door)

    def speak_for(self, source: str | None) -> None:
        """The proxy at the other end has said for whom it speaks: count the connection there. Raises Crowded."""
        peer = behind(source)
        self._name = self._peers.take_stranger(peer)
        self.peer = peer

    def identify(self, account: Account) -> bool:
        """The peer has proved who it is: count it there. False, and nothing changed, when the account has too many."""
        if account == self._account or self._left:
            return True
        if not self._peers.add_account(account):
            return False
        self._uncount()
        self._account = account
        return True

    def forget(self) -> None:
        """The peer is nobody again (UNAUTHENTICATE, a failed bind): count it at its address."""
        if self._account is not None and not self._left:
            self._uncount()
            self._account = None
            self._peers.add_stranger(self._name)

    def leave(self) -> None:
        """The connection is gone; may be said more than once."""
        if not self._left:
            self._left = True
            if self._door:
                catalogue.OPEN.add(self._door, amount=-1.0)
            self._uncount()
            self._peers.count -= 1

    def _uncount(self) -> None:
        if self._account is not None:
            self._peers.drop_account(self._account)
        elif self._name:
            self._peers.drop_stranger(self._name)


ENTRY = "peers.entry"
"""Where an HTTP request carries the entry of its connection: in the `state` of its ASGI scope."""


def identify_request(scope: Mapping[str, Any], account: Account) -> bool:
    """`Entry.identify` for the connection that an HTTP request came by."""
    entry = scope.get("state", {}).get(ENTRY)
    return entry is None or bool(entry.identify(account))
