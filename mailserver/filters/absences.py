"""Absence messages: kept and ended as a part of the rules, and whether one is on, for the notice above every page."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from mailserver.filters import rules
from mailserver.filters.documents import Documents
from mailserver.filters.rules import Document
from mailserver.filters.rules.absence import Absence
from mailserver.foundation.settings import Settings
from mailserver.model.clock import Clock
from mailserver.model.errors import Reason, Refused
from mailserver.store.account import confirmed_answers, filters
from mailserver.store.account.confirmed_answers import Said
from mailserver.store.engine.transactions import Store
from mailserver.store.record.audit import Origin

REMEMBERED = 10_000
"""Scripts whose absence is kept in memory."""


@dataclass(frozen=True, slots=True)
class Standing:
    """An absence that is on or will be."""

    first: date
    last: date | None
    begun: bool


@dataclass(frozen=True, slots=True)
class _Days:
    first: date
    last: date | None


class Absences:
    """Those of all accounts. One per worker. Each method raises Temporary."""

    def __init__(self, *, settings: Settings, store: Store, clock: Clock, documents: Documents) -> None:
        self._store = store
        self._clock = clock
        self._documents = documents
        self._zone = ZoneInfo(settings.web.timezone)
        self._known: dict[bytes, _Days | None] = {}

    def today(self) -> date:
        """The day in the academy's zone, by which absences begin and end."""
        return datetime.fromtimestamp(self._clock.now(), self._zone).date()

    async def keep(self, account_id: int, version: str, absence: Absence, origin: Origin) -> None:
        """Have this absence, whatever else the rules say by now.

        Raises Refused(CONFLICT): it is not any more as it was at `version`; OverBound.
        """

        def changed(document: Document) -> Document:
            if version_of(document.absence) != version:
                raise Refused(Reason.CONFLICT, "The absence was changed meanwhile")
            return replace(document, absence=absence)

        await self._documents.revise(account_id, changed, origin)

    async def is_confirmed(self, account_id: int, absence: Absence) -> bool:
        """Whether its owner lets its text for people outside leave, whatever that gives away."""
        return await self._store.read(confirmed_answers.has, account_id, Said(absence.said(absence.outside)))

    async def confirm(self, account_id: int, absence: Absence, kinds: Sequence[str], origin: Origin) -> None:
        """They do, having seen what it gives away."""
        said = Said(absence.said(absence.outside))
        await self._store.write(confirmed_answers.confirm, account_id, said, kinds, origin)

    async def end(self, account_id: int, origin: Origin) -> None:
        """Answer nothing any more; the texts stay. Raises Refused(NOT_FOUND): there is none."""

        def ended(document: Document) -> Document:
            if document.absence is None:
                raise Refused(Reason.NOT_FOUND, "There is no absence")
            return replace(document, absence=replace(document.absence, off=True))

        await self._documents.revise(account_id, ended, origin)

    async def standing(self, account_id: int, digest: bytes) -> Standing | None:
        """What the script of this hash, which the account's mail runs through, says of an absence; None: nothing by
        now."""
        if digest not in self._known:
            await self._learn(account_id, digest)
        days = self._known.get(digest)
        today = self.today()
        if days is None or (days.last is not None and days.last < today):
            return None
        return Standing(days.first, days.last, begun=days.first <= today)

    async def _learn(self, account_id: int, digest: bytes) -> None:
        """Remember the days of a script, and of no more than so many."""
        found = await self._store.read(filters.active_script, account_id)
        if found is None or found[0].hash != digest:
            return  # it is another one by now
        document = await asyncio.to_thread(rules.read, found[1])
        absence = document.absence if document is not None else None
        self._known[digest] = _Days(absence.first, absence.last) if absence is not None and not absence.off else None
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]


def version_of(absence: Absence | None) -> str:
    """Tells one state of an absence from another."""
    return hashlib.sha256(repr(absence).encode("utf-8", "replace")).hexdigest()[:32]
