"""Seals the audit in the background, soon after its rows were written, and removes what is older than kept.

Any worker may do it: a unit of the store takes what is unsealed, one at a time. From time to time the end of
the chain goes to the log, which lives elsewhere: whoever cuts rows off at the end would have to cut there too.
"""

import asyncio

import structlog

from mailserver.changes import Changes
from mailserver.clock import Clock
from mailserver.settings import Settings
from mailserver.store import sealing
from mailserver.store.transactions import Store

log = structlog.get_logger("audit")

PERIOD = 1.0
"""Seconds between two looks for work; a store where nothing was committed is not asked."""
PAUSE = 0.02
"""Seconds between two units of a long way: others write meanwhile."""
TOLD_SECONDS = 3600.0
TRIM_SECONDS = 3600.0
DAY = 86400


class Sealer:
    """One per worker; two that meet do each other's work."""

    def __init__(self, *, settings: Settings, store: Store, clock: Clock, changes: Changes) -> None:
        self._key = sealing.chain_key(settings.secret("hmac"))
        self._kept_seconds = settings.audit.retention_days * DAY
        self._store = store
        self._clock = clock
        self._changes = changes
        self._told = -TOLD_SECONDS
        self._trimmed = -TRIM_SECONDS

    async def run(self) -> None:
        """Seal and trim until cancelled."""
        done = -1
        while True:
            now = self._changes.generation()
            if now != done:
                await self.seal()
                done = now if self._changes.generation() == now else -1
            if self._clock.monotonic() - self._trimmed >= TRIM_SECONDS:
                self._trimmed = self._clock.monotonic()
                await self.trim()
            await asyncio.sleep(PERIOD)

    async def seal(self) -> int:
        """Seal everything that waits; how many rows."""
        total = 0
        while await self._store.read(sealing.has_unsealed):
            count, head = await self._store.write(sealing.seal, self._key)
            total += count
            if self._clock.monotonic() - self._told >= TOLD_SECONDS:
                self._told = self._clock.monotonic()
                log.info("audit sealed", link=head.link, seal=head.seal.hex())
            await asyncio.sleep(PAUSE)
        return total

    async def trim(self) -> int:
        """Remove rows beyond the retention; how many."""
        total = 0
        before = int(self._clock.now()) - self._kept_seconds
        while count := await self._store.write(sealing.trim, before):
            total += count
            await asyncio.sleep(PAUSE)
        if total:
            log.info("old audit rows removed", count=total)
        return total
