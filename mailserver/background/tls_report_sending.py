"""Sends each day, to domains that ask for it, how TLS sessions with their servers ended (TLS-RPT, RFC 8460).

Where a domain wants no mail but a page of its own to be told, it is told after the unit that takes what was seen from
the store; what could not be told is kept for later again.
"""

import asyncio
import hashlib

import structlog

from mailserver.background.daily_reports import DailyReports, first_moment
from mailserver.delivery import Delivery, Part
from mailserver.foundation.network.resolver import LookupFailed, Resolver
from mailserver.foundation.network.safe_fetch import SafeFetch, Unreachable
from mailserver.foundation.settings import Settings
from mailserver.inbound.authentication import lookups
from mailserver.inbound.authentication.lookups import Lookups
from mailserver.model.clock import Clock
from mailserver.model.sending.tls_sessions import Session
from mailserver.outbound.submission.submit import Submission
from mailserver.reports import destinations, tls_writing
from mailserver.reports.destinations import TlsDestinations
from mailserver.reports.outgoing_report import Written
from mailserver.store.engine.transactions import Store
from mailserver.store.reports import tls_seen
from mailserver.store.reports.daily_counts import Due

log = structlog.get_logger("reports")

SPREAD = 4 * 3600
"""Seconds within which a domain's turn comes, so that not everybody in the world reports at once (section 4.1)."""


def moment(reporter: str, one: Due) -> int:
    """From when on a report of a domain may be sent: another moment for each domain and day it is about, the same for
    every worker."""
    digest = hashlib.sha256(f"{reporter}\0{one.domain}\0{one.day}".encode()).digest()
    return first_moment(one) + int.from_bytes(digest[:4]) % SPREAD


class TlsReportSender(DailyReports):
    """One per worker."""

    _seen = tls_seen

    def __init__(
        self,
        *,
        settings: Settings,
        store: Store,
        delivery: Delivery,
        submission: Submission,
        resolver: Resolver,
        outside: SafeFetch,
        clock: Clock,
    ) -> None:
        super().__init__(
            settings=settings,
            store=store,
            delivery=delivery,
            submission=submission,
            resolver=resolver,
            clock=clock,
        )
        self._outside = outside

    def moment(self, one: Due) -> float:
        """Another one for each domain and day."""
        return moment(self._settings.domain, one)

    async def _report(self, one: Due) -> None:
        if not self._settings.reports.send_tls or one.domain in self._settings.domains:
            await self._store.write(tls_seen.take, one)
            return
        facts = await self._store.read(tls_seen.facts, one)
        if not facts:
            return
        asked = Lookups(self._resolver, asyncio.get_running_loop().time(), lookups.POLICIES)
        try:
            wanted = await destinations.tls_destinations(asked, one.domain)
        except LookupFailed as error:
            log.info("report waits", domain=one.domain, why=str(error))
            return
        written = await asyncio.to_thread(tls_writing.write, self._reporter(), one.domain, one.day, facts)
        parts = await self._parts(written, wanted)
        if await self._leave(one, parts):
            told = await self._tell_pages(written, wanted)
            if wanted.pages and not (told or parts):
                await self._keep(one, facts)
            log.info("report sent", domain=one.domain, to=len(parts) + told, rows=len(facts))

    async def _parts(self, written: Written, wanted: TlsDestinations) -> list[Part]:
        """The mail to each destination. Raises Temporary."""
        parts: list[Part] = []
        ours = {domain.lower() for domain in self._settings.domains}
        for address in wanted.addresses:
            # The service may write to every list of the academy; a stranger's record is not to make it do so.
            if address.rpartition("@")[2].lower() in ours:
                log.info("report wanted at an address of ours", domain=written.domain)
                continue
            token, now = self._token(), self._clock.now()
            octets = tls_writing.mail(self._reporter(), written, address, token=token, now=now)
            parts += await self._addressed(written.domain, address, octets)
        return parts

    async def _tell_pages(self, written: Written, wanted: TlsDestinations) -> int:
        """How many pages have taken it (section 5.4)."""
        told = 0
        for page in wanted.pages:
            try:
                answer = await self._outside.post(page, written.packed, tls_writing.MEDIA_TYPE)
            except Unreachable as error:
                log.info("report not taken", domain=written.domain, why=str(error))
                continue
            told += 200 <= answer.status < 300
        return told

    async def _keep(self, one: Due, facts: list[tuple[Session, int]]) -> None:
        """For another try, as long as it is worth one."""
        await self._store.write(tls_seen.count, one.day, dict(facts))
