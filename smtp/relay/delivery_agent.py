"""What is done for one row of the queue: the message is finished, its way looked up, it is sent, all goes on record."""

import asyncio
import contextlib
from dataclasses import replace
from functools import partial

import structlog

from mailserver.delivery import Delivery
from mailserver.foundation.metrics import catalogue
from mailserver.foundation.settings import Settings
from mailserver.foundation.tracing import TRACES
from mailserver.model.clock import Clock
from mailserver.model.errors import Damaged, Temporary
from mailserver.outbound.submission.signatures.signing import Signatures, Waits
from mailserver.store.engine.transactions import Store
from mailserver.store.queue import spool
from mailserver.store.queue.spool import Leased
from mailserver.texts import causes
from mailserver.texts.causes import Cause
from smtp.relay.attempt import Courier, Unreachable
from smtp.relay.choice import Journey
from smtp.relay.destinations import Destinations
from smtp.relay.recording import Recorder, delay
from smtp.relay.routing import Exchanger, NoRoute, Router
from smtp.relay.seven_bit import Message, SevenBit
from smtp.relay.tls import required_field
from smtp.relay.tls.policies import Policies
from smtp.relay.transfer import MaySend
from smtp.relay.verdicts import Result, Verdict, given_up, same_for_all

log = structlog.get_logger("relay")

MOST_AWAY = 900.0
"""Seconds after which a destination that could not be reached is tried for new mail, however long the old waits."""
MOST_AWAY_OF_SOME = 60
"""The same where it depends on the sender which way mail goes."""
MOST_PUTS_OFF = 100
"""Units in which the rows of a destination are put off."""
WAY_SECONDS = 10.0
"""The servers of a destination are not looked up again for its next message meanwhile."""
MAX_WAYS = 1000


class DeliveryAgent:
    """One per relay."""

    def __init__(
        self,
        *,
        settings: Settings,
        store: Store,
        delivery: Delivery,
        clock: Clock,
        router: Router,
        policies: Policies,
        courier: Courier,
        destinations: Destinations,
        recorder: Recorder,
    ) -> None:
        self._settings = settings
        self._outbound = settings.outbound
        self._store = store
        self._delivery = delivery
        self._clock = clock
        self._router = router
        self._policies = policies
        self._courier = courier
        self._destinations = destinations
        self._recorder = recorder
        self._signatures = Signatures(settings=settings, store=store, clock=clock)
        self._folder = store.blobs
        self._seven_bit = asyncio.Semaphore()
        self._ways: dict[tuple[Journey, bool, bool], tuple[float, list[Exchanger]]] = {}

    def forget_ways(self) -> None:
        """The servers of every destination are looked up again."""
        self._ways.clear()

    async def deal_with(self, row: Leased, known: bytes | None, may_send: MaySend) -> None:
        """One attempt, and its record. `known`: the stored octets, where they were read already. `may_send`: asked
        before more of it goes. Raises Temporary, LeaseOver."""
        octets = b""
        try:
            if known is None:
                known = await self._store.read(spool.octets, row.content_id, self._folder)
            octets = _without_return_path(known)
            leaving = await self._finished(row, octets)
        except Damaged as error:
            # Never sent as it is. It waits: its file may come back from a backup before its time is over.
            log.error("queued message is damaged", content=row.content_id, why=error.fault)
            octets, verdicts = b"", same_for_all(row, Result.DEFERRED, "4.3.0", causes.of(error))
            if row.given_up is not None:
                verdicts = given_up(row, row.given_up)
        except Waits:
            verdicts = same_for_all(row, Result.DEFERRED, "4.7.5", spool.UNSIGNED)
        else:
            began = self._clock.monotonic()
            with TRACES.span("queue.attempt", message=row.name, attempt=row.attempts):
                verdicts = await self._attempt(self._under_ours(row), leaving, may_send)
            catalogue.ATTEMPT_SECONDS.observe(self._clock.monotonic() - began)
        await self._recorder.record(row, verdicts, octets)

    async def _finished(self, row: Leased, octets: bytes) -> Message:
        """The message with what is written only now on top. Raises Waits, Temporary."""
        if row.given_up is not None:
            return Message(octets, SevenBit(octets, self._seven_bit))
        if (departure := self._delivery.members.departure(row.reverse_path)) is not None:
            octets = await self._delivery.members.finish(departure, octets)
        return Message(
            await self._signatures.on_top(row, octets),
            SevenBit(octets, self._seven_bit, partial(self._signed_anew, row)),
        )

    async def _signed_anew(self, row: Leased, octets: bytes) -> bytes:
        """Raises Temporary."""
        try:
            return await self._signatures.on_top(row, octets, anew=True)
        except Waits:
            raise Temporary(spool.UNSIGNED) from None

    def _under_ours(self, row: Leased) -> Leased:
        """As it leaves: under a return path for which our SPF speaks. What we report ourselves goes to the author."""
        path = row.reverse_path
        if not path or self._delivery.is_local(path):
            return row
        return replace(row, reverse_path=self._delivery.returned.forward(path))

    async def _attempt(self, row: Leased, message: Message, may_send: MaySend) -> list[Verdict]:
        """Every recipient's verdict."""
        if row.given_up is not None:
            return given_up(row, row.given_up)
        waived = not row.require_tls and required_field.says_no(message.octets)
        left, status, why = self._destinations.kept_away(row.domain)
        if left > 0 and not waived:  # what keeps the others may be a demand on TLS
            return same_for_all(row, Result.DEFERRED, status, why)
        try:
            exchangers = await self._way(row, waived=waived)
        except NoRoute as error:
            return same_for_all(row, Result.FAILED, error.status, error.text)
        except Temporary as error:
            return await self._not_reached(row, "4.4.3", causes.of(error))
        try:
            verdicts, seconds = await self._courier.send(exchangers, row, message, may_send)
        except Temporary as error:
            return same_for_all(row, Result.DEFERRED, "4.4.3", causes.of(error))
        except Unreachable as error:
            return await self._not_reached(row, "4.4.1", causes.of(error))
        if any(verdict.status == "4.4.2" for verdict in verdicts):
            self._destinations.failed(row.domain)
        else:
            self._destinations.succeeded(row.domain, self._outbound.per_destination, seconds)
        return verdicts

    async def _way(self, row: Leased, *, waived: bool) -> list[Exchanger]:
        """Whom to dial. Raises NoRoute, Temporary."""
        now = self._clock.monotonic()
        journey = await self._journey(row)
        asked = journey, waived, row.require_tls
        until, exchangers = self._ways.get(asked, (0.0, []))
        if until <= now:
            found = await self._router.exchangers(journey)
            exchangers = await self._policies.demanded(row.domain, found, waived=waived, required=row.require_tls)
            if len(self._ways) >= MAX_WAYS:
                self._ways.clear()
            if len({one.relay for one in exchangers}) <= 1:  # among several, shares are drawn for each message
                self._ways[asked] = now + WAY_SECONDS, exchangers
        return exchangers

    async def _not_reached(self, row: Leased, status: str, why: Cause) -> list[Verdict]:
        """The destination is left alone for a while, and all that is due for it waits so long."""
        if row.require_tls:  # others may go where this one may not
            return same_for_all(row, Result.DEFERRED, status, why)
        failures = self._destinations.failed(row.domain)
        seconds = delay(self._outbound, max(failures, row.attempts))
        if self._router.asks_senders:
            # Mail of others goes another way, which may be open.
            seconds = min(seconds, int(MOST_AWAY_OF_SOME))
            self._destinations.keep_away(row.domain, seconds / 2, status, why)
            return same_for_all(row, Result.DEFERRED, status, why)
        self._destinations.keep_away(row.domain, min(seconds, MOST_AWAY), status, why)
        with contextlib.suppress(Temporary):
            await self._put_off(row.domain, int(self._clock.now()) + seconds, why)
        return same_for_all(row, Result.DEFERRED, status, why)

    async def _put_off(self, domain: str, until: int, why: Cause) -> None:
        """Raises Temporary."""
        late = self._outbound.delay_warning
        for _ in range(MOST_PUTS_OFF):
            if await self._store.write(spool.put_off, domain, until, why, late) < spool.MOST_PUT_OFF:
                break

    async def _journey(self, row: Leased) -> Journey:
        """Raises Temporary."""
        asks = self._router.asks_roles and row.account_id
        role = await self._delivery.role_of(row.account_id) if asks else None
        sender = row.reverse_path.rpartition("@")[2].lower() or self._settings.domain
        return Journey(row.domain, sender, role)


def _without_return_path(octets: bytes) -> bytes:
    """RFC 5321 section 4.4: only the last server writes Return-Path. Ours stands first and in one line."""
    if octets[:12].lower() == b"return-path:":
        return octets[octets.find(b"\n") + 1 :]
    return octets
