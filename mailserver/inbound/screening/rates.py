"""How much one peer may bring to the exchange in a minute and in an hour, and how long it waits for guesses.

A peer is an IPv4 address or a /64 of IPv6 (`foundation.network.peers.counted`); what a /48 brings counts together as
well, with `WIDER` times the limits. A worker counts by itself, adds to the
store what is worth it every few seconds, for all workers and their machines, and hears from it of the peers that come:
what passes beyond a limit is at most what comes to the others meanwhile. Windows slide: of the one before, as much
counts as still lies within.

Nothing here hurts a peer for being large: where some domain answers for most of what it brings (DMARC, SPF or a
signature) and it is no junk, its limits are multiplied, and recipients who are not there count only where they are
more than those who got mail from it. What is refused is not counted: a peer beyond a limit goes on at the rate of the
limit.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache

import structlog

from mailserver.foundation.metrics import catalogue
from mailserver.foundation.network import peers
from mailserver.foundation.settings import Settings
from mailserver.model.clock import Clock
from mailserver.model.errors import RateExceeded, Temporary
from mailserver.store.engine.transactions import Store
from mailserver.store.queue import peer_counts
from mailserver.store.queue.peer_counts import COUNTED, Tally, Window

log = structlog.get_logger("screening")

MINUTE, HOUR = 60, 3600
WINDOWS = {MINUTE: "minute", HOUR: "hour"}
PERIOD = 2.0
"""Seconds between two exchanges with the store."""
MOST_PEERS = 50_000
"""That a worker remembers; whoever was silent longest is forgotten first."""
MOST_SHARED = 100
"""Peers of one unit: others wait to write."""
UNITS = 10
"""Of one exchange."""
HEARD_FOR = 30
"""Seconds after which the store is asked again what other workers have counted of a peer that comes."""
SHARED_FROM = 20
"""A peer is shared once it has reached a limit's twentieth, or asked for somebody who is not there."""
PROVEN_LEAST = 20
"""Proven messages of a peer in an hour before its limits are multiplied."""
FREE_GUESSES = 5
"""Recipients who are not there, more than those who got mail, before a peer waits."""
MOST_SERVED = 500
"""Recipients of a peer within an hour that a worker tells apart."""
FIRST_WAIT, GROWTH = 0.5, 1.5
"""Seconds of the first wait, and what each further one is multiplied with."""


class Kind(IntEnum):
    """Places in a `Tally`."""

    CONNECTIONS = 0
    MESSAGES = 1
    RECIPIENTS = 2
    UNKNOWN = 3
    PROVEN = 4
    SERVED = 5


_TEXTS = {
    Kind.CONNECTIONS: "Too many connections from your address in one {window}, try again later",
    Kind.MESSAGES: "Too many messages from your address in one {window}, try again later",
    Kind.RECIPIENTS: "Too many recipients from your address in one {window}, try again later",
    Kind.UNKNOWN: "Too many unknown recipients from your address in one hour, try again later",
}


def _nothing() -> list[int]:
    return [0] * len(COUNTED)


@dataclass(slots=True)
class _Counts:
    """A peer within one window and the one before it."""

    seconds: int
    start: int = 0
    share: float = 0.0
    """How much of the window before still counts."""
    shared: list[int] = field(default_factory=_nothing)
    """What the store knows of all workers."""
    own: list[int] = field(default_factory=_nothing)
    """What this worker has counted since it told the store."""
    shared_before: list[int] = field(default_factory=_nothing)
    own_before: list[int] = field(default_factory=_nothing)

    def roll(self, now: float) -> None:
        """Make sure that this is the window of now."""
        start = int(now) - int(now) % self.seconds
        self.share = 1.0 - (now - start) / self.seconds
        if start == self.start:
            return
        follows = start - self.start == self.seconds
        self.shared_before = self.shared if follows else _nothing()
        self.own_before = self.own if follows else _nothing()
        self.start, self.shared, self.own = start, _nothing(), _nothing()

    def count(self, kind: Kind) -> float:
        """As much as there was, with what still counts of the window before."""
        return self.shared[kind] + self.own[kind] + (self.shared_before[kind] + self.own_before[kind]) * self.share


@dataclass(slots=True)
class _Peer:
    name: str
    times: int = 1
    """How many times the limits of one peer it has."""
    minute: _Counts = field(default_factory=lambda: _Counts(MINUTE))
    hour: _Counts = field(default_factory=lambda: _Counts(HOUR))
    is_shared: bool = False
    heard: float = 0.0
    """When the store was last asked."""
    served: set[int] = field(default_factory=set)
    """Who got mail of it within this hour."""

    @property
    def excess(self) -> float:
        """Recipients who were not there beyond those who got mail: to be accepted at RCPT costs a guesser nothing."""
        return self.hour.count(Kind.UNKNOWN) - self.hour.count(Kind.SERVED)

    def roll(self, now: float) -> None:
        """Make sure that its windows are those of now."""
        hour = self.hour.start
        self.minute.roll(now)
        self.hour.roll(now)
        if self.hour.start != hour:
            self.served.clear()

    @property
    def is_good(self) -> bool:
        """Some domain answers for most of what it brings."""
        proven = self.hour.count(Kind.PROVEN)
        return proven >= PROVEN_LEAST and 2 * proven >= self.hour.count(Kind.MESSAGES)


class PeerRates:
    """One per worker; belongs to its event loop. The settings are asked each time."""

    def __init__(self, *, settings: Settings, store: Store, clock: Clock) -> None:
        self._settings = settings
        self._limits = settings.peers
        self._store = store
        self._clock = clock
        self._peers: OrderedDict[str, _Peer] = OrderedDict()
        self._due: dict[str, None] = {}
        """Peers of which the store has not heard everything, those that wait longest first."""
        self._asked: dict[str, None] = {}
        """Peers of whom others may have counted something."""

    # ------------------------------------------------------------------ what a peer does

    def connect(self, address: str) -> None:
        """Raises RateExceeded: it has to come later."""
        found = self._found(address)
        for peer in found:
            self._check_guesses(peer, address)
        self._count(found, address, Kind.CONNECTIONS)

    def begin_message(self, address: str) -> None:
        """Raises RateExceeded."""
        self._count(self._found(address), address, Kind.MESSAGES)

    def add_recipient(self, address: str) -> None:
        """One who is here. Raises RateExceeded."""
        self._count(self._found(address), address, Kind.RECIPIENTS)

    def guess(self, address: str) -> float:
        """One who is not: for how many seconds the answer waits. Raises RateExceeded: there were too many."""
        catalogue.UNKNOWN_RECIPIENTS.add()
        found = self._found(address)
        for peer in found:
            self._add(peer, Kind.UNKNOWN)
        for peer in found:
            self._check_guesses(peer, address)
        free = [peer.excess - FREE_GUESSES * self._factor(peer, address) for peer in found]
        return max([wait(guesses, self._limits.tarpit_seconds) for guesses in free], default=0.0)

    def serve(self, address: str, recipients: Iterable[int]) -> None:
        """Keys of who got a message that was no junk. The same counts once an hour."""
        keys = tuple(recipients)
        for peer in self._found(address):
            for key in keys:
                if key not in peer.served and len(peer.served) < MOST_SERVED * peer.times:
                    peer.served.add(key)
                    self._add(peer, Kind.SERVED)

    def take(self, address: str) -> None:
        """A message that some domain answers for, and that was no junk."""
        for peer in self._found(address):
            self._add(peer, Kind.PROVEN)

    # ------------------------------------------------------------------ counting

    def _found(self, address: str) -> list[_Peer]:
        """A peer as it is now, and what is around it; nothing: it is not counted."""
        name = _name(address, self._settings.smtp.relays) if self._limits.enabled else ""
        return [self._peer(one, times) for one, times in peers.counts(name)]

    def _peer(self, name: str, times: int) -> _Peer:
        peer = self._peers.get(name)
        if peer is None:
            peer = self._peers[name] = _Peer(name, times)
            if len(self._peers) > MOST_PEERS:
                gone, _ = self._peers.popitem(last=False)
                self._due.pop(gone, None)
                self._asked.pop(gone, None)
        else:
            self._peers.move_to_end(name)
        now = self._clock.now()
        if now >= peer.heard + HEARD_FOR:
            peer.heard = now
            self._asked.setdefault(name)
        peer.roll(now)
        return peer

    def _count(self, found: list[_Peer], address: str, kind: Kind) -> None:
        """What is refused is counted nowhere."""
        for peer in found:
            self._check(peer, address, kind)
        for peer in found:
            self._add(peer, kind)

    def _check(self, peer: _Peer, address: str, kind: Kind) -> None:
        by_minute, by_hour = self._limits_of(kind)
        minute, hour = peer.minute.count(kind), peer.hour.count(kind)
        if minute >= by_minute or hour >= by_hour:
            factor = self._factor(peer, address)
            if minute >= by_minute * factor:
                self._hold_back(peer, kind, MINUTE)
            if hour >= by_hour * factor:
                self._hold_back(peer, kind, HOUR)

    def _add(self, peer: _Peer, kind: Kind) -> None:
        peer.minute.own[kind] += 1
        peer.hour.own[kind] += 1
        peer.is_shared = peer.is_shared or self._is_worth_sharing(peer, kind)
        if peer.is_shared:
            self._due.setdefault(peer.name)

    def _limits_of(self, kind: Kind) -> tuple[int, int]:
        """In a minute, and in an hour."""
        limits = self._limits
        if kind is Kind.CONNECTIONS:
            return limits.connections_per_minute, limits.connections_per_hour
        if kind is Kind.MESSAGES:
            return limits.messages_per_minute, limits.messages_per_hour
        return limits.recipients_per_minute, limits.recipients_per_hour

    def _factor(self, peer: _Peer, address: str) -> int:
        """What a peer's limits are multiplied with: it is a whole /48, a known network, or most of what it brings is
        proven."""
        known = self._settings.limits.known_networks
        return peer.times * (self._limits.proven_factor if peer.is_good or peers.is_within(address, known) else 1)

    def _check_guesses(self, peer: _Peer, address: str) -> None:
        """Raises RateExceeded: it has asked for too many who are not there."""
        most, excess = self._limits.unknown_recipients, peer.excess
        if excess > most and excess > most * self._factor(peer, address):
            self._hold_back(peer, Kind.UNKNOWN, HOUR)

    def _hold_back(self, peer: _Peer, kind: Kind, seconds: int) -> None:
        if peer.is_shared:
            self._due.setdefault(peer.name)  # an operator may have had it forgotten
        what = COUNTED[kind]
        catalogue.HELD_BACK.add(what)
        log.info("peer held back", peer=peer.name, what=what, within=WINDOWS[seconds])
        raise RateExceeded(_TEXTS[kind].format(window=WINDOWS[seconds]))

    # ------------------------------------------------------------------ other workers

    async def run(self) -> None:
        """Share for ever. A worker to which nobody comes asks the store nothing."""
        while True:
            await asyncio.sleep(PERIOD)
            if self._due or self._asked:
                await self.share()

    async def share(self) -> None:
        """Exchange with the store; what cannot be told now is told later."""
        try:
            await self.exchange()
        except Temporary as error:
            log.warning("what peers bring is not shared", why=str(error))
        except Exception:
            log.exception("what peers bring is not shared")

    async def exchange(self) -> None:
        """Tell the store what was counted here, and hear what all have counted. Raises Temporary."""
        await self._hear_of([name for name in list(self._asked)[: UNITS * MOST_SHARED] if name not in self._due])
        due = list(self._due)[: UNITS * MOST_SHARED]
        for at in range(0, len(due), MOST_SHARED):
            await self._tell(due[at : at + MOST_SHARED])

    async def _tell(self, names: list[str]) -> None:
        """One unit. Raises Temporary."""
        for name in names:
            self._asked.pop(name, None)
            self._due.pop(name, None)
        told: dict[Window, Tally] = {}
        for name in names:
            told.update(self._told(name))
        try:
            totals = await self._store.write(peer_counts.exchange, told, names)
        except BaseException:
            self._due.update(dict.fromkeys(name for name in names if name in self._peers))
            raise
        for name in names:
            self._hear(name, told, totals)

    async def _hear_of(self, names: list[str]) -> None:
        """What others have counted of peers of whom nothing is told. Raises Temporary."""
        if not names:
            return
        totals = await self._store.read(peer_counts.totals, names)
        for name in names:
            self._asked.pop(name, None)
            self._hear(name, {}, totals)

    def _is_worth_sharing(self, peer: _Peer, kind: Kind) -> bool:
        if kind is Kind.UNKNOWN:
            return peer.hour.count(kind) > 1
        if kind in (Kind.PROVEN, Kind.SERVED):
            return False
        by_minute, by_hour = self._limits_of(kind)
        return peer.minute.count(kind) * SHARED_FROM >= by_minute or peer.hour.count(kind) * SHARED_FROM >= by_hour

    def _told(self, name: str) -> dict[Window, Tally]:
        """What the store has not heard of a peer yet."""
        found: dict[Window, Tally] = {}
        for counts in _windows(self._peers.get(name)):
            for start, own in ((counts.start, counts.own), (counts.start - counts.seconds, counts.own_before)):
                if any(own):
                    found[Window(name, counts.seconds, start)] = tuple(own)
        return found

    def _hear(self, name: str, told: dict[Window, Tally], totals: dict[Window, Tally]) -> None:
        for counts in _windows(self._peers.get(name)):
            for start, shared, own in (
                (counts.start, counts.shared, counts.own),
                (counts.start - counts.seconds, counts.shared_before, counts.own_before),
            ):
                window = Window(name, counts.seconds, start)
                heard = told.get(window, _nothing())
                own[:] = [count - gone for count, gone in zip(own, heard, strict=True)]
                shared[:] = totals.get(window, _nothing())


def _windows(peer: _Peer | None) -> tuple[_Counts, ...]:
    return (peer.minute, peer.hour) if peer is not None else ()


@lru_cache(maxsize=4096)
def _name(address: str, relays: tuple[str, ...]) -> str:
    """Under which a peer is counted; empty: it is not."""
    return "" if not address or peers.is_within(address, relays) else peers.counted(address)


def wait(guesses: float, most: float) -> float:
    """Seconds for which the answer to a guess waits, by how many there were; never more than `most`."""
    if guesses <= 0 or most <= 0:
        return 0.0
    return float(min(most, FIRST_WAIT * GROWTH ** min(guesses - 1, 30.0)))
