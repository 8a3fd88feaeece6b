"""Empties the outgoing queue: leases due rows, sends, retries with patience, reports what cannot be done.

One per relay; the store's leases keep two relays off one row. What became of an attempt and the reports about it
are one unit. A crash between another server's 250 and that unit repeats the delivery: SMTP knows no better. Who cannot
renew a lease, since the database is out of reach or the process was frozen, sends no end of a message any more: another
worker may have the row by now.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Collection, Sequence
from functools import partial

import dns.asyncresolver
import structlog

from mailserver.delivery import Delivery
from mailserver.foundation.changes import Changes
from mailserver.foundation.metrics import catalogue
from mailserver.foundation.network.safe_fetch import SafeFetch
from mailserver.foundation.settings import Settings
from mailserver.foundation.structured_logs import logs
from mailserver.model.clock import Clock
from mailserver.model.errors import Temporary
from mailserver.reports.tally import SessionTally
from mailserver.store.engine.transactions import Store
from mailserver.store.queue import spool
from mailserver.store.queue.spool import Leased
from mailserver.texts.causes import Cause
from smtp.relay.attempt import Courier
from smtp.relay.clock_steps import ClockSteps
from smtp.relay.delivery_agent import DeliveryAgent
from smtp.relay.destinations import FIRST_SHARE, SHARE, Destinations
from smtp.relay.holding import Holding
from smtp.relay.recording import Recorder
from smtp.relay.routing import Router
from smtp.relay.settling import STANDING_SECONDS
from smtp.relay.tls.policies import Policies
from smtp.relay.tls.session_counts import SessionCounts
from smtp.relay.transfer import LeaseOver
from smtp.relay.verdicts import Result, same_for_all

log = structlog.get_logger("relay")

POLL_SECONDS = 5.0
"""The queue is looked at this often even when no news comes."""
STOP_SECONDS = 1.0
"""For attempts under way when the service stops; what is not done by then is given back,"""
ANSWER_SECONDS = 2.0
"""but for messages that have gone to their end: their answer is waited for so long, since whoever has one is sent it
again otherwise. A supervisor has some patience left then (`mailserver.runtime.processes`)."""
BREAK_SECONDS = 0.5
"""For who is broken off, to put down what other servers have said by then."""
AHEAD = 2
"""Rows that are leased, for each attempt that may be under way."""
LEASED_TOGETHER = 100
"""Rows of one unit: who brings mail waits for the same writer."""
BEGUN_TOGETHER = 10
"""Attempts that begin in one turn of the loop: who brings mail waits for its turn, too."""
MOST_WAITING = 2000
"""Rows that are leased and wait for their destination."""
SMALL = 32 * 1024
"""Octets of messages that are read together; larger ones are read when their turn comes."""
LARGE = 256 * 1024
LARGE_AT_ONCE = 10
"""Messages of more octets in memory, of one relay."""
LARGE_SECONDS = 2.0
"""For which one waits for others to be done."""
LARGE_LATER = 10
"""Seconds after which it is tried again, so that servers that take large ones slowly stop nobody else's mail."""


class Relay:
    """The loop of one relay."""

    def __init__(
        self,
        *,
        settings: Settings,
        store: Store,
        delivery: Delivery,
        clock: Clock,
        changes: Changes,
        resolver: dns.asyncresolver.Resolver | None = None,
        lease: int = spool.LEASE,
        trust: ssl.SSLContext | None = None,
        outside: SafeFetch | None = None,
    ) -> None:
        """`trust`: who signs the certificates of others; None: the authorities that the system knows. `outside`: who
        fetches policies.

        `lease`: seconds after which other workers take over what this one has not spoken of; it does three times as
        often.
        """
        self._outbound = settings.outbound
        self._store = store
        self._clock = clock
        self._changes = changes
        self._lease = lease
        self._steps = ClockSteps(store, clock, settings.outbound)
        router = Router(settings, resolver)
        self._sessions = SessionCounts(SessionTally(settings=settings, store=store, clock=clock))
        self.policies = Policies(
            settings=settings,
            store=store,
            clock=clock,
            resolver=router.resolver,
            outside=outside,
            sessions=self._sessions,
        )
        self._courier = Courier(settings, clock, self.policies.memory, self._sessions, trust)
        self._recorder = Recorder(settings=settings, store=store, delivery=delivery, clock=clock)
        self._folder = store.blobs
        self._wake = asyncio.Event()
        self._active: dict[asyncio.Task[None], Leased] = {}
        self._holding = Holding(clock, lease)
        self._destinations = Destinations(clock)
        self._agent = DeliveryAgent(
            settings=settings,
            store=store,
            delivery=delivery,
            clock=clock,
            router=router,
            policies=self.policies,
            courier=self._courier,
            destinations=self._destinations,
            recorder=self._recorder,
        )
        self._octets: dict[int, bytes] = {}
        """Small messages of rows that wait, by lease."""
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)
        self._leaving = False
        self._leasing: asyncio.Task[tuple[list[Leased], float]] | None = None
        """What is leased just now: the store does so even where nobody waits for it any more."""
        self._goes_on: asyncio.Handle | None = None
        """What begins further attempts in the next turn of the loop."""
        self._is_drained = False
        """The last look found nothing due but for destinations that have enough already."""

    @property
    def is_busy(self) -> bool:
        """Whether attempts are under way: who is cut off after the final dot has the message, and is sent it again."""
        return bool(self._active)

    async def keep_policies(self) -> None:
        """Refresh the policies that mail goes by, until cancelled."""
        await self.policies.keep_fresh()

    def leave(self) -> None:
        """Begin nothing any more, others do; what is under way goes on, and what was not begun is theirs at once."""
        self._leaving = True
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled; then give back what is leased."""
        self._holding.is_stopping = False
        unsubscribe = [
            self._changes.subscribe("mailbox", spool.NEWS, self._wake.set),
            self._changes.subscribe("mailbox", spool.RETRY_NEWS, self._forget_down),
        ]
        heart = asyncio.create_task(self._beat())
        try:
            while True:
                self._wake.clear()
                self._is_drained = False
                try:
                    pause = await self._take_work()
                except Temporary as error:
                    log.warning("the queue is out of reach", why=str(error))
                    pause = POLL_SECONDS
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._wake.wait()
        finally:
            for stop in unsubscribe:
                stop()
            heart.cancel()
            await self._give_back()
            await self._courier.stop()
            await self._sessions.close()
            await self.policies.sts.close()

    async def _take_work(self) -> float:
        """Lease rows while there is work and room; how long to wait for more."""
        if self._leaving:
            await self._put_down(self._destinations.give_up())
            return POLL_SECONDS
        await self._recorder.take_up()
        await self._steps.follow()
        catalogue.DESTINATIONS_AWAY.set(self._destinations.away)
        limit = min(AHEAD * self._outbound.concurrency, LEASED_TOGETHER)
        while self._wants_rows:
            until = self._holding.lasting()
            self._leasing = asyncio.create_task(self._take_rows(limit))
            rows, _ = await asyncio.shield(self._leasing)
            self._leasing = None
            if not rows:
                self._is_drained = True
                return await self._until_due()
            self._holding.take((row.lease for row in rows), until)
            self._destinations.add(rows, is_cut=len(rows) >= limit)
            await self._read_ahead(rows)
            self._begin()
        return POLL_SECONDS

    async def _take_rows(self, limit: int) -> tuple[list[Leased], float]:
        """Raises Temporary."""
        return await self._store.write_standing(
            STANDING_SECONDS,
            spool.lease,
            limit,
            self._lease,
            share=SHARE,
            first_share=FIRST_SHARE,
            proven=self._destinations.proven,
            first=self._destinations.first(),
            without=self._destinations.busy(),
        )

    @property
    def _wants_rows(self) -> bool:
        """An attempt could begin and no row that is here can. What waits for a destination that is slow keeps no other
        destination's rows away.
        """
        if self._leaving or self._destinations.waiting >= MOST_WAITING:
            return False
        return len(self._active) < self._outbound.concurrency and not self._destinations.has_turn

    async def _until_due(self) -> float:
        """Nothing can be leased now: how long to wait."""
        due = await self._store.read(spool.next_due)
        if due is None or due > self._clock.now():
            self._destinations.forget_left_out()
        wait = POLL_SECONDS if due is None else due - self._clock.now()
        return min(POLL_SECONDS, max(wait, 0.05)) if wait > 0 else POLL_SECONDS

    async def _read_ahead(self, rows: Sequence[Leased]) -> None:
        """Read small messages together."""
        wanted = sorted({row.content_id for row in rows})
        with contextlib.suppress(Temporary):
            found = await self._store.read(spool.small_octets, wanted, SMALL, self._folder)
            self._octets |= {row.lease: found[row.content_id] for row in rows if row.content_id in found}

    def _begin(self) -> None:
        """Start attempts while there is room, a few in this turn of the loop."""
        for _ in range(BEGUN_TOGETHER):
            if len(self._active) >= self._outbound.concurrency or self._leaving or not self._recorder.has_room:
                return
            row = self._destinations.next()
            if row is None:
                return
            task = asyncio.create_task(self._work(row))
            self._active[task] = row
            task.add_done_callback(self._done)
        if self._goes_on is None:
            self._goes_on = asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        self._goes_on = None
        self._begin()
        self._ask_for_more()

    def _ask_for_more(self, *, wanted: bool = False) -> None:
        """See to further rows where there is room for attempts."""
        if wanted or (self._wants_rows and not self._is_drained):
            self._wake.set()

    def _done(self, task: asyncio.Task[None]) -> None:
        row = self._active.pop(task)
        self._holding.drop(row.lease)
        self._octets.pop(row.lease, None)
        wants_more = self._destinations.done(row.domain)
        self._begin()
        self._ask_for_more(wanted=wants_more)

    def _forget_down(self) -> None:
        """The operator wants another try."""
        self._destinations.forget()
        self._courier.forget()
        self._agent.forget_ways()
        self._wake.set()

    async def _beat(self) -> None:
        """Keep the leases of attempts under way."""
        while True:
            await asyncio.sleep(self._lease / 3)
            held = [(row.id, row.lease) for row in self._active.values()]
            until = self._holding.lasting()
            try:
                await self._put_down(self._late())
                if not held:
                    continue
                kept = await self._store.write(spool.renew, held, self._lease)
            except Temporary as error:
                log.warning("leases are not renewed", why=str(error))
                continue
            except Exception:
                log.exception("leases are not renewed")
                continue
            self._holding.renew((lease for _, lease in held), kept, until)

    def _late(self) -> list[Leased]:
        """Rows whose destination takes its time: they are leased anew, since a brake or an operator may want to hold
        them by now, or another worker send them.
        """
        return self._destinations.give_up(lambda row: self._holding.is_late(row.lease))

    async def _put_down(self, rows: Sequence[Leased]) -> None:
        """Give rows back that were not begun. Raises Temporary: their leases run out."""
        for row in rows:
            self._holding.drop(row.lease)
            self._octets.pop(row.lease, None)
        if rows:
            await self._store.write(spool.give_back, [(row.id, row.lease) for row in rows])

    async def _give_back(self) -> None:
        """Stop: a moment for what is nearly done, the rest is due again at once. `run` may be called again."""
        if self._goes_on is not None:
            self._goes_on.cancel()
            self._goes_on = None
        self._holding.is_stopping = True
        self._recorder.hurry()
        rows = self._destinations.give_up()
        leasing, self._leasing = self._leasing, None
        if leasing is not None:
            (taken,) = await asyncio.gather(leasing, return_exceptions=True)
            rows += taken[0] if isinstance(taken, tuple) else []
        if self._active:
            await asyncio.wait(list(self._active), timeout=STOP_SECONDS)
            rows += await self._break_off(lambda row: not self._holding.is_ending(row.lease))
        if self._active:
            await asyncio.wait(list(self._active), timeout=ANSWER_SECONDS)
            left = await self._break_off(lambda row: True)
            rows += left
            if unknown := [row for row in left if not self._recorder.is_recording(row)]:
                log.warning("stopped before other servers answered, which may have these twice", messages=len(unknown))
        await self._recorder.finish()
        with contextlib.suppress(Temporary):
            await self._store.write(spool.give_back, [(row.id, row.lease) for row in rows])

    async def _break_off(self, wanted: Callable[[Leased], bool]) -> list[Leased]:
        """End attempts at rows that are wanted, in two turns where there is something to put down; which rows these
        are."""
        broken = {task: row for task, row in self._active.items() if wanted(row)}
        left: Collection[asyncio.Task[None]] = broken
        while left:
            for task in left:
                task.cancel()
            _, left = await asyncio.wait(left, timeout=BREAK_SECONDS)
        return list(broken.values())

    # ------------------------------------------------------------------ one row

    async def _work(self, row: Leased) -> None:
        """One attempt and its consequences, in a task of their own."""
        logs.bind(message=row.name)
        known = self._octets.pop(row.lease, None)
        try:
            if not self._holding.may_send(row.lease):
                raise LeaseOver
            if row.size <= LARGE:
                await self._agent.deal_with(row, known, partial(self._holding.may_send, row.lease))
            elif await self._may_be_large(row):
                try:
                    await self._agent.deal_with(row, known, partial(self._holding.may_send, row.lease))
                finally:
                    self._large.release()
        except Temporary as error:
            log.warning("message not read, the lease will run out", why=str(error))
        except LeaseOver:
            why = "the service stops" if self._holding.is_stopping else "the lease has run out"
            log.warning("message not sent to its end", domain=row.domain, attempt=row.attempts, why=why)
            # It may have been written later than it is counted from here: who holds it still need not wait for its end.
            with contextlib.suppress(Temporary):
                await self._store.write(spool.give_back, [(row.id, row.lease)])
        except Exception as error:
            log.exception("attempt failed", domain=row.domain)
            await self._broke(row, error)

    async def _broke(self, row: Leased, error: Exception) -> None:
        """Something that nobody foresaw, perhaps what the other server said: it is tried as seldom as what is put off,
        and is over some day."""
        why = Cause("attempt-broke", error=type(error).__name__)
        try:
            await self._recorder.record(row, same_for_all(row, Result.DEFERRED, "4.3.0", why), b"")
        except Exception:
            log.exception("attempt not recorded, the lease will run out", domain=row.domain)

    async def _may_be_large(self, row: Leased) -> bool:
        """Whether there is room for one more; else the row is given back. Raises Temporary."""
        try:
            async with asyncio.timeout(LARGE_SECONDS):
                await self._large.acquire()
        except TimeoutError:
            await self._store.write(spool.give_back, [(row.id, row.lease)], LARGE_LATER)
            return False
        return True
