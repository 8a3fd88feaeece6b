"""Says every few seconds that this host serves, with what and by which settings: `mailserver check` tells of hosts that
do not agree, and of those that are gone."""

import asyncio

import structlog

from mailserver.foundation.settings import Settings
from mailserver.model.errors import Temporary
from mailserver.store.engine.transactions import Store
from mailserver.store.upkeep import host_facts, hosts

log = structlog.get_logger("health")

PERIOD = 5.0
LEAVING_SECONDS = 2.0


class HostBeat:
    """One per host."""

    def __init__(self, *, settings: Settings, store: Store, workers: int) -> None:
        self._settings = settings
        self._store = store
        self._workers = workers
        self._id = ""

    async def run(self) -> None:
        """Go round until cancelled. Raises Temporary, OSError."""
        self._id = await asyncio.to_thread(host_facts.host_id, self._settings.data)
        while True:
            said = await asyncio.to_thread(host_facts.describe, self._settings, self._id, self._workers)
            await self._store.write(hosts.beat, said)
            await asyncio.sleep(PERIOD)

    async def leave(self) -> None:
        """This host ends because it was told to."""
        try:
            async with asyncio.timeout(LEAVING_SECONDS):
                await self._store.write(hosts.leave, self._id)
        except (Temporary, TimeoutError) as error:
            log.warning("the row of this host stays until it is old", why=str(error) or "no answer in time")
        except Exception:  # nothing keeps a process from ending
            log.exception("the row of this host stays until it is old")
