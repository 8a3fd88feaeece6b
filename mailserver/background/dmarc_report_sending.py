"""Sends each day, to domains that ask for it, what this service saw of mail in their name (RFC 7489 section 7.2).

Our own domains' reports are kept here, among those of others.
"""

import asyncio
import hashlib

import structlog

from mailserver.background.daily_reports import DailyReports
from mailserver.delivery import Part
from mailserver.foundation.network.resolver import LookupFailed
from mailserver.inbound.authentication import dmarc, lookups
from mailserver.inbound.authentication.lookups import Lookups
from mailserver.model.clock import DAY
from mailserver.model.observations import Observed
from mailserver.model.reports import Kind, Report, Source, merged_sources
from mailserver.reports import destinations, dmarc_writing, outgoing_report
from mailserver.reports.destinations import Destination
from mailserver.reports.outgoing_report import Reporter, Written
from mailserver.store.engine.transactions import Tx
from mailserver.store.reports import received, seen
from mailserver.store.reports.daily_counts import Due
from mailserver.store.reports.received import Origin

log = structlog.get_logger("reports")


class DmarcReportSender(DailyReports):
    """One per worker."""

    _seen = seen

    async def _report(self, one: Due) -> None:
        if not self._settings.reports.send:
            await self._store.write(seen.take, one)
            return
        facts = await self._store.read(seen.facts, one)
        if not facts:
            return
        reporter = self._reporter()
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
        written = await asyncio.to_thread(dmarc_writing.write, reporter, one.domain, one.day, facts)
        parts = await self._parts(reporter, written, wanted)
        if await self._leave(one, parts):
            log.info("report sent", domain=one.domain, to=len(parts), rows=len(facts), octets=len(written.packed))

    async def _parts(self, reporter: Reporter, written: Written, wanted: list[Destination]) -> list[Part]:
        """The mail to each destination that takes so much. Raises Temporary."""
        parts: list[Part] = []
        for one in wanted:
            octets = dmarc_writing.mail(reporter, written, one.address, token=self._token(), now=self._clock.now())
            if one.limit and len(octets) > one.limit:
                log.info("report too large for its destination", domain=written.domain, octets=len(octets))
                continue
            parts += await self._addressed(written.domain, one.address, octets)
        return parts


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
    name = outgoing_report.identifier(reporter, one.domain, one.day)
    end = one.day + DAY - 1
    return Report(Kind.DMARC, reporter.name, reporter.address, name, one.day, end, one.domain, policy, sources)


def _origin(reporter: Reporter, one: Due) -> Origin:
    return Origin("", hashlib.sha256(f"own\0{reporter.domain}\0{one.domain}\0{one.day}".encode()).digest())


def _keep(tx: Tx, one: Due, report: Report, origin: Origin) -> None:
    if seen.take(tx, one):
        received.keep(tx, report, origin)
