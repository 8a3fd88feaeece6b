"""Says every few seconds that this host serves, with what and by which settings: `mailserver check` tells of hosts that
do not agree, and of those that are gone."""

import asyncio
import os
from collections.abc import Callable

import structlog

from mailserver.background.schema_watch import SchemaWatch, stop_service
from mailserver.foundation import instance_lock
from mailserver.foundation.settings import Settings
from mailserver.model.clock import Clock
from mailserver.model.errors import Temporary
from mailserver.store.engine.transactions import Store
from mailserver.store.upkeep import host_facts, hosts

log = structlog.get_logger("health")

PERIOD = 5.0
LEAVING_SECONDS = 2.0
CLOCK_TOLD_SECONDS = 3600.0
"""Between two words about a clock that is off, while it is no further off."""


class HostBeat:
    """One per host."""

    def __init__(
        self, *, settings: Settings, store: Store, workers: int, stop: Callable[[], None] = stop_service
    ) -> None:
        self._settings = settings
        self._store = store
        self._workers = workers
        self._id = ""
        self._name = ""
        """What was said last."""
        self._shares = False
        self._clock = ClockWatch(settings, store.clock)
        self._schema = SchemaWatch(store=store, stop=stop)

    async def run(self) -> None:
        """Go round until cancelled. Raises Temporary, OSError."""
        self._id = await asyncio.to_thread(host_facts.host_id, self._settings.data)
        await self.beat()
        # Whoever took the schema back did not see this host yet; from now on they do.
        await self._schema.look()
        while True:
            await asyncio.sleep(PERIOD)
            await self.beat()

    async def beat(self) -> None:
        """Say it once, and in the log what is wrong with this host. Raises Temporary."""
        said = await asyncio.to_thread(host_facts.describe, self._settings, self._id, self._workers)
        last = await self._store.write(hosts.beat, said)
        if self._name and last not in ("", self._name) and not self._shares:
            # Each counts for one, and the end of one takes the other's row.
            log.error("another host has the same data/host-id: remove it here and restart", name=last)
            self._shares = True
        self._name = said.name
        self._clock.look()

    async def leave(self) -> None:
        """This host ends because it was told to; not where it has handed over, and goes on to serve."""
        note = await asyncio.to_thread(instance_lock.read_note, self._settings.directory)
        if note is not None and note.pid != os.getppid():
            return
        try:
            async with asyncio.timeout(LEAVING_SECONDS):
                await self._store.write(hosts.leave, self._id)
        except (Temporary, TimeoutError) as error:
            log.warning("the row of this host stays until it is old", why=str(error) or "no answer in time")
        except Exception:  # nothing keeps a process from ending
            log.exception("the row of this host stays until it is old")


class ClockWatch:
    """Says in the log that this host's clock is off, as long as it is.

    The host goes on serving: what hosts do in turn and what they write goes by the database's clock. What else goes by
    its own, as certificates of other servers and the times in its log, is wrong meanwhile.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._grade = 0
        self._told = 0.0

    def look(self) -> None:
        skew, bounds = self._clock.skew, self._settings.database
        grade = (abs(skew) >= bounds.clock_warning) + (abs(skew) >= bounds.clock_fault)
        now = self._clock.monotonic()
        if grade == self._grade and (not grade or now - self._told < CLOCK_TOLD_SECONDS):
            return
        self._grade, self._told = grade, now
        tell = (log.info, log.warning, log.error)[grade]
        text = "the clock of this host is off the database's" if grade else "the clock of this host is right again"
        tell(text, seconds=round(skew, 1))
