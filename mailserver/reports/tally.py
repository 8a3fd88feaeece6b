"""Counts what this service sees, in memory for a minute, then in the store by one write.

What a process that is killed has counted within that minute is lost: a report is of use with a few messages less, and
no message waits for it.
"""

import asyncio
from collections import Counter as Counts
from collections.abc import Callable, Mapping
from typing import Generic, Protocol, TypeVar

import structlog

from mailserver.foundation.metrics import catalogue
from mailserver.foundation.settings import Settings
from mailserver.inbound.authentication import dmarc
from mailserver.model.clock import DAY, Clock
from mailserver.model.errors import Temporary
from mailserver.model.observations import Observed
from mailserver.model.sending.tls_sessions import Session
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.reports import seen, tls_seen

log = structlog.get_logger("reports")

SECONDS = 60.0
MAX_DIFFERENT = 5000
"""Kept in memory; what more is different within a minute is not counted."""
MAX_DOMAINS = 20
"""Below one registered domain on a day: whoever has one may have any number below it, each with a policy."""
MAX_REGISTERED = 20_000
"""Registered domains of a day."""
AT_ONCE = 100
"""Rows of one unit: a few hundredths of a second."""


class Counted(Protocol):
    """What is counted."""

    @property
    def domain(self) -> str:
        """Who gets the report."""


K = TypeVar("K", bound=Counted)


class DailyTally(Generic[K]):
    """Of one kind of report. One per worker and door; belongs to its event loop."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        is_on: Callable[[], bool],
        write: Callable[[Tx, int, Mapping[K, int]], int],
        registered: Callable[[str], str],
    ) -> None:
        """`registered`: the domain under which others are counted together."""
        self._is_on = is_on
        self._write = write
        self._registered = registered
        self._store = store
        self._clock = clock
        self._counts: Counts[tuple[int, K]] = Counts()
        self._day = 0
        self._domains: dict[str, set[str]] = {}
        """Of today, by registered domain."""
        self._timer: asyncio.TimerHandle | None = None
        self._flushing: asyncio.Task[None] | None = None

    def note(self, one: K) -> None:
        """Count it, if reports are sent."""
        if not self._is_on():
            return
        key = (int(self._clock.now()) // DAY * DAY, one)
        is_new = key not in self._counts
        if is_new and (len(self._counts) >= MAX_DIFFERENT or not self._has_room(*key)):
            catalogue.REPORTS_LEFT_OUT.add()
            return
        self._counts[key] += 1
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SECONDS, self._begin)

    def _has_room(self, day: int, one: K) -> bool:
        if day != self._day:
            self._day, self._domains = day, {}
        registered = self._registered(one.domain)
        if registered not in self._domains and len(self._domains) >= MAX_REGISTERED:
            return False
        known = self._domains.setdefault(registered, set())
        if one.domain not in known and len(known) >= MAX_DOMAINS:
            return False
        known.add(one.domain)
        return True

    async def close(self) -> None:
        """Write what was counted."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._flushing is not None:
            await self._flushing
        await self.flush()

    def _begin(self) -> None:
        self._timer = None
        self._flushing = asyncio.create_task(self.flush())

    async def flush(self) -> None:
        """Write what was counted; what cannot be written is lost, and said."""
        counted, self._counts = self._counts, Counts()
        days: dict[int, list[tuple[K, int]]] = {}
        for (day, one), number in counted.items():
            days.setdefault(day, []).append((one, number))
        try:
            for day, rows in days.items():
                for at in range(0, len(rows), AT_ONCE):
                    left_out = await self._store.write(self._write, day, dict(rows[at : at + AT_ONCE]))
                    catalogue.REPORTS_LEFT_OUT.add(amount=left_out)
        except Temporary as error:
            log.warning("what was seen is not counted", rows=len(counted), why=str(error))


class Tally(DailyTally[Observed]):
    """Of mail in the name of other domains (DMARC)."""

    def __init__(self, *, settings: Settings, store: Store, clock: Clock) -> None:
        super().__init__(
            store=store,
            clock=clock,
            is_on=lambda: settings.reports.send,
            write=seen.count,
            registered=dmarc.organizational,
        )


class SessionTally(DailyTally[Session]):
    """Of TLS sessions with the servers of other domains (TLS-RPT)."""

    def __init__(self, *, settings: Settings, store: Store, clock: Clock) -> None:
        super().__init__(
            store=store,
            clock=clock,
            is_on=lambda: settings.reports.send_tls,
            write=tls_seen.count,
            registered=str,  # people of the house have written to each of them
        )
