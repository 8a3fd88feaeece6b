"""Whether this worker can serve, for the page of the service's state and for monitors: asked by anybody, so not looked
at each time."""

import asyncio
from dataclasses import dataclass

import structlog

from mailserver.foundation.settings import Settings
from mailserver.foundation.tls import ends
from mailserver.health import disk_space
from mailserver.model.clock import Clock
from mailserver.model.errors import Temporary
from mailserver.store.engine.transactions import Store
from mailserver.store.octets.files import files_of
from mailserver.store.search import index
from mailserver.store.upkeep import certificates, condition

log = structlog.get_logger("health")

REMEMBERED = 30.0
"""Seconds that an answer is good for."""
MOST_BEHIND = 5_000
"""Contents that may wait for the search index: what mail at its busiest leaves for some seconds."""
QUICK_SECONDS = 1.0
"""For a look at the pages of the database: of a large one it sees some."""


@dataclass(frozen=True, slots=True)
class State:
    """What was found."""

    reads: bool = True
    writes: bool = True
    intact: bool = True
    """False: pages of the database are damaged."""
    whole: bool = True
    """False: some messages are known to be damaged or lost."""
    room: bool = True
    """False: a disk has less room than the service needs."""
    spare: bool = True
    """False: a disk is nearly full."""
    upkeep: bool = True
    """False: the collector or the calendar's work waits for an operator."""
    index: bool = True
    """False: many messages wait for the search index; searches read them, and take longer."""
    certificate: bool = True
    """False: it ends within two weeks, or is over."""


class Health:
    """One per worker."""

    def __init__(self, *, settings: Settings, store: Store, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._looked = -REMEMBERED
        self._state = State()
        self._turn = asyncio.Lock()

    async def state(self) -> State:
        """As of half a minute ago at most."""
        async with self._turn:
            if self._clock.monotonic() - self._looked >= REMEMBERED:
                self._state = await self._look()
                self._looked = self._clock.monotonic()
        return self._state

    async def _look(self) -> State:
        disks = await asyncio.to_thread(lambda: list(disk_space.full(self._settings)))
        found, behind = None, 0
        try:
            found = await self._store.read(condition.look, seconds=QUICK_SECONDS)
            behind = await self._store.read(index.backlog, MOST_BEHIND)
        except Temporary as error:
            log.error("the store cannot be read", why=str(error))
        except Exception:
            log.exception("the store cannot be read")
        writes = await self._writes()
        attached = await asyncio.to_thread(files_of(self._store.blobs).is_attached)
        if not attached:
            log.error("the disk of large messages is not there", folder=str(self._store.blobs))
        if found is not None and found.faults:
            log.error("the database is damaged", faults=len(found.faults), first=found.faults[0][:200])
        return State(
            reads=found is not None and attached,
            writes=writes and attached,
            intact=found is None or not found.faults,
            whole=found is None or not found.damaged,
            room=not any(disk.is_over for disk in disks),
            spare=not disks,
            index=behind < MOST_BEHIND,
            certificate=await self._lasts(),
            upkeep=found is None or (found.stop is None and found.doubt is None),
        )

    async def _lasts(self) -> bool:
        moment = await asyncio.to_thread(ends, self._settings.certificate)
        return moment is not None and moment.timestamp() - self._clock.now() > certificates.TOLD_AHEAD

    async def _writes(self) -> bool:
        try:
            await self._store.write(condition.try_writing)
        except Temporary as error:
            log.error("the store cannot be written", why=str(error))
            return False
        except Exception:
            log.exception("the store cannot be written")
            return False
        return True
