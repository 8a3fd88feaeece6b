"""Takes away, in the background, contents that nothing refers to any more and files that no row names.

Files go to quarantine first. Nothing goes while the clock is in doubt (`trusted_clock`), while database and folder do
not belong together (`opening`), or when it is out of proportion (`proportion`).
"""

import asyncio

import structlog

from mailserver.foundation.settings import Limits, Storage
from mailserver.model.clock import DAY, Clock
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import collect, deletions, proportion
from mailserver.store.mail.deleted import deletion_bound
from mailserver.store.mail.messages import Quota
from mailserver.store.mail.proportion import Kind, Terms
from mailserver.store.octets.files import BlobFolder, files_of
from mailserver.store.record.trusted_clock import TrustedClock
from mailserver.store.upkeep import opening

log = structlog.get_logger("blob_gc")

PERIOD = 60.0
GRACE = 30
"""Seconds a content may stay unreferred to before it goes."""
STRAY_BATCH = 500
LET_GO = 200
NOBODY = 0
"""Whose turn slow reads of this kind take (`Store.read_slow`)."""
TIDIED = 16
"""Shelves between two looks at the age of copies, of which nothing but room depends."""


class BlobCollector:
    """One per worker; two that meet do the same harmless work."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        folder: BlobFolder,
        settings: Storage | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._folder = folder
        self._files = files_of(folder)
        self._settings = settings or Storage()
        self._limits = limits or Limits()
        """Asked each time: an operator may change them meanwhile."""
        self._upkeep = TrustedClock(store, clock)
        self._shelf = clock.token(1)[0]
        """Workers begin at different shelves; each sees all of them in about four hours."""

    @property
    def _terms(self) -> Terms:
        chosen = self._settings
        return Terms(chosen.collection_percent, chosen.collection_floor, chosen.stray_floor)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(PERIOD)
            await self.collect()
            shelf, self._shelf = self._shelf, (self._shelf + 1) % 256  # first: one that fails keeps no other waiting
            await self.remove_strays(shelf)
            await self.empty_quarantine(shelf)
            if shelf % TIDIED == 0:
                await asyncio.to_thread(self._files.tidy)

    async def _may_go_on(self) -> bool:
        """Whether what looks like nobody's can be believed to be so."""
        if not await self._upkeep.may_go_on() or await self._store.read(proportion.stopped) is not None:
            return False
        if await self._store.read(opening.belongs, self._folder):
            return True
        log.error("nothing is collected: database and folder do not belong together", folder=str(self._folder))
        return False

    async def collect(self) -> int:
        """Work off the notes that are due; how many were looked at."""
        total = 0
        before = int(self._clock.now()) - GRACE
        while await self._may_go_on():
            await self._index()
            looked, files = await self._store.write(collect.collect, before, self._terms)
            for name in files:
                await asyncio.to_thread(self._files.put_aside, name, self._clock.now())
            total += looked
            if looked < collect.BATCH:
                break
            await asyncio.sleep(0.05)
        return total

    async def _index(self) -> None:
        """Write down what was removed, and let go of what is too much for one account."""
        mailboxes: set[int] = set()
        upto = await self._store.read(deletions.newest)
        while mailbox_id := await self._store.write(deletions.index, upto):
            mailboxes.add(mailbox_id)
        quota = Quota.of(self._limits)
        for mailbox_id in mailboxes:
            gone = await self._store.read_slow(NOBODY, deletion_bound.excess, mailbox_id, quota)
            for start in range(0, len(gone), LET_GO):
                await self._store.write(deletions.let_go, gone[start : start + LET_GO])
            if gone:
                log.info("too much was removed to be kept", mailbox=mailbox_id, messages=len(gone))

    async def remove_strays(self, shelf: int) -> int:
        """Take old files off a shelf that no row names: left by a crash between writing and committing."""
        if not await self._may_go_on():
            return 0
        # By the earlier of both clocks: this host's own, where it is behind, has dated files of deliveries under way.
        now = self._clock.now() + min(0.0, self._clock.skew)
        names = await asyncio.to_thread(collect.stray_candidates, self._folder, shelf, now)
        removed = 0
        for start in range(0, len(names), STRAY_BATCH):
            part = names[start : start + STRAY_BATCH]
            known = await self._store.read(collect.named, part)
            strays = [name for name in part if name not in known]
            if not strays or not await self._store.write(proportion.admit, Kind.STRAYS, len(strays), self._terms):
                continue
            for name in strays:
                await asyncio.to_thread(self._files.put_aside, name, self._clock.now())
            removed += len(strays)
        if removed:
            log.info("stray files put into quarantine", count=removed)
        return removed

    async def empty_quarantine(self, shelf: int) -> int:
        """Remove for good what has been in quarantine long enough, and put back what a row names; how many went."""
        if not await self._may_go_on():
            return 0
        before = self._clock.now() - self._settings.quarantine_days * DAY
        names = await asyncio.to_thread(self._files.aged_aside, shelf, before)
        removed = 0
        for start in range(0, len(names), STRAY_BATCH):
            part = names[start : start + STRAY_BATCH]
            known = await self._store.read(collect.named, part)
            for name in known:
                await asyncio.to_thread(self._files.restore, name)
            unnamed = [name for name in part if name not in known]
            for name in unnamed:
                await asyncio.to_thread(self._files.remove_aside, name)
            removed += len(unnamed)
        if removed:
            log.info("files removed from quarantine", count=removed)
        return removed
