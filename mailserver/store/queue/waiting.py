"""The outgoing queue as operators see it: how much waits, and what they keep from leaving."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import case, func, select, update

from mailserver.store.engine.statements import Tx
from mailserver.store.queue import spool
from mailserver.store.queue.spool import BRAKED, HELD, HELD_UNTIL, errors
from mailserver.store.schema.spool import queued, queued_domain
from mailserver.texts.causes import Cause


@dataclass(frozen=True, slots=True)
class State:
    """The queue as a whole."""

    rows: int
    held: int
    oldest: int
    """When the oldest message was queued; 0: the queue is empty."""
    failing: int
    """Rows that were tried in vain."""


@dataclass(frozen=True, slots=True)
class Destination:
    """What waits for one domain."""

    domain: str
    rows: int
    due: int
    """When the next of them is tried; `HELD_UNTIL` and later: when an operator lets it go."""
    error: Cause
    """What the last attempt of one of them came to."""


def hold(tx: Tx, rows: Sequence[int]) -> int:
    """Keep rows that nobody is sending until they are named to `retry`; how many."""
    free = (queued_domain.c.lease == 0) | (queued_domain.c.due <= tx.now)
    clause = update(queued_domain).where(free, queued_domain.c.id.in_(rows))
    return tx.execute(clause.values(due=HELD_UNTIL, lease=0, **errors(HELD))).rowcount


def state(tx: Tx) -> State:
    """How many rows wait, how many of them are held, since when."""
    columns = queued_domain.c
    is_held = case((columns.error_code.in_((HELD.name, BRAKED.name)), 1), else_=0)
    has_failed = case((columns.attempts > 0, 1), else_=0)
    rows = tx.execute(select(func.count()).select_from(queued_domain)).scalar_one()
    held = tx.execute(select(func.coalesce(func.sum(is_held), 0))).scalar_one()
    failing = tx.execute(select(func.coalesce(func.sum(has_failed), 0))).scalar_one()
    oldest = tx.execute(select(func.min(queued.c.created))).scalar()
    return State(int(rows), int(held), int(oldest or 0), int(failing))


def by_domain(tx: Tx, limit: int) -> list[Destination]:
    """The domains most deliveries wait for."""
    columns = queued_domain.c
    sums = (columns.domain, func.count().label("rows"), func.min(columns.due).label("due"), func.max(columns.id))
    busiest = select(*sums).group_by(columns.domain).order_by(func.count().desc(), columns.domain).limit(limit)
    found = [tuple(row) for row in tx.execute(busiest)]
    newest = [last for _, _, _, last in found]
    said = {row.id: spool.error_of(row) for row in tx.execute(select(queued_domain).where(columns.id.in_(newest)))}
    return [Destination(domain, int(rows), int(due), said[last]) for domain, rows, due, last in found]
