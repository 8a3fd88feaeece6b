"""Keeps the search index up, in the background: after a quiet second, in small steps, one worker at a time.

Searches do not wait for it: what is not indexed yet is read (`mailserver.store.search`). So it gives way to
everything: a step is some tens of milliseconds of one thread and a few of the writer, and it starts only
when nothing was committed for a second. Where it never gets quiet, work that has waited for a minute is done all
the same, a step a second.
"""

import asyncio

import structlog

from mailserver.changes import Changes
from mailserver.clock import Clock
from mailserver.store import index
from mailserver.store.statements import Row
from mailserver.store.transactions import Store

log = structlog.get_logger("indexer")

QUIET = 1.0
"""Seconds without a commit before indexing starts."""
PAUSE = 0.1
"""Seconds between two steps, in which others may show that they have work."""
PATIENCE = 60.0
"""Seconds after which work is begun although it is not quiet."""


class Indexer:
    """One per worker; a lease in the store lets one of them work."""

    def __init__(self, *, store: Store, clock: Clock, changes: Changes) -> None:
        self._store = store
        self._clock = clock
        self._changes = changes
        self._folder = store.data / "blobs"

    async def run(self) -> None:
        """Index whenever it is quiet, until cancelled. An idle store costs one look at its generation a second."""
        done = seen = -1
        waiting: float | None = None
        while True:
            await asyncio.sleep(QUIET)
            now = self._changes.generation()
            if now == done:
                continue
            quiet, seen = now == seen, now
            waiting = self._clock.monotonic() if waiting is None else waiting
            if not quiet and self._clock.monotonic() - waiting < PATIENCE:
                continue
            if await self._store.read(index.has_work, self._store.worker):
                await self._work()
            else:
                done, waiting = now, None

    async def _work(self) -> None:
        """Step after step, as long as there is work, the lease is ours and nobody else commits."""
        if not await self._store.write(index.take_lease, self._store.worker):
            return
        steps = 0
        while await self.step():
            steps += 1
            before = self._changes.generation()
            await asyncio.sleep(PAUSE)
            if self._changes.generation() != before:
                break
        log.debug("indexed", steps=steps)
        await self._store.write(index.release_lease, self._store.worker)

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
