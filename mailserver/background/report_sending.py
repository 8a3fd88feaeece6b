"""Sends each day, to domains that ask for it, what this service saw of mail in their name (RFC 7489 section 7.2).

What was seen of a domain on a day leaves the store in the unit that queues its report, so that two workers, or one
that was killed, send none twice. A domain that cannot be looked up is tried again for three days. Our own domains'
reports are kept here, among those of others.
"""

import asyncio
import hashlib

import structlog

from mailserver.authentication import dmarc, lookups
from mailserver.authentication.lookups import Lookups
from mailserver.delivery import Delivery, Part, deliver_parts
from mailserver.foundation.resolver import LookupFailed, Resolver
from mailserver.foundation.settings import Settings
from mailserver.model.clock import DAY, Clock
from mailserver.model.errors import Refused, Temporary
from mailserver.model.observations import Observed
from mailserver.model.reports import Kind, Report, Source, merged_sources
from mailserver.reports import destinations, writing
from mailserver.reports.destinations import Destination
from mailserver.reports.writing import Reporter, Written
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs
from mailserver.store.record.trusted_clock import TrustedClock
from mailserver.store.reports import received, seen
from mailserver.store.reports.daily_counts import Due
from mailserver.store.reports.received import Origin
from mailserver.submission.submit import Submission

log = structlog.get_logger("reports")

PERIOD = 60.0
AFTER_MIDNIGHT = 1800
"""Seconds of a day before its eve is reported: every worker has written what it counted."""
AT_ONCE = 20
"""Reports of one round."""
TOKEN_OCTETS = 12


class ReportSender:
    """One per worker."""

    def __init__(
        self,
        *,
        settings: Settings,
        store: Store,
        delivery: Delivery,
        submission: Submission,
        resolver: Resolver,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._store = store
        self._delivery = delivery
        self._submission = submission
        self._resolver = resolver
        self._clock = clock
        self._upkeep = TrustedClock(store, clock)
        self._last: Due | None = None

    async def run(self) -> None:
        """Go round until cancelled."""
        try:
            while True:
                await asyncio.sleep(PERIOD)
                await self.round()
        finally:
            await self._resolver.close()

    async def round(self) -> int:
        """Send some of the reports that are due; how many were looked at. Nothing while the clock is in doubt."""
        if not await self._upkeep.may_go_on():
            return 0
        today = int(self._clock.now() - AFTER_MIDNIGHT) // DAY * DAY
        found = await self._store.read(seen.due, today, self._last, AT_ONCE)
        self._last = found[-1] if found else None
        if found:
            await self._store.write(seen.forget)
        for one in found:
            try:
                await self._report(one)
            except Temporary:
                raise
            except Exception:
                log.exception("report not sent", domain=one.domain)
        return len(found)

    async def _report(self, one: Due) -> None:
        if not self._settings.reports.send:
            await self._store.write(seen.take, one)
            return
        facts = await self._store.read(seen.facts, one)
        if not facts:
            return
        reporter = Reporter(self._settings.web.academy, self._settings.domain)
        if one.domain in self._settings.domains:
            await self._store.write(_keep, one, _own(reporter, one, facts), _origin(reporter, one))
            return
        await asyncio.to_thread(dmarc.prepare)
        asked = Lookups(self._resolver, asyncio.get_running_loop().time(), lookups.POLICIES)
        try:
            wanted = await destinations.destinations(asked, one.domain)
        except LookupFailed as error:
            log.info("report waits", domain=one.domain, why=str(error))
            return
        written = await asyncio.to_thread(writing.write, reporter, one.domain, one.day, facts)
        parts = await self._parts(reporter, written, wanted)
        async with self._delivery.discarding(*(part.prepared for part in parts)):
            sent, unused = await self._store.write(_unit, one, parts, self._settings.outbound.lifetime)
        for file in unused:
            await asyncio.to_thread(blobs.remove_file, self._store.blobs, file)
        if sent:
            log.info("report sent", domain=one.domain, to=len(parts), rows=len(facts), octets=len(written.packed))

    async def _parts(self, reporter: Reporter, written: Written, wanted: list[Destination]) -> list[Part]:
        """The mail to each destination that takes so much. Raises Temporary."""
        parts: list[Part] = []
        for one in wanted:
            octets = writing.mail(
                reporter, written, one.address, token=self._clock.token(TOKEN_OCTETS), now=self._clock.now()
            )
            if one.limit and len(octets) > one.limit:
                log.info("report too large for its destination", domain=written.domain, octets=len(octets))
                continue
            try:
                parts += await self._submission.from_service([one.address], octets)
            except Refused as refusal:
                log.info("report not deliverable", domain=written.domain, why=refusal.reason.value)
        return parts


def _unit(tx: Tx, one: Due, parts: list[Part], lifetime: int) -> tuple[bool, list[str]]:
    """What was seen goes, and its report: both or neither. Whether it went, and the files that nothing refers to."""
    if not seen.take(tx, one):
        return False, [part.prepared.file for part in parts if part.prepared.file is not None]
    return True, deliver_parts(tx, parts, {}, lifetime)[1] if parts else []


def _own(reporter: Reporter, one: Due, facts: list[tuple[Observed, int]]) -> Report:
    """What was seen of a domain of ours, as a report like those of others."""
    sources = merged_sources(
        Source(
            each.source,
            each.author,
            each.disposition,
            each.dkim,
            each.spf,
            next((domain for domain, _, result in each.signatures if result == "pass"), ""),
            each.envelope,
            count,
        )
        for each, count in facts
    )
    policy = "; ".join(f"{name}={value}" for name, value in facts[0][0].published)
    name = f"{one.day}.{one.domain}@{reporter.domain}"
    end = one.day + DAY - 1
    return Report(Kind.DMARC, reporter.name, reporter.address, name, one.day, end, one.domain, policy, sources)


def _origin(reporter: Reporter, one: Due) -> Origin:
    return Origin("", hashlib.sha256(f"own\0{reporter.domain}\0{one.domain}\0{one.day}".encode()).digest())


def _keep(tx: Tx, one: Due, report: Report, origin: Origin) -> None:
    if seen.take(tx, one):
        received.keep(tx, report, origin)
