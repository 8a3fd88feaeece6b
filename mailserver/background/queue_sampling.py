"""Looks at the outgoing queue every few minutes: how long it is, and how old; the console draws it."""

import asyncio

import structlog

from mailserver.model.clock import Clock
from mailserver.model.errors import Temporary
from mailserver.store.engine.transactions import Store
from mailserver.store.queue import waiting
from mailserver.store.record.trusted_clock import TrustedClock
from mailserver.store.upkeep import measures

log = structlog.get_logger("queue")

PERIOD = 30.0


class QueueSampling:
    """One per worker; the first that looks keeps what it saw, and the others have nothing to do."""

    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._upkeep = TrustedClock(store, clock)

    async def run(self) -> None:
        """Go round until cancelled."""
        while True:
            try:
                await self.round()
            except Temporary as error:
                log.warning("the queue is not looked at", why=str(error))
            await asyncio.sleep(PERIOD)

    async def round(self) -> bool:
        """Look if it is time to; whether it was. Never while the clock is in doubt. Raises Temporary."""
        if await self._store.read(measures.is_sampled) or not await self._upkeep.may_go_on():
            return False
        # Counted outside the unit: a long queue takes long.
        await self._store.write(measures.sample, *await self._store.read(waiting.to_leave))
        return True
