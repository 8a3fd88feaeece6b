"""Whether the clock can be believed by what erases or sends mail because a time has come. One function decides.

A clock that jumps (a battery, a wrong time server, a virtual machine that was restored) makes every date due at once.
`trusted` is the last time that was believed. A time more than JUMP away from it, in either direction, is not, unless a
clock that cannot be set (`time.monotonic`) went on as long. It is believed once the monotonic clock has counted
SECOND_LOOK beside it, whatever processes were running: a server that was switched off for three weeks waits one day.
"""

from dataclasses import dataclass

import structlog
from sqlalchemy import func, select, update

from mailserver.model.clock import Clock
from mailserver.model.errors import Temporary
from mailserver.store.engine.statements import Tx
from mailserver.store.engine.transactions import Store
from mailserver.store.schema.service.audits import audit
from mailserver.store.schema.service.console import message_trace
from mailserver.store.schema.service.keeping import upkeep

log = structlog.get_logger("trusted_clock")

JUMP = 2 * 86400
"""Seconds that a service may have been off without a doubt."""
SECOND_LOOK = 86400
SLACK = 300
"""Seconds by which the two clocks may differ within a wait: time servers correct a clock in small steps."""
PERIOD = 60.0
"""Seconds between two looks that are recorded."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """The clock jumped."""

    trusted: int
    """The last time that was believed."""
    suspect: int
    """What the clock said first."""
    left: int
    """Seconds of waiting that are left."""


class ClockJumped(Temporary):
    """What erases or sends mail by the calendar waits."""


def doubt(tx: Tx) -> Doubt | None:
    """Why nothing may be erased or sent by the calendar now; None: it may, or nobody looked yet. Changes nothing."""
    row = tx.execute(select(upkeep).where(upkeep.c.id == 1)).first()
    if row is None or abs(tx.now - row.trusted) <= JUMP:
        return None
    if not row.suspect:
        return Doubt(row.trusted, tx.now, SECOND_LOOK)
    return Doubt(row.trusted, row.suspect, max(0, SECOND_LOOK - row.waited))


def is_news(tx: Tx) -> bool:
    """Whether what `doubt` says is not on record yet, so that somebody should `look` at once."""
    recorded = tx.execute(select(upkeep.c.suspect).where(upkeep.c.id == 1)).scalar()
    return bool(recorded) != (doubt(tx) is not None)


def check(tx: Tx) -> None:
    """For units that erase or send. Raises ClockJumped."""
    found = doubt(tx)
    if found is not None:
        raise ClockJumped("The clock jumped: upkeep waits for a second look")


def look(tx: Tx, elapsed: float, *, first: bool = False) -> Doubt | None:
    """`doubt`, and record that somebody looked.

    `elapsed`: seconds of a monotonic clock since this caller looked last, or (`first`) since its process began: what
    was before that nobody counted.
    """
    row = tx.execute(select(upkeep).where(upkeep.c.id == 1).with_for_update()).first()
    now = tx.now
    if row is None:
        tx.insert_ignore(upkeep, {"id": 1, "trusted": _newest(tx) or now})
        row = tx.execute(select(upkeep).where(upkeep.c.id == 1).with_for_update()).one()
    if -JUMP <= now - row.trusted <= JUMP + elapsed:
        if row.suspect:
            log.warning("the clock is right again: upkeep goes on", trusted=row.trusted)
        _save(tx, trusted=now, suspect=0, waited=0, looked=now)
        return None
    since = now - row.looked
    goes_on = row.suspect and -SLACK <= since <= (JUMP if first else elapsed + SLACK)
    suspect, waited = (row.suspect, row.waited) if goes_on else (now, 0)
    if goes_on:
        waited += int(min(elapsed, max(0, since)))
    else:
        log.error("the clock jumped: upkeep waits for a second look a day later", trusted=row.trusted, now=now)
    if waited >= SECOND_LOOK:
        log.warning("the clock is believed after a second look", trusted=row.trusted, now=now)
        _save(tx, trusted=now, suspect=0, waited=0, looked=now)
        return None
    _save(tx, suspect=suspect, waited=waited, looked=now)
    return Doubt(row.trusted, suspect, SECOND_LOOK - waited)


def believe(tx: Tx) -> None:
    """An operator says that the clock is right."""
    tx.insert_ignore(upkeep, {"id": 1, "trusted": tx.now})
    _save(tx, trusted=tx.now, suspect=0, waited=0, looked=tx.now)


def _save(tx: Tx, **values: int) -> None:
    tx.execute(update(upkeep).where(upkeep.c.id == 1).values(**values))


def _newest(tx: Tx) -> int:
    """When something was last recorded; 0 for never."""
    return max(int(tx.execute(select(func.coalesce(func.max(column), 0))).scalar_one()) for column in _RECORDED)


_RECORDED = (audit.c.at, message_trace.c.at)


class TrustedClock:
    """Asks for one kind of background work of a worker that erases or sends mail because a time has come."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._looked = clock.monotonic()
        self._first = True

    async def may_go_on(self) -> bool:
        """False while a clock that jumped waits for its second look. Raises Temporary."""
        now = self._clock.monotonic()
        elapsed = now - self._looked
        if self._first or elapsed >= PERIOD or await self._store.read(is_news):
            found = await self._store.write(look, elapsed, first=self._first)
            self._looked, self._first = now, False
        else:
            found = await self._store.read(doubt)
        return found is None
