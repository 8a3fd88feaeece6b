"""`MailingSender`: the work on mailings, in the background: begun at their time, delivered some recipients at a time.

Whoever has the lease of one is at it. Units are short: how many recipients one takes follows from how long they take,
and between two of them others have their turn. Who got it is settled in the unit that delivers.
"""

import asyncio
import contextlib
import statistics
from collections.abc import AsyncIterator, Sequence

import structlog

from mailserver.delivery import Delivery, Part, deliver_parts
from mailserver.foundation.metrics import catalogue
from mailserver.foundation.settings import Settings
from mailserver.model.clock import Clock
from mailserver.model.errors import Reason, Refused, Temporary
from mailserver.model.identity import Directory
from mailserver.outbound.mailings.authors import Authors
from mailserver.outbound.mailings.beginning import Beginning
from mailserver.outbound.mailings.decisions import Mailings
from mailserver.outbound.mailings.delivering import PAUSE, BatchDelivery, Work
from mailserver.outbound.submission.holding_notices import HoldingNotices, ReportTo
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs
from mailserver.store.queue import mailings
from mailserver.store.queue.mailings import mailing_batches
from mailserver.store.record.trusted_clock import TrustedClock

log = structlog.get_logger("mailings")

LOOK_SECONDS = 2.0
"""Between two looks for work that nobody told of: after a crash, at a time that was chosen, or of a command."""
TIDY_SECONDS = 600.0
RENEW_SECONDS = mailings.LEASE_SECONDS / 3
LATER_SECONDS = 60.0
"""The longest time until one that cannot go on is tried again: each try finds its recipients anew."""
MAX_RENEWALS = 200
"""Of one lease between two units: what hangs for longer than that is begun again by another worker."""


class MailingSender:
    """One per worker."""

    def __init__(
        self,
        *,
        settings: Settings,
        store: Store,
        directory: Directory,
        delivery: Delivery,
        mailings: Mailings,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._store = store
        self._delivery = delivery
        self._decides = mailings
        self._clock = clock
        self._authors = Authors(directory=directory, delivery=delivery)
        self._beginning = Beginning(
            settings=settings,
            store=store,
            directory=directory,
            delivery=delivery,
            mailings=mailings,
            authors=self._authors,
            clock=clock,
        )
        self._batches = BatchDelivery(
            store=store, delivery=delivery, authors=self._authors, lifetime=settings.outbound.lifetime
        )
        self._notices = HoldingNotices(settings=settings, store=store, delivery=delivery, clock=clock)
        self._upkeep = TrustedClock(store, clock)
        self._folder = store.blobs
        self._news = asyncio.Event()
        self._tidied = -TIDY_SECONDS
        self._later: dict[int, tuple[float, float]] = {}
        """Those that could not go on: when they are tried again, and after how long the next time."""
        store.changes.subscribe("mailbox", _NEWS, self._news.set)

    async def run(self) -> None:
        """Go round until cancelled."""
        while True:
            await self.look()
            self._news.clear()
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def look(self) -> None:
        """Go on with every mailing that nobody is at, as far as it goes."""
        due = await self._store.read(mailings.due)
        self._later = {number: self._later[number] for number in due if number in self._later}
        for number in due:
            if self._later.get(number, (0.0, 0.0))[0] <= self._clock.monotonic():
                await self._go_on(number)
        if self._clock.monotonic() - self._tidied >= TIDY_SECONDS and await self._upkeep.may_go_on():
            await self._decides.expire()
            await self._store.write(mailings.forget)
            self._tidied = self._clock.monotonic()

    async def _go_on(self, number: int) -> None:
        """One of them, where nobody is at it. What fails costs itself, and none of those that come after it."""
        try:
            one = await self._store.read(mailings.get, number)
            if one.due and not one.started and not await self._upkeep.may_go_on():
                return  # only a jump of the clock may have made it due
            if await self._store.write(mailings.claim, number, self._store.worker):
                async with self._leased(number):
                    await self.work(number)
            self._later.pop(number, None)
        except Refused as refusal:
            log.info("mailing left", mailing=number, why=refusal.reason.value)
            if refusal.reason is not Reason.CONFLICT:
                self._put_off(number)
        except Temporary as error:
            log.warning("mailing waits", mailing=number, why=str(error))
            self._put_off(number)
        except Exception:
            catalogue.JOB_FAILURES.add()
            log.exception("mailing failed", mailing=number)
            self._put_off(number)

    def _put_off(self, number: int) -> None:
        """It is tried again later, and each time later still."""
        _, pause = self._later.get(number, (0.0, LOOK_SECONDS))
        self._later[number] = self._clock.monotonic() + pause, min(2 * pause, LATER_SECONDS)

    @contextlib.asynccontextmanager
    async def _leased(self, number: int) -> AsyncIterator[None]:
        """The lease lasts as long as the work: what takes longer would be begun by one worker after the other, each of
        which keeps those before from going on."""
        renewing = asyncio.create_task(self._renew(number))
        try:
            yield
        finally:
            renewing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await renewing

    async def _renew(self, number: int) -> None:
        for _ in range(MAX_RENEWALS):
            await asyncio.sleep(RENEW_SECONDS)
            try:
                await self._store.write(mailings.claim, number, self._store.worker)
            except Temporary as error:
                log.warning("lease not renewed", mailing=number, why=str(error))

    async def work(self, number: int) -> None:
        """Begin one, deliver it, or take it back.

        Raises Refused(CONFLICT): it was stopped, or another is at it; Denied: the brake holds it, and it waits.
        """
        one = await self._store.read(mailings.get, number)
        if one.state is mailings.State.WITHDRAWN:
            await self._decides.withdraw(one)
            return
        await self._delivery.check_brake(await self._authors.sender(one))
        if one.state is mailings.State.APPROVED and not await self._beginning.begin(one):
            return
        work = self._batches.work(await self._store.read(mailings.get, number))
        while (batch := await self._store.read(mailing_batches.following, number)) is not None:
            await self._batches.some(work, batch)
            await asyncio.sleep(PAUSE)
            for other in await self._store.read(mailings.to_take_back):
                if other not in work.tried:  # who takes one back does not wait until all the others are sent
                    work.tried.add(other)
                    await self._go_on(other)
        await self._finish(work)

    async def _finish(self, work: Work) -> None:
        """Everybody has it, and who asked for it is told so (RFC 3461 section 5.2.3)."""
        one = work.one
        here = [target for target in one.targets if self._delivery.is_local(target.address)]
        octets = await self._decides.octets(one)
        to = ReportTo(one.reverse_path, one.options.envid, one.at, one.options.require_tls)
        parts = await self._notices.delivered(to, here, octets)
        async with self._delivery.discarding(*(part.prepared for part in parts)):
            unused, took = await self._store.write_timed(_finish, one.id, parts, self._settings.outbound.lifetime)
        for file in unused:
            await asyncio.to_thread(blobs.remove_file, self._folder, file)
        work.held("end", took)
        times = {"median_ms": work.told(statistics.median), "longest_ms": work.told(max)}
        log.info("mailing sent", mailing=one.id, units=work.units, **times)


_NEWS = mailings.NEWS


def _finish(tx: Tx, number: int, parts: Sequence[Part], lifetime: int) -> list[str]:
    mailing_batches.finish(tx, number)
    return deliver_parts(tx, parts, {}, lifetime)[1] if parts else []
