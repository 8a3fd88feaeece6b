"""Seals what is passed on, once the chain that it came with was looked at (RFC 8617 section 5.1)."""

import asyncio

from mailserver.foundation.network.resolver import Resolver
from mailserver.inbound.authentication import arc_check, key_lookup, lookups
from mailserver.inbound.authentication.arc_check import ArcSet, Sealed
from mailserver.inbound.authentication.dkim_check import Bodies, Keys
from mailserver.inbound.authentication.lookups import Lookups
from mailserver.inbound.authentication.signatures import Header
from mailserver.model.clock import Clock
from mailserver.model.messages.authentication import Chain
from mailserver.outbound.submission.signatures import arc
from mailserver.outbound.submission.signatures.dkim import CannotSign, Signer, body_start, header_end

_FOUND = {"pass": Chain.PASS, "fail": Chain.FAIL}
QUICK = 32 * 1024
"""Octets of a message that the event loop seals itself."""


class Seals:
    """One per worker."""

    def __init__(self, *, resolver: Resolver, clock: Clock) -> None:
        self._resolver = resolver
        self._clock = clock

    async def fields(self, signer: Signer, octets: bytes, results: str, domain: str) -> bytes:
        """Our set, to be put on top. `results`: what Authentication-Results says, our name first.

        What became of the chain of those before us is what our door found when the message came (RFC 8617 section
        5.1): it may have waited since, and a list may have changed it. Of one that our door did not look at, only that
        it holds can be found out now. Raises CannotSign: nothing is known of the chain, or its sets cannot be told
        apart.
        """
        header = await asyncio.to_thread(_header, octets) if len(octets) > QUICK else _header(octets)
        sets = arc_check.read(header)
        if isinstance(sets, Sealed):
            raise CannotSign(sets.reason)
        chain = await self._arrived(header, sets, octets, results) if sets else Chain.NONE
        args = (signer, octets, results, sets, chain, domain, int(self._clock.now()))
        return arc.seal(*args) if len(octets) <= QUICK else await asyncio.to_thread(arc.seal, *args)

    async def _arrived(self, header: Header, sets: tuple[ArcSet, ...], octets: bytes, results: str) -> Chain:
        """What the chain was when it came. Raises CannotSign: nobody knows."""
        found = arc_check.results_of(results.encode("ascii", "replace"), "arc")
        if found in ({"pass"}, {"fail"}):
            return _FOUND[found.pop()]
        if await self._chain(header, sets, octets) is not Chain.PASS:
            raise CannotSign("nobody knows whether the chain held when it came")
        return Chain.PASS

    async def _chain(self, header: Header, sets: tuple[ArcSet, ...], octets: bytes) -> Chain:
        names = {one.seal.key_name for one in sets} | {sets[-1].message.key_name}
        asked = Lookups(self._resolver, asyncio.get_running_loop().time(), lookups.KEYS)
        known = await key_lookup.find(asked, names)
        if None in known.values():
            raise CannotSign("nobody knows now whether the chain holds")
        return await asyncio.to_thread(_verified, header, sets, known, octets)


def _header(octets: bytes) -> Header:
    return Header(octets[: header_end(octets)])


def _verified(header: Header, sets: tuple[ArcSet, ...], known: Keys, octets: bytes) -> Chain:
    bodies = Bodies([sets[-1].message])
    bodies.take([octets[body_start(octets, header_end(octets)) :]])
    return arc_check.verify(header, sets, known, bodies).chain
