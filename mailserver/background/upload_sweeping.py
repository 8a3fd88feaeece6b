"""Removes files that were posted to the console and that nobody fetched, on each host: they lie on its own disk."""

import asyncio

import structlog

from mailserver.accounts import uploads
from mailserver.foundation.settings import Settings
from mailserver.model.clock import Clock
from mailserver.store.engine.transactions import Store
from mailserver.store.record.trusted_clock import TrustedClock

log = structlog.get_logger("uploads")

PERIOD = 600.0


class UploadSweeper:
    """One per host."""

    def __init__(self, *, settings: Settings, store: Store, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._upkeep = TrustedClock(store, clock)

    async def run(self) -> None:
        """Go round until cancelled. Raises Temporary."""
        while True:
            await self.sweep()
            await asyncio.sleep(PERIOD)

    async def sweep(self) -> int:
        """Remove what is older than a day by the clock that dated it, unless the time is in doubt; how many files."""
        if not await self._upkeep.may_go_on():
            return 0
        try:
            return await asyncio.to_thread(uploads.sweep, self._settings, self._clock.wall())
        except OSError as error:
            log.warning("files that were posted to the console are not removed", why=error.strerror)
            return 0
