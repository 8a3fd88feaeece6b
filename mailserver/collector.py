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
STRAY_BATCH = 500


class Collector:
    """One per worker; two that meet do the same harmless work."""

    def __init__(self, *, store: Store, clock: Clock, folder: Path) -> None:
        self._store = store
        self._clock = clock
        self._folder = folder
        self._shelf = clock.token(1)[0]
        """Workers begin at different shelves; each sees all of them in about four hours."""

    async def run(self) -> None:
        while True:
            await asyncio.sleep(PERIOD)
            await self.collect()
            await self.remove_strays(self._shelf)
            self._shelf = (self._shelf + 1) % 256

    async def collect(self) -> int:
        """Work off the notes that are due; how many were looked at."""
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

    async def remove_strays(self, shelf: int) -> int:
        """Remove old files of a shelf that no row names: left by a crash between writing and committing."""
        names = await asyncio.to_thread(collect.stray_candidates, self._folder, shelf)
        removed = 0
        for start in range(0, len(names), STRAY_BATCH):
            part = names[start : start + STRAY_BATCH]
            known = await self._store.read(collect.named, part)
            for name in part:
                if name not in known:
                    await asyncio.to_thread(blobs.remove_file, self._folder, name)
                    removed += 1
        if removed:
            log.info("stray files removed", count=removed)
        return removed
