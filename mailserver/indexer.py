"""Keeps the search index up, in the background, in small steps, one worker at a time.

Searches do not wait for it: what is not indexed yet is read (`mailserver.store.search`). So it gives way to
everything: a step is some tens of milliseconds of one thread, in slices, and a few of the writer. While others
commit it does one step a second, which costs a busy store little and leaves less to do later; as soon as
nobody does, one after the other.
"""

import asyncio

import structlog

from mailserver.changes import Changes
from mailserver.clock import Clock
from mailserver.store import index
from mailserver.store.statements import Row
from mailserver.store.transactions import Store

log = structlog.get_logger("indexer")

PERIOD = 1.0
"""Seconds between two steps while others commit, and between two looks for work."""
QUIET = 0.1
"""Seconds without a commit of others after which the store counts as quiet."""
PAUSE = 0.02
"""Seconds between two steps while it is, in which others may show that they have work."""


class Indexer:
    """One per worker; a lease in the store lets one of them work."""

    def __init__(self, *, store: Store, clock: Clock, changes: Changes) -> None:
        self._store = store
        self._clock = clock
        self._changes = changes
        self._folder = store.data / "blobs"

    async def run(self) -> None:
        """Index until cancelled. An idle store costs one look at its generation a second."""
        done = -1
        while True:
            now = self._changes.generation()
            if now != done:
                if await self._store.read(index.has_work, self._store.worker):
                    await self._work()
                else:
                    done = now
            await asyncio.sleep(PERIOD)

    async def _work(self) -> None:
        """Step after step, as long as there is work and the lease is ours."""
        steps = 0
        pause = QUIET
        while await self.step():
            steps += 1
            pause = await self._give_way(pause)
        log.debug("indexed", steps=steps)
        await self._store.write(index.release_lease, self._store.worker)

    async def _give_way(self, pause: float) -> float:
        """Wait for a pause without commits, but no longer than a period; what the next pause is to be."""
        end = self._clock.monotonic() + PERIOD
        while self._clock.monotonic() < end:
            before = self._changes.generation()
            await asyncio.sleep(pause)
            if self._changes.generation() == before:
                return PAUSE
            pause = QUIET
        return QUIET

    async def step(self) -> bool:
        """Texts for the next contents, else a segment for the next account; False when there was nothing to do
        or another worker has the lease."""
        sources = await self._store.read(index.pending, index.BATCH)
        if sources:
            texts = await asyncio.to_thread(self._texts, sources)
            for unit in index.units(texts):
                if not await self._store.write(index.save_texts, self._store.worker, unit):
                    return False
            return True
        for account_id in await self._store.read(index.crowded, 1):
            planned = await self._store.read(index.plan, account_id)
            segment = await asyncio.to_thread(index.assemble, planned)
            return await self._store.write(index.save_segment, self._store.worker, planned, segment)
        return False

    def _texts(self, sources: list[Row]) -> list[index.Packed]:
        """In a thread: this is where the time goes."""
        return [index.pack(index.extract(self._folder, source)) for source in sources]
