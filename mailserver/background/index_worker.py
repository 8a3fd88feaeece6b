"""Keeps the search index up, in a process of its own beside the workers, in small steps.

Searches do not wait for it: what is not indexed yet is read (`mailserver.store.search.search`). It costs clients
neither the event loop nor a worker's interpreter lock, and where all cores are busy it runs on what is left
(`NICENESS`, of the thread that makes texts and segments only: what holds the store's write lock must not wait
for the processor). Indexers of several machines over one store share a lease.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog

from mailserver.foundation.changes import Changes
from mailserver.foundation.host_processes import step_back
from mailserver.foundation.metrics import catalogue
from mailserver.model.clock import Clock
from mailserver.model.errors import Damaged, Temporary
from mailserver.store.engine.statements import Row
from mailserver.store.engine.transactions import Store
from mailserver.store.search import content_texts, indexing_lease, segments
from mailserver.store.upkeep import integrity

log = structlog.get_logger("indexer")

Argument = TypeVar("Argument")
Result = TypeVar("Result")

PERIOD = 1.0
"""Seconds between two looks for work."""
PAUSE = 0.02
"""Seconds between two steps, in which the store is left to others."""
GATHERING = 1.0
"""Seconds between two steps that make texts of what just came in, in which segments are made instead: a step for each
dozen messages would cost twice as much, and its commits would hold up those of whoever brings them. A search reads
what it leaves."""
LATER_SECONDS, FAULT_SECONDS = 60.0, 3600.0
"""Until a message is asked for again that cannot be read now, or of whose text nobody foresaw what is wrong with it."""
MOST_LATER = 1000
"""Such messages: where there are more it is the storage, which is waited for."""
NICENESS = 10
"""Steps of scheduling priority below the workers (nice(2)): a tenth of a busy core, all of an idle one."""


class Indexer:
    """One per machine; a lease in the store lets one of those that share it work."""

    def __init__(self, *, store: Store, clock: Clock, changes: Changes) -> None:
        self._store = store
        self._clock = clock
        self._changes = changes
        self._folder = store.blobs
        self._texts_again = 0.0
        """When texts are made again, by the loop's clock."""
        self._later: dict[int, float] = {}
        """Contents that are left out until then, by the same clock: they keep no others waiting."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="index", initializer=step_back, initargs=(NICENESS,))

    async def run(self) -> None:
        """Index until cancelled. An idle store costs one look at its generation a second."""
        done = -1
        while True:
            now = self._changes.generation()
            if now != done:
                if await self._store.read(indexing_lease.is_elsewhere, self._store.worker):
                    pass  # asked again: a host that dies leaves its work undone
                elif await self._store.read(segments.has_work):
                    await self._work()
                else:
                    done = now
            await asyncio.sleep(PERIOD)

    async def _work(self) -> None:
        """Step after step, as long as there is work and the lease is ours."""
        steps = 0
        while True:
            if await self.step():
                steps += 1
                await asyncio.sleep(PAUSE)
            elif self._gathers():
                await asyncio.sleep(GATHERING)
            else:
                break
        if steps:
            log.debug("indexed", steps=steps)
            await self._store.write(indexing_lease.release_lease, self._store.worker)

    async def step(self) -> bool:
        """Texts for the next contents, else a segment for the next account; False when there was nothing to do
        or another machine's indexer has the lease."""
        if not self._gathers():
            sources = await self._pending()
            if sources:
                return await self._make_texts(sources)
        for account_id in await self._store.read(segments.crowded, 1):
            planned = await self._store.read(segments.plan, account_id)
            try:
                segment = await self._aside(segments.assemble, planned)
            except Damaged as error:
                return await self._start_again(planned, error)
            return await self._store.write(segments.save_segment, self._store.worker, planned, segment)
        return False

    async def _start_again(self, planned: segments.Plan, error: Damaged) -> bool:
        """Everything in the index follows from the messages. Left so, one account would keep all others waiting."""
        log.error("the index of an account is damaged: made again", account=planned.account_id, why=error.fault)
        damaged = await self._aside(segments.damaged_texts, planned)
        for key in (*damaged, -planned.account_id):
            await self._store.write(integrity.mend_index, key)
        return True

    async def _pending(self) -> list[Row]:
        """The next contents, without those that are left out for a while."""
        now = asyncio.get_running_loop().time()
        self._later = {content_id: end for content_id, end in self._later.items() if end > now}
        if len(self._later) >= MOST_LATER:
            return []
        found = await self._store.read(content_texts.pending, content_texts.BATCH + len(self._later))
        return [source for source in found if source[0] not in self._later][: content_texts.BATCH]

    async def _make_texts(self, sources: list[Row]) -> bool:
        texts, failed = await self._aside(self._texts, sources)
        now = asyncio.get_running_loop().time()
        self._later |= {content_id: now + seconds for content_id, seconds in failed.items()}
        for unit in content_texts.units(texts):
            if not await self._store.write(content_texts.save_texts, self._store.worker, unit):
                return False
        if len(sources) < content_texts.BATCH:
            self._texts_again = asyncio.get_running_loop().time() + GATHERING
        return True

    def _gathers(self) -> bool:
        """Whether what comes in is left until there is more of it."""
        return asyncio.get_running_loop().time() < self._texts_again

    async def _aside(self, work: Callable[[Argument], Result], argument: Argument) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, argument)

    def _texts(self, sources: list[Row]) -> tuple[list[content_texts.Packed], dict[int, float]]:
        """In a thread: this is where the time goes. Of which there are none now, and for how many seconds."""
        found: list[content_texts.Packed] = []
        failed: dict[int, float] = {}
        why = ""
        for source in sources:
            try:
                found.append(content_texts.pack(content_texts.extract(self._folder, source)))
            except Temporary as error:
                why = str(error)
                failed[source[0]] = LATER_SECONDS
            except Exception:
                catalogue.JOB_FAILURES.add()
                log.exception("a message is indexed later", content=source[0])
                failed[source[0]] = FAULT_SECONDS
        if why:
            log.warning("messages are indexed later", count=len(failed), first=min(failed), why=why)
        return found, failed
