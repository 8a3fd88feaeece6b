"""`RemovedItems`: the events, tasks and contacts that somebody deleted in the last days are found and brought back."""

import datetime
import re
from dataclasses import dataclass

from mailserver.foundation.settings import Settings
from mailserver.model.errors import Reason, Refused
from mailserver.store.agenda import agenda_recovery
from mailserver.store.agenda.agenda_recovery import AT_ONCE, KeptItem
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.record.audit import Origin

MOST = 10_000
"""That one act brings back."""
MAX_TITLE = 200
_FOLD = re.compile(r"\r?\n[ \t]")
_PARAMETERS = r'(?:;[A-Za-z0-9-]+=(?:"[^"\n]*"|[^";:\n])*)*'
_TITLE = re.compile(rf"^(?:SUMMARY|FN){_PARAMETERS}:(.*)$", re.IGNORECASE | re.MULTILINE)
_DAY = re.compile(rf"^(?:DTSTART|DUE){_PARAMETERS}:(\d{{4}})(\d\d)(\d\d)", re.IGNORECASE | re.MULTILINE)
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class RemovedItem:
    """One of them, as a list shows it."""

    id: int
    at: int
    component: str
    """VEVENT, VTODO, …; empty: a contact."""
    shown: str
    """Its agenda or address book."""
    title: str
    day: datetime.date | None


@dataclass(frozen=True, slots=True)
class ItemsBack:
    """What an act did."""

    count: int = 0
    full: bool = False
    """There is no room for the rest."""


def line_of(kept: KeptItem) -> RemovedItem:
    """Read off its lines: nothing is parsed."""
    text = _FOLD.sub("", kept.text)
    inner = text[max(0, text.find(f"BEGIN:{kept.component}")) :] if kept.component else text
    title, day = _TITLE.search(inner), _DAY.search(inner)
    written = _ESCAPED.sub(lambda found: " " if found[1] in "nN" else found[1], title[1]) if title else ""
    return RemovedItem(
        kept.id, kept.at, kept.component, kept.shown, " ".join(written.split())[:MAX_TITLE], _date(day) if day else None
    )


def _date(found: "re.Match[str]") -> datetime.date | None:
    try:
        return datetime.date(*(int(part) for part in found.groups()))
    except ValueError:
        return None


class RemovedItems:
    """For the pages of one's own, and for whoever helps somebody else."""

    def __init__(self, *, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store

    @property
    def _days(self) -> int:
        return self._settings.retention.deleted_days

    async def find(self, account_id: int, limit: int, before: int = 0) -> list[RemovedItem]:
        """The next ones, the newest deletion first."""
        return await self._store.read_slow(account_id, _lines, account_id, self._days, limit, before)

    async def show_another(self, account_id: int, origin: Origin, limit: int) -> list[RemovedItem]:
        """The first ones of somebody else; put on record."""
        found = await self.find(account_id, limit)
        if found:
            await self._store.write(agenda_recovery.record_shown, origin, account_id, len(found))
        return found

    async def bring_back(self, account_id: int, origin: Origin, numbers: list[int]) -> ItemsBack:
        """Bring these back. Raises Refused(NOT_FOUND)."""
        count = 0
        for start in range(0, len(numbers), AT_ONCE):
            part = numbers[start : start + AT_ONCE]
            try:
                count += await self._store.write(agenda_recovery.recover, account_id, origin, part, self._days)
            except Refused as refusal:
                if refusal.reason is not Reason.LIMIT:
                    raise
                return ItemsBack(count, full=True)
        if not count:
            raise Refused(Reason.NOT_FOUND)
        return ItemsBack(count)

    async def bring_all_back(self, account_id: int, origin: Origin) -> ItemsBack:
        """Bring back whatever there is."""
        count = 0
        while count < MOST:
            numbers = [line.id for line in await self.find(account_id, AT_ONCE)]
            if not numbers:
                break
            back = await self.bring_back(account_id, origin, numbers)
            count += back.count
            if back.full:
                return ItemsBack(count, full=True)
        return ItemsBack(count)


def _lines(tx: Tx, account_id: int, days: int, limit: int, before: int) -> list[RemovedItem]:
    return [line_of(kept) for kept in agenda_recovery.find(tx, account_id, days, limit, before)]
