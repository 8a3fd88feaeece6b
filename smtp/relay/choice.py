"""Which relays of the settings a message leaves by. Pure.

Relays of the same conditions stand in for each other. Of several conditions that a message meets the narrowest decides,
and nobody else stands in: what pupils send by a server that filters does not leave unfiltered because it is away.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from random import Random, SystemRandom

from mailserver.foundation.settings import Outbound, OutboundRelay
from mailserver.model.identity import Role


@dataclass(frozen=True, slots=True)
class Journey:
    """What is asked about a message."""

    domain: str
    """Of its recipients, in lower case."""
    sender: str = ""
    """The domain of its reverse-path; of the null one our own."""
    role: Role | None = None
    """Of the person who sends it; None: the service itself, or nobody knows any more."""


class Reach(IntEnum):
    """How narrowly the condition on recipients speaks of a domain."""

    ALL = 0
    BELOW = 1
    """By a parent of the domain; the longer it is the narrower."""
    NAMED = 1000


class RelayChoice:
    """Chooses among the relays of the settings as they are now."""

    def __init__(self, outbound: Outbound, random: Random | None = None) -> None:
        self._outbound = outbound
        self._random = random or SystemRandom()
        self._of: tuple[object, ...] = ()
        self._named: dict[str, list[OutboundRelay]] = {}
        self._others: list[OutboundRelay] = []
        self._asks_senders = False

    @property
    def asks_roles(self) -> bool:
        return any(relay.roles for relay in self._outbound.relays)

    @property
    def asks_senders(self) -> bool:
        """Whether mail for one domain may go several ways."""
        self._follow()
        return self._asks_senders

    def choose(self, journey: Journey) -> list[OutboundRelay]:
        """The relays to try in this order; empty: the recipients' own exchangers."""
        self._follow()
        found: dict[tuple[int, bool, bool], list[OutboundRelay]] = {}
        for relay in dict.fromkeys((*self._named.get(journey.domain, ()), *self._others)):
            if (reach := _reach(relay, journey.domain)) is not None and _is_for(relay, journey):
                found.setdefault((reach, bool(relay.roles), bool(relay.senders)), []).append(relay)
        if not found:
            return []
        narrowest = found[max(found)]
        # Two roles of one relay and one of them of another are equally narrow: the first of the file decides.
        group = [relay for relay in narrowest if relay.conditions == narrowest[0].conditions]
        return list(self._ordered(group))

    def _ordered(self, group: Sequence[OutboundRelay]) -> Iterator[OutboundRelay]:
        """By priority, and by chance and weight among equals."""
        for priority in sorted({relay.priority for relay in group}):
            equals = [relay for relay in group if relay.priority == priority]
            while equals:
                (chosen,) = self._random.choices(equals, [relay.weight for relay in equals])
                equals.remove(chosen)
                yield chosen

    def _follow(self) -> None:
        """Settings may have been written anew. Thousands of static routes are not walked through for each message."""
        outbound = self._outbound
        current = (outbound.relays, outbound.routes, outbound.smarthost)
        if len(self._of) == len(current) and all(a is b for a, b in zip(self._of, current, strict=True)):
            return
        self._named, self._others = {}, []
        relays = outbound.all_relays
        self._asks_senders = any(relay.senders or relay.roles for relay in relays)
        for relay in relays:
            for domain in relay.recipients:
                self._named.setdefault(domain, []).append(relay)
            if not relay.recipients or any(domain.startswith("*.") for domain in relay.recipients):
                self._others.append(relay)
        self._of = current


def _reach(relay: OutboundRelay, domain: str) -> int | None:
    """How narrowly its condition on recipients is met; None: not at all."""
    if not relay.recipients:
        return Reach.ALL
    if domain in relay.recipients:
        return Reach.NAMED
    below = [len(one) for one in relay.recipients if one.startswith("*.") and domain.endswith(one[1:])]
    return Reach.BELOW + max(below) if below else None


def _is_for(relay: OutboundRelay, journey: Journey) -> bool:
    return (not relay.roles or journey.role in relay.roles) and (not relay.senders or journey.sender in relay.senders)
