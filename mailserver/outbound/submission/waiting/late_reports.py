"""Reports of success about recipients here, of a message that its author's program submitted and that left later."""

import asyncio
from collections.abc import Sequence

import structlog

from mailserver.delivery import Delivery, deliver_parts
from mailserver.foundation.settings import Settings
from mailserver.model.clock import Clock
from mailserver.model.errors import Refused, Temporary
from mailserver.model.identity import Principal
from mailserver.outbound.submission.holding_notices import HoldingNotices, ReportTo
from mailserver.outbound.submission.routing import Routing
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import blobs
from mailserver.store.queue.spool import Notify, Target

log = structlog.get_logger("submit")


class LateReports:
    """Sends them. One per worker."""

    def __init__(self, *, settings: Settings, store: Store, delivery: Delivery, routing: Routing, clock: Clock) -> None:
        self._store = store
        self._delivery = delivery
        self._routing = routing
        self._notices = HoldingNotices(settings=settings, store=store, delivery=delivery, clock=clock)
        self._settings = settings

    async def send(self, principal: Principal, asked: ReportTo, targets: Sequence[Target], octets: bytes) -> None:
        """To whoever asked to hear of recipients here (RFC 3461 section 5.2.3). Never fails: the message has left."""
        try:
            await self._send(principal, asked, targets, octets)
        except (Refused, Temporary) as why:
            log.warning("report not sent", why=str(why))

    async def _send(self, principal: Principal, asked: ReportTo, targets: Sequence[Target], octets: bytes) -> None:
        wanted = [target for target in targets if target.notify & Notify.SUCCESS]
        here = [one for one in wanted if await self._routing.recipient(principal, one.address) is not None]
        parts = await self._notices.delivered(asked, here, octets)
        if not parts:
            return
        async with self._delivery.discarding(*(part.prepared for part in parts)):
            _, unused, _ = await self._store.write(deliver_parts, parts, {}, self._settings.outbound.lifetime)
        for file in unused:
            await asyncio.to_thread(blobs.remove_file, self._store.blobs, file)
