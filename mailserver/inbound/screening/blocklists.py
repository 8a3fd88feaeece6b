"""Looks peers up in DNS blocklists (`[blocklists]`), as long as these are worth it.

A list is asked once its test entries have shown that it works (`dnsbl`), and probed again every hour. One that does not
answer, refuses, or lists the whole world is not asked until a test in the background finds it well: it costs nobody
time, and nobody mail. A few peers wait for its answer, two seconds at most, before that is found out.
"""

import asyncio
from dataclasses import dataclass, field

import structlog

from mailserver.foundation.metrics import catalogue
from mailserver.foundation.network import peers
from mailserver.foundation.network.peers import Address
from mailserver.foundation.network.resolver import LookupFailed, Resolver
from mailserver.foundation.settings import Settings
from mailserver.inbound.screening import dnsbl
from mailserver.inbound.screening.dnsbl import Probed, Records, State
from mailserver.model.clock import HOUR, Clock

log = structlog.get_logger("screening")

SECONDS = 2.0
"""For the answer of a list."""
FAILURES = 3
"""Questions without an answer, one after the other, after which a list is not asked."""
AGAIN_GOOD, AGAIN_BAD = float(HOUR), 300.0
"""Seconds until a list is probed again."""
PERIOD = 5.0
"""Seconds between two looks whether a list is to be probed."""


@dataclass(frozen=True, slots=True)
class Listing:
    """On which lists a peer is, and what that counts for."""

    points: int = 0
    lists: tuple[str, ...] = ()
    """As others may see them."""


NOWHERE = Listing()


@dataclass(slots=True)
class _List:
    probed: Probed = field(default_factory=Probed)
    due: float = 0.0
    """When it is probed again."""
    failures: int = 0

    def answers_for(self, address: Address) -> bool:
        """Whether it is good for addresses of this version."""
        return address.version in self.probed.versions


class Blocklists:
    """One per worker; belongs to its event loop. The settings are asked each time."""

    def __init__(self, *, settings: Settings, resolver: Resolver, clock: Clock) -> None:
        self._settings = settings
        self._resolver = resolver
        self._clock = clock
        self._known: dict[str, _List] = {}

    # ------------------------------------------------------------------ peers

    async def look_up(self, peer: str) -> Listing:
        """Where a peer is listed. Relays and known networks are asked of no list."""
        chosen = self._settings.blocklists.lists
        address = peers.parse(peer) if chosen else None
        exempt = (*self._settings.smtp.relays, *self._settings.limits.known_networks)
        if address is None or peers.is_within(peer, exempt):
            return NOWHERE
        # The dictionary is another one when the settings change meanwhile.
        asked = {zone: known for zone, known in self._known.items() if zone in chosen and known.answers_for(address)}
        answers = await asyncio.gather(*(self._ask_about(address, zone, known) for zone, known in asked.items()))
        hits = [zone for zone, is_listed in zip(asked, answers, strict=True) if is_listed]
        if not hits:
            return NOWHERE
        found = Listing(sum(chosen.get(zone, 0) for zone in hits), tuple(map(dnsbl.shown, hits)))
        log.info("peer listed", peer=peer, lists=found.lists, points=found.points)
        return found

    async def _ask_about(self, address: Address, zone: str, known: _List) -> bool:
        records = await self._ask(dnsbl.question(address, zone))
        name = dnsbl.shown(zone)
        if records is None:
            catalogue.DNSBL.add(name, "unanswered")
            known.failures += self._resolver.answers  # else nobody's fault but the name servers'
            if known.failures >= FAILURES:
                self._keep(zone, known, Probed(State.SILENT))
            return False
        known.failures = 0
        if dnsbl.is_refusal(records):
            catalogue.DNSBL.add(name, "refused")
            self._keep(zone, known, Probed(State.REFUSES))
            return False
        is_listed = dnsbl.is_hit(records)
        catalogue.DNSBL.add(name, "listed" if is_listed else "clean")
        return is_listed

    async def _ask(self, name: str) -> Records | None:
        """None: nobody knows now."""
        try:
            async with asyncio.timeout(SECONDS):
                return (await self._resolver.look_up(name, "A")).records
        except (LookupFailed, TimeoutError):
            return None

    # ------------------------------------------------------------------ lists

    async def run(self) -> None:
        """Test for ever what is due."""
        while True:
            try:
                await self.test()
            except Exception:
                log.exception("blocklists cannot be probed")
            await asyncio.sleep(PERIOD)

    async def test(self) -> None:
        """Test the lists whose time has come, and forget those that nobody wants any more."""
        chosen = self._settings.blocklists.lists
        self._known = {zone: self._known.get(zone) or _List() for zone in chosen}
        now = self._clock.monotonic()
        await asyncio.gather(*(self._test(zone, known) for zone, known in self._known.items() if known.due <= now))

    async def _test(self, zone: str, known: _List) -> None:
        names = dnsbl.probe_questions(zone)
        answers = dict(zip(names, await asyncio.gather(*map(self._ask, names)), strict=True))
        self._keep(zone, known, dnsbl.judge(zone, answers))

    def _keep(self, zone: str, known: _List, probed: Probed) -> None:
        is_good = probed.state is State.GOOD
        if probed.state is not known.probed.state:
            say = log.info if is_good else log.warning
            say("blocklist", list=dnsbl.shown(zone), state=probed.state.value, versions=sorted(probed.versions))
        known.probed = probed
        known.failures = 0
        known.due = self._clock.monotonic() + (AGAIN_GOOD if is_good else AGAIN_BAD)
