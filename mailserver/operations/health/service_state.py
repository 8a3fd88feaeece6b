"""Whether this worker can serve, for the page of the service's state and for monitors: asked by anybody, so not looked
at each time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import structlog

from mailserver.foundation.served_certificates import first_to_end
from mailserver.foundation.settings import Settings
from mailserver.model.clock import Clock
from mailserver.model.errors import Temporary
from mailserver.model.identity import Directory
from mailserver.operations.health import disk_space
from mailserver.store.engine.transactions import Store
from mailserver.store.octets.files import files_of
from mailserver.store.search import content_texts, segments
from mailserver.store.upkeep import certificates, condition

log = structlog.get_logger("health")
T = TypeVar("T")

REMEMBERED = 30.0
"""Seconds that an answer is good for."""
MOST_BEHIND = 5_000
"""Contents that may wait for the search index: what mail at its busiest leaves for some seconds."""
STALE_SECONDS = 600.0
"""The oldest of them, or the accounts whose texts are in no segment, have waited so long: nobody works on them, however
few they are."""
ANSWER_SECONDS = 5.0
"""For each part to answer: one that hangs (a frozen database, a disk that stalls) is away."""
DIRECTORY_REMEMBERED = 5.0
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
    directory: bool = True
    certificate: bool = True
    """False: one that is presented ends within two weeks, or is over."""
    octets: bool = True
    """False: object storage is out of reach, which every host sees alike: large messages wait, all else is served."""


@dataclass(frozen=True, slots=True)
class _Files:
    """What files and disks say."""

    attached: bool
    room: bool
    spare: bool
    certificate: bool


class Health:
    """One per worker."""

    def __init__(self, *, settings: Settings, store: Store, directory: Directory, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._directory = directory
        self._clock = clock
        self._looked = -REMEMBERED
        self._state = State()
        self._asked = -DIRECTORY_REMEMBERED
        self._answered = True
        self._oldest = 0
        """The content that has waited longest for the index,"""
        self._since = 0.0
        """and since when it was the one."""
        self._neglected: float | None = None
        """Since when some account has had many texts in no segment."""
        self._turn = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="health")
        """A disk that hangs keeps this one, and none that anybody else needs."""
        self._outside = ThreadPoolExecutor(1, thread_name_prefix="health-octets")
        """Object storage that hangs keeps another: disks are looked at meanwhile."""

    async def state(self) -> State:
        """As of half a minute ago at most, the directory of some seconds."""
        async with self._turn:
            await asyncio.gather(self._look_again(), self._ask_again())
        return replace(self._state, directory=self._answered)

    async def of_files(self, look: Callable[[], T]) -> T:
        """What a look at files and disks finds. Raises Temporary when they do not answer, and what it raises."""
        return await bounded(asyncio.get_running_loop().run_in_executor(self._thread, look))

    async def _look_again(self) -> None:
        if self._clock.monotonic() - self._looked >= REMEMBERED:
            self._state = await self._look()
            self._looked = self._clock.monotonic()

    async def _ask_again(self) -> None:
        if self._clock.monotonic() - self._asked >= DIRECTORY_REMEMBERED:
            self._answered = await self._directory_answers()
            self._asked = self._clock.monotonic()

    async def _directory_answers(self) -> bool:
        """Asked for a name that nobody has asked for: what is remembered of a directory says nothing of it now."""
        try:
            await bounded(self._directory.find(f"sante-{self._clock.token(6).hex()}"))
        except Temporary as error:
            log.error("the directory does not answer", why=str(error))
            return False
        except Exception:
            log.exception("the directory does not answer")
            return False
        return True

    async def _look(self) -> State:
        (found, pending, unsegmented), writes, files, octets = await asyncio.gather(
            self._reads(), self._writes(), self._files(), self._octets()
        )
        if not files.attached:
            log.error("the disk of large messages is not there", folder=str(self._store.blobs))
        if found is not None and found.faults:
            log.error("the database is damaged", faults=len(found.faults), first=found.faults[0][:200])
        return State(
            reads=found is not None and files.attached,
            writes=writes and files.attached,
            intact=found is None or not found.faults,
            whole=found is None or not found.damaged,
            room=files.room,
            spare=files.spare,
            index=self._keeps_up(pending) and self._serves_accounts(unsegmented),
            certificate=files.certificate,
            octets=octets,
            upkeep=found is None or (found.stop is None and found.doubt is None),
        )

    async def _reads(self) -> tuple[condition.Condition | None, Sequence[int], int]:
        """What the store says of itself, what waits for the index, and how much of one account for a segment of it."""
        found: condition.Condition | None = None
        pending: Sequence[int] = ()
        unsegmented = 0

        async def ask() -> None:
            nonlocal found, pending, unsegmented
            found = await self._store.read(condition.look, seconds=QUICK_SECONDS)
            pending = await self._store.read(content_texts.waiting, MOST_BEHIND)
            unsegmented = await self._store.read(segments.most_waiting)

        try:
            await bounded(ask())
        except Temporary as error:
            log.error("the store cannot be read", why=str(error))
        except Exception:
            log.exception("the store cannot be read")
        return found, pending, unsegmented

    async def _files(self) -> "_Files":
        try:
            return await self.of_files(self._look_at_files)
        except Temporary as error:
            log.error("the disks do not answer", why=str(error))
            return _Files(attached=False, room=False, spare=False, certificate=self._state.certificate)

    def _look_at_files(self) -> "_Files":
        """Blocking."""
        disks = list(disk_space.full(self._settings))
        first = first_to_end(self._settings.certificate)
        lasts = first is not None and first.ends.timestamp() - self._clock.now() > certificates.TOLD_AHEAD
        attached = self._settings.octets.is_bucket or self._is_attached()
        return _Files(attached, not any(disk.is_over for disk in disks), not disks, lasts)

    async def _octets(self) -> bool:
        """Object storage answers, with this instance's mark. A folder is a disk: `_files` looks at it."""
        if not self._settings.octets.is_bucket:
            return True
        try:
            found = await bounded(asyncio.get_running_loop().run_in_executor(self._outside, self._is_attached))
        except Temporary:
            found = False
        if not found:
            log.error("object storage does not answer", url=self._settings.octets.url)
        return found

    def _is_attached(self) -> bool:
        """Blocking."""
        try:
            return files_of(self._store.blobs).is_attached()
        except Temporary:
            return False

    def _keeps_up(self, pending: Sequence[int]) -> bool:
        """The index is worked on: not too much waits, and the oldest not for ever."""
        oldest, now = pending[0] if pending else 0, self._clock.monotonic()
        if oldest != self._oldest:
            self._oldest, self._since = oldest, now
        return len(pending) < MOST_BEHIND and (not oldest or now - self._since < STALE_SECONDS)

    async def _writes(self) -> bool:
        try:
            await bounded(self._store.write(condition.try_writing))
        except Temporary as error:
            log.error("the store cannot be written", why=str(error))
            return False
        except Exception:
            log.exception("the store cannot be written")
            return False
        return True

    def _serves_accounts(self, unsegmented: int) -> bool:
        """Accounts get their segments: until then each of their searches reads the texts."""
        now = self._clock.monotonic()
        if unsegmented < segments.NEGLECTED:
            self._neglected = None
        elif self._neglected is None:
            self._neglected = now
        return self._neglected is None or now - self._neglected < STALE_SECONDS


async def bounded(asked: Awaitable[T], seconds: float | None = None) -> T:
    """The answer of a part of the service. Raises Temporary when it does not come in time, and what the part raises."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS if seconds is None else seconds):
            return await asked
    except TimeoutError:
        raise Temporary("no answer in time") from None
