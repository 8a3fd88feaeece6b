"""`RemovedMail`: what somebody removed for good in the last days is found and brought back, in bounded units."""

from dataclasses import dataclass, field, replace

from mailserver.foundation.settings import Settings
from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.transactions import Store
from mailserver.store.mail.access import Viewer
from mailserver.store.mail.deleted import recovery, removed_messages
from mailserver.store.mail.deleted.removed_messages import AT_ONCE, START, Found, Kept, Position, Wanted
from mailserver.store.mail.messages import Quota
from mailserver.store.record.audit import Origin

MOST = 20_000
"""Messages that one act brings back."""


@dataclass(slots=True)
class BroughtBack:
    """What an act did."""

    count: int = 0
    folders: list[str] = field(default_factory=list)
    full: bool = False
    """The mailbox has no room for the rest."""


class RemovedMail:
    """For the pages of one's own, and for whoever helps somebody else."""

    def __init__(self, *, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store

    @property
    def days(self) -> int:
        """How long removed messages are kept; 0: not at all."""
        return self._settings.retention.deleted_days

    def wanted(self, **asked: object) -> Wanted:
        """What is looked for among what is still kept."""
        return replace(Wanted(self.days), **asked)  # type: ignore[arg-type]

    async def find(self, viewer: Viewer, wanted: Wanted, limit: int, before: Position = START) -> Found:
        """The next removed messages; none and `more` where none of those that were looked at is wanted."""
        return await self._store.read_slow(viewer.account_id, removed_messages.find, viewer, wanted, limit, before)

    async def show_another(self, viewer: Viewer, origin: Origin, wanted: Wanted, limit: int) -> Found:
        """The first removed messages of somebody else, however many have to be looked at; put on record."""
        kept: dict[int, Kept] = {}
        more: Position | None = START
        while more is not None and len(kept) < limit:
            found = await self.find(viewer, wanted, limit - len(kept), more)
            for one in found.messages:
                kept.setdefault(one.content_id, one)
            more = found.more
        if kept:
            await self._store.write(removed_messages.record_shown, origin, viewer.account_id, len(kept))
        return Found(tuple(kept.values()), more)

    async def bring_back(
        self, viewer: Viewer, origin: Origin, numbers: list[int], *, apart: bool = False
    ) -> BroughtBack:
        """Bring these back. Raises Refused(NOT_FOUND | CONFLICT)."""
        done = BroughtBack()
        for start in range(0, len(numbers), AT_ONCE):
            await self._unit(viewer, origin, numbers[start : start + AT_ONCE], done, apart=apart)
            if done.full:
                break
        if not done.count and not done.full:
            raise Refused(Reason.NOT_FOUND)
        return done

    async def bring_all_back(
        self, viewer: Viewer, origin: Origin, wanted: Wanted, *, apart: bool = False
    ) -> BroughtBack:
        """Bring back whatever is found. Raises Refused(CONFLICT)."""
        done = BroughtBack()
        before: Position | None = START
        while before is not None and not done.full and done.count < MOST:
            found = await self.find(viewer, wanted, AT_ONCE, before)
            numbers = [kept.id for kept in found.messages]
            if numbers:
                await self._unit(viewer, origin, numbers, done, apart=apart)
            before = found.more
        return done

    async def _unit(
        self, viewer: Viewer, origin: Origin, numbers: list[int], done: BroughtBack, *, apart: bool
    ) -> None:
        quota = Quota.of(self._settings.limits)
        try:
            unit = await self._store.write(recovery.recover, viewer, origin, numbers, self.days, quota, apart=apart)
        except Refused as refusal:
            if refusal.reason is not Reason.OVER_QUOTA:
                raise
            done.full = True
            return
        done.count += unit.count
        done.folders += [name for name in unit.folders if name not in done.folders]
