"""The bulletins as this worker knows them: from memory, read again when news or time say so.

When the store is out of reach what was read last still stands: a page that says why nothing works must not need what
does not work.
"""

import asyncio
from collections.abc import Sequence

from mailserver.foundation.changes import Changes
from mailserver.model.clock import Clock
from mailserver.model.errors import Temporary
from mailserver.store.account import bulletins
from mailserver.store.account.bulletins import Bulletin, Kind
from mailserver.store.engine.transactions import Store

BELIEVED_SECONDS = 15.0
"""Should news get lost, a bulletin counts after this long all the same."""
ANSWER_SECONDS = 2.0
"""Every page waits for what is posted: of a store that hangs no longer than this."""
FOREWARNING = 48 * 3600
"""Planned maintenance is announced this long before."""


class Announcements:
    """One per worker. Asking costs nothing while nothing moves."""

    def __init__(self, *, store: Store, clock: Clock, changes: Changes) -> None:
        self._store = store
        self._clock = clock
        self._posted: Sequence[Bulletin] = ()
        self._until = 0.0
        self._heard = 0
        changes.subscribe("mailbox", bulletins.NEWS, self._forget)

    def _forget(self) -> None:
        self._until = 0.0
        self._heard += 1

    async def refresh(self) -> None:
        """Know what is posted. Never raises Temporary: then the board stays as it was."""
        now = self._clock.monotonic()
        if now < self._until:
            return
        heard = self._heard
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                posted = await self._store.read(bulletins.listing)
        except (Temporary, TimeoutError):
            self._until = now + 1
            return
        # What was read before a change that was heard of meanwhile may be old: it is not believed, nor shown in the
        # place of what somebody else has read since.
        if heard == self._heard:
            self._posted, self._until = posted, now + BELIEVED_SECONDS
        elif not self._until:
            self._posted = posted

    def announcements(self, now: float) -> list[Bulletin]:
        """Those of now, warnings first."""
        shown = [bulletin for bulletin in self._posted if bulletin.kind is Kind.ANNOUNCEMENT and bulletin.holds(now)]
        return sorted(shown, key=lambda one: not one.urgent)

    def planned(self, now: float) -> list[Bulletin]:
        """Maintenance that begins within 48 hours."""
        maintenance = [bulletin for bulletin in self._posted if bulletin.kind is not Kind.ANNOUNCEMENT]
        return [bulletin for bulletin in maintenance if now < bulletin.begins <= now + FOREWARNING]

    def maintenance(self, now: float) -> Bulletin | None:
        """Maintenance of now; closed counts before read-only."""
        lasting = [
            bulletin for bulletin in self._posted if bulletin.kind is not Kind.ANNOUNCEMENT and bulletin.holds(now)
        ]
        return min(lasting, key=lambda one: (one.kind is not Kind.CLOSED, -one.ends), default=None)
