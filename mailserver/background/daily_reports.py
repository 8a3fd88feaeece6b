"""What the daily reports to other domains have in common: their round, and the unit in which one leaves.

What was seen of a domain on a day leaves the store in the unit that queues its report, so that two workers, or one
that was killed, send none twice. A domain that cannot be looked up is tried again for three days.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol

import structlog

from mailserver.delivery import Delivery, Part, deliver_parts
from mailserver.foundation.network.resolver import Resolver
from mailserver.foundation.settings import Settings
from mailserver.model.clock import DAY, Clock
from mailserver.model.errors import Refused, Temporary
from mailserver.outbound.submission.submit import Submission
from mailserver.reports.outgoing_report import Reporter
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs
from mailserver.store.record.trusted_clock import TrustedClock
from mailserver.store.reports.daily_counts import Due

log = structlog.get_logger("reports")

PERIOD = 60.0
AFTER_MIDNIGHT = 1800
"""Seconds of a day before its eve is reported: every worker has written what it counted."""
AT_ONCE = 20
"""Reports of one round."""
TOKEN_OCTETS = 12


class Seen(Protocol):
    """The counts that one kind of report is made of."""

    def due(self, tx: Tx, before: int, after: Due | None, limit: int) -> list[Due]: ...
    def take(self, tx: Tx, one: Due) -> bool: ...
    def forget(self, tx: Tx) -> int: ...


def first_moment(one: Due) -> int:
    """From when on every worker has written what it counted on the day of a report."""
    return one.day + DAY + AFTER_MIDNIGHT


class DailyReports(ABC):
    """Those of one kind. One per worker."""

    _seen: Seen
    """A class says which."""

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
        now = self._clock.now()
        today = int(now - AFTER_MIDNIGHT) // DAY * DAY
        found = await self._store.read(self._seen.due, today, self._last, AT_ONCE)
        self._last = found[-1] if found else None
        if found:
            await self._store.write(self._seen.forget)
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
        """From when on a report may be sent; the same for every worker."""
        return first_moment(one)

    @abstractmethod
    async def _report(self, one: Due) -> None:
        """One that is due. Raises Temporary."""

    def _reporter(self) -> Reporter:
        return Reporter(self._settings.web.academy, self._settings.domain)

    def _token(self) -> bytes:
        return self._clock.token(TOKEN_OCTETS)

    async def _addressed(self, domain: str, address: str, octets: bytes) -> list[Part]:
        """A report as mail to one address; nothing where that can get none. Raises Temporary."""
        try:
            return list(await self._submission.from_service([address], octets))
        except Refused as refusal:
            log.info("report not deliverable", domain=domain, why=refusal.reason.value)
            return []

    async def _leave(self, one: Due, parts: Sequence[Part]) -> bool:
        """What was seen goes, and its report: both or neither. False: another worker was faster. Raises Temporary."""
        async with self._delivery.discarding(*(part.prepared for part in parts)):
            taken, unused = await self._store.write(self._unit, one, parts)
        for file in unused:
            await asyncio.to_thread(blobs.remove_file, self._store.blobs, file)
        return taken

    def _unit(self, tx: Tx, one: Due, parts: Sequence[Part]) -> tuple[bool, list[str]]:
        """Whether it went, and the files that nothing refers to."""
        if not self._seen.take(tx, one):
            return False, [part.prepared.file for part in parts if part.prepared.file is not None]
        return True, deliver_parts(tx, parts, {}, self._settings.outbound.lifetime)[1] if parts else []
