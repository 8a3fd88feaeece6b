"""Removes, in the background, contents that nothing refers to any more and files that no row names."""

import asyncio
from pathlib import Path

import structlog

from mailserver.clock import Clock
from mailserver.store import blobs, collect
from mailserver.store.transactions import Store

log = structlog.get_logger("collector")

PERIOD = 60.0
GRACE = 30
"""Seconds a content may stay unreferred to before it goes."""
STRAY_PERIOD = 6 * 3600.0
STRAY_BATCH = 500


class Collector:
    """One per worker; two that meet do the same harmless work."""

    def __init__(self, *, store: Store, clock: Clock, folder: Path) -> None:
        self._store = store
        self._clock = clock
        self._folder = folder
        self._next_stray = clock.monotonic() + STRAY_PERIOD

    async def run(self) -> None:
        while True:
            await asyncio.sleep(PERIOD)
            await self.collect()
            if self._clock.monotonic() >= self._next_stray:
                self._next_stray = self._clock.monotonic() + STRAY_PERIOD
                await self.remove_strays()

    async def collect(self) -> int:
        """Work off the notes that are due; how many contents were looked at."""
        total = 0
        before = int(self._clock.now()) - GRACE
        while True:
            looked, files = await self._store.write(collect.collect, before)
            for name in files:
                await asyncio.to_thread(blobs.remove_file, self._folder, name)
            total += looked
            if looked < collect.BATCH:
                return total
            await asyncio.sleep(0.05)

    async def remove_strays(self) -> int:
        """Remove old files that no row names: left by a crash between writing and committing."""
        names = await asyncio.to_thread(collect.stray_candidates, self._folder, STRAY_BATCH)
        known = await self._store.read(collect.named, names)
        strays = [name for name in names if name not in known]
        for name in strays:
            await asyncio.to_thread(blobs.remove_file, self._folder, name)
        if strays:
            log.info("stray files removed", count=len(strays))
        return len(strays)
