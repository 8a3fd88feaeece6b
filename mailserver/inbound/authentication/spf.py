"""SPF (RFC 7208): may this peer send with this domain? Look-ups are awaited, counted and bounded in time."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from mailserver.foundation.network.resolver import LookupFailed
from mailserver.inbound.authentication import spf_terms
from mailserver.inbound.authentication.lookups import Lookups
from mailserver.inbound.authentication.spf_terms import Address, Mechanism, PermanentError
from mailserver.model.messages.authentication import Outcome

MAX_TERMS = 10
"""Mechanisms and modifiers that look up, over all records (section 4.6.4)."""
MAX_VOID = 2
"""Look-ups that find nothing."""
MAX_NAMES = 10
"""Exchangers of one mx, names of the peer."""

MOST_KNOWN = 5000
"""Peers with domains of which the outcome is remembered."""

_OF = {"+": Outcome.PASS, "-": Outcome.FAIL, "~": Outcome.SOFTFAIL, "?": Outcome.NEUTRAL}


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is asked about, and for whom."""

    peer: Address
    sender: str
    """`local@domain`; of a report `postmaster@` and the name in EHLO."""
    helo: str

    @property
    def domain(self) -> str:
        return self.sender.rpartition("@")[2]


class Known:
    """Outcomes that hang on the peer and the domain alone, as most do, for as long as the answers last that they rest
    on: servers bring one message after the other. One per worker."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._outcomes: dict[tuple[Address, str], tuple[float, Outcome]] = {}

    def get(self, identity: Identity) -> Outcome | None:
        until, outcome = self._outcomes.get((identity.peer, identity.domain), (0.0, None))
        return outcome if until > self._monotonic() else None

    def put(self, identity: Identity, outcome: Outcome, seconds: float) -> None:
        if len(self._outcomes) >= MOST_KNOWN:
            self._outcomes.clear()
        self._outcomes[identity.peer, identity.domain] = self._monotonic() + seconds, outcome


async def check(lookups: Lookups, identity: Identity, known: Known | None = None) -> Outcome:
    """The function check_host (section 4). `known`: what is remembered of others."""
    outcome = known.get(identity) if known is not None else None
    if outcome is not None:
        return outcome
    evaluation = _Evaluation(lookups, identity)
    outcome = await evaluation.run()
    if known is not None and not evaluation.is_personal and outcome is not Outcome.TEMPERROR:
        known.put(identity, outcome, lookups.lasts)
    return outcome


class _Evaluation:
    def __init__(self, lookups: Lookups, identity: Identity) -> None:
        self._lookups = lookups
        self._identity = identity
        self._terms = 0
        self._void = 0
        self._names: list[str] | None = None
        self.is_personal = False
        """A macro may have asked for more than the peer and the domain."""

    async def run(self) -> Outcome:
        try:
            return await self._host(self._identity.domain)
        except PermanentError:
            return Outcome.PERMERROR
        except LookupFailed:
            return Outcome.TEMPERROR

    async def _host(self, domain: str) -> Outcome:
        """One record, of this domain. Raises PermanentError, LookupFailed."""
        text = await self._record(domain)
        if text is None:
            return Outcome.NONE
        record = spf_terms.parse(text)
        for mechanism in record.mechanisms:
            if await self._matches(mechanism, domain):
                return _OF[mechanism.qualifier]
        if not record.redirect:
            return Outcome.NEUTRAL
        self._count()
        result = await self._host(await self._target(record.redirect, domain))
        if result is Outcome.NONE:
            raise PermanentError("redirected to where there is no record")
        return result

    async def _record(self, domain: str) -> str | None:
        """The domain's record. Raises PermanentError where there are several, or one that no record can be."""
        labels = domain.removesuffix(".").split(".")
        if len(domain) > spf_terms.MAX_NAME or len(labels) < 2 or not all(0 < len(one) <= 63 for one in labels):
            return None
        found = [
            one for one in await self._lookups.texts(domain) if one[:6].lower() == b"v=spf1" and one[6:7] in (b"", b" ")
        ]
        if len(found) > 1:
            raise PermanentError("several records")
        if not found:
            return None
        if len(found[0]) > spf_terms.MAX_RECORD or not found[0].isascii():
            raise PermanentError("a record that is too long, or not ASCII")
        return found[0].decode("ascii")

    async def _matches(self, mechanism: Mechanism, domain: str) -> bool:
        peer = self._identity.peer
        if mechanism.kind == "all":
            return True
        if mechanism.network is not None:
            return peer.version == mechanism.network.version and peer in mechanism.network
        self._count()
        target = await self._target(mechanism.target, domain) if mechanism.target else domain
        match mechanism.kind:
            case "include":
                result = await self._host(target)
                if result is Outcome.NONE:
                    raise PermanentError("includes what has no record")
                return result is Outcome.PASS
            case "exists":
                return bool(await self._ask(target, "A"))
            case "a":
                return await self._is_at(target, mechanism)
            case "mx":
                exchangers = [one.partition(" ")[2] for one in await self._ask(target, "MX")]
                if len(exchangers) > MAX_NAMES:
                    raise PermanentError("too many exchangers")
                for one in exchangers:
                    if await self._is_at(one, mechanism):
                        return True
                return False
            case _:
                name = target.lower().removesuffix(".")
                return any(one == name or one.endswith("." + name) for one in await self._validated())

    async def _is_at(self, name: str, mechanism: Mechanism) -> bool:
        """Whether the peer is at an address of this name, or in its network."""
        peer = self._identity.peer
        prefix = mechanism.prefix4 if peer.version == 4 else mechanism.prefix6
        for one in await self._ask(name, "A" if peer.version == 4 else "AAAA"):
            if peer in _network(f"{one}/{prefix}"):
                return True
        return False

    async def _validated(self) -> list[str]:
        """The peer's names that lead back to it (section 5.5). What cannot be found out is no name."""
        if self._names is not None:
            return self._names
        self._names = []
        try:
            names = await self._ask(spf_terms.reversed_name(self._identity.peer), "PTR")
        except LookupFailed:
            return self._names
        kind = "A" if self._identity.peer.version == 4 else "AAAA"
        for name in names[:MAX_NAMES]:
            try:
                addresses = await self._ask(name, kind)
            except LookupFailed:
                continue
            if any(ip_address(one) == self._identity.peer for one in addresses):
                self._names.append(name.lower().removesuffix("."))
        return self._names

    async def _target(self, text: str, domain: str) -> str:
        """A domain-spec, expanded. Raises PermanentError."""
        self.is_personal = self.is_personal or "%" in text
        name = await self._name_of_peer(domain) if spf_terms.uses_name(text) else ""
        local, _, of_sender = self._identity.sender.rpartition("@")
        peer = self._identity.peer

        def value(letter: str) -> str:
            return {
                "s": self._identity.sender,
                "l": local,
                "o": of_sender,
                "d": domain,
                "i": spf_terms.of_address(peer),
                "p": name,
                "h": self._identity.helo,
                "v": "in-addr" if peer.version == 4 else "ip6",
            }[letter]

        return spf_terms.expand(text, value)

    async def _name_of_peer(self, domain: str) -> str:
        """The macro `p`: the domain itself, one below it, or any (section 7.3)."""
        names = await self._validated()
        domain = domain.lower()
        below = [one for one in names if one.endswith("." + domain)]
        return domain if domain in names else next(iter(below or names), "unknown")

    async def _ask(self, name: str, kind: str) -> list[str]:
        """Raises PermanentError when too much was looked up in vain, LookupFailed. A malformed name has nothing."""
        labels = name.removesuffix(".").split(".")
        good = len(name) <= spf_terms.MAX_NAME + 1 and all(0 < len(one) <= 63 for one in labels)
        answer = await self._lookups.ask(name, kind) if good and name.isascii() else None
        if answer is None or not answer.records:
            self._void += 1
            if self._void > MAX_VOID:
                raise PermanentError("too many look-ups in vain")
            return []
        return [one for one in answer.records if isinstance(one, str)]

    def _count(self) -> None:
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise PermanentError("too many look-ups")


@lru_cache(maxsize=1000)
def _network(text: str) -> IPv4Network | IPv6Network:
    return ip_network(text, strict=False)
