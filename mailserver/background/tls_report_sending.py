"""Sends each day, to domains that ask for it, how TLS sessions with their servers ended (TLS-RPT, RFC 8460).

What was seen of a domain on a day leaves the store in the unit that queues its report, so that two workers, or one
that was killed, send none twice. Where a domain wants no mail but a page of its own to be told, it is told after that
unit; what could not be told is kept for later again. A domain that cannot be looked up is tried again for three days.
"""

import asyncio
import hashlib

import structlog

from mailserver.authentication import lookups
from mailserver.authentication.lookups import Lookups
from mailserver.delivery import Delivery, Part, deliver_parts
from mailserver.foundation.resolver import LookupFailed, Resolver
from mailserver.foundation.safe_fetch import SafeFetch, Unreachable
from mailserver.foundation.settings import Settings
from mailserver.model.clock import DAY, Clock
from mailserver.model.errors import Refused, Temporary
from mailserver.model.tls_sessions import Session
from mailserver.reports import destinations, tls_writing
from mailserver.reports.destinations import TlsDestinations
from mailserver.reports.tls_writing import Written
from mailserver.reports.writing import Reporter
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs
from mailserver.store.record.trusted_clock import TrustedClock
from mailserver.store.reports import tls_seen
from mailserver.store.reports.daily_counts import Due
from mailserver.submission.submit import Submission

log = structlog.get_logger("reports")

PERIOD = 60.0
AFTER_MIDNIGHT = 1800
"""Seconds of a day before its eve is reported: every worker has written what it counted."""
SPREAD = 4 * 3600
"""Seconds within which a domain's turn comes, so that not everybody in the world reports at once (section 4.1)."""
AT_ONCE = 20
"""Reports of one round."""
TOKEN_OCTETS = 12


class TlsReportSender:
    """One per worker."""

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
        self._settings = settings
        self._store = store
        self._delivery = delivery
        self._submission = submission
        self._resolver = resolver
        self._outside = outside
        self._clock = clock
        self._upkeep = TrustedClock(store, clock)
        self._last: Due | None = None

    def _reporter(self) -> Reporter:
        return Reporter(self._settings.web.academy, self._settings.domain)

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
        now = self._clock.now()
        today = int(now - AFTER_MIDNIGHT) // DAY * DAY
        found = await self._store.read(tls_seen.due, today, self._last, AT_ONCE)
        self._last = found[-1] if found else None
        if found:
            await self._store.write(tls_seen.forget)
        due = [one for one in found if now >= self.moment(one)]
        for one in due:
            try:
                await self._report(one)
            except Temporary:
                raise
            except Exception:
                log.exception("report not sent", domain=one.domain)
        return len(due)

    def moment(self, one: Due) -> float:
        """From when on a report may be sent: another one for each domain and day, the same for every worker."""
        digest = hashlib.sha256(f"{self._settings.domain}\0{one.domain}\0{one.day}".encode()).digest()
        return one.day + DAY + AFTER_MIDNIGHT + int.from_bytes(digest[:4]) % SPREAD

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
        async with self._delivery.discarding(*(part.prepared for part in parts)):
            taken, unused = await self._store.write(_unit, one, parts, self._settings.outbound.lifetime)
        for file in unused:
            await asyncio.to_thread(blobs.remove_file, self._store.blobs, file)
        if taken:
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
            token, now = self._clock.token(TOKEN_OCTETS), self._clock.now()
            octets = tls_writing.mail(self._reporter(), written, address, token=token, now=now)
            try:
                parts += await self._submission.from_service([address], octets)
            except Refused as refusal:
                log.info("report not deliverable", domain=written.domain, why=refusal.reason.value)
        return parts

    async def _tell_pages(self, written: Written, wanted: TlsDestinations) -> int:
        """How many pages have taken it (section 5.4)."""
        told = 0
        for page in wanted.pages:
            try:
                status = await self._outside.post(page, written.packed, tls_writing.MEDIA_TYPE)
            except Unreachable as error:
                log.info("report not taken", domain=written.domain, why=str(error))
                continue
            told += 200 <= status < 300
        return told

    async def _keep(self, one: Due, facts: list[tuple[Session, int]]) -> None:
        """For another try, as long as it is worth one."""
        await self._store.write(tls_seen.count, one.day, dict(facts))


def _unit(tx: Tx, one: Due, parts: list[Part], lifetime: int) -> tuple[bool, list[str]]:
    """What was seen goes, and its report: both or neither. Whether it went, and the files that nothing refers to."""
    if not tls_seen.take(tx, one):
        return False, [part.prepared.file for part in parts if part.prepared.file is not None]
    return True, deliver_parts(tx, parts, {}, lifetime)[1] if parts else []
