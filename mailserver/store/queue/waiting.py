"""The outgoing queue as operators see it: how much waits, and what they keep from leaving."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import case, func, select, update

from mailserver.store.engine.statements import Tx
from mailserver.store.queue import spool
from mailserver.store.queue.spool import BRAKED, GIVEN_UP, HELD, HELD_UNTIL, NEWS, errors
from mailserver.store.queue.spool.rows import NOBODY
from mailserver.store.schema.outgoing.spool import queued, queued_domain, queued_recipient
from mailserver.texts.causes import NOTHING, Cause

MAX_OWN = 1000


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
    oldest: int
    """When the oldest of them was queued."""
    due: int
    """When the next of them is tried; `HELD_UNTIL` and later: when an operator lets it go."""
    error: Cause
    """What the last attempt of one of them came to."""


@dataclass(frozen=True, slots=True)
class OwnRow:
    """A recipient of an account's own message for whom it still waits."""

    recipient: str
    """Folded."""
    due: int
    held: bool
    """Until an operator, or the end of a brake, lets it go."""


def of_account(tx: Tx, account_id: int, name: str, sender: str) -> list[OwnRow]:
    """What waits of a message that is this account's own, under this return path (folded): not a list's copies of it.
    At most `MAX_OWN` rows.
    """
    path = queued.c.reverse_path
    # What is not ASCII is folded by no engine as we do.
    same = func.lower(path) == sender if sender.isascii() else path != ""
    asked = (
        select(queued_recipient.c.address, queued_domain.c.due, queued_domain.c.error_code)
        .join_from(queued, queued_domain, queued_domain.c.queued_id == queued.c.id)
        .join(queued_recipient, queued_recipient.c.domain_id == queued_domain.c.id)
        .where(queued.c.name == name, queued.c.account_id == account_id, same)
        .order_by(queued_recipient.c.id)
        .limit(MAX_OWN)
    )
    return [
        OwnRow(address.casefold(), int(due), code in (HELD.name, BRAKED.name))
        for address, due, code in map(tuple, tx.execute(asked))
    ]


def hold(tx: Tx, rows: Sequence[int]) -> int:
    """Keep rows that nobody is sending until they are named to `retry`; how many. What was given up stays so: it would
    leave when it is let go.
    """
    free = (queued_domain.c.lease == 0) | (queued_domain.c.due <= tx.now)
    clause = update(queued_domain).where(free, queued_domain.c.id.in_(rows), queued_domain.c.error_code != GIVEN_UP)
    return tx.execute(clause.values(due=HELD_UNTIL, lease=0, **errors(HELD))).rowcount


def held_of(tx: Tx, rows: Sequence[int]) -> list[int]:
    """Those of these rows that an operator holds."""
    columns = queued_domain.c
    asked = select(columns.id).where(columns.id.in_(rows), columns.error_code == HELD.name)
    return list(tx.execute(asked.order_by(columns.id)).scalars())


def give_up(tx: Tx, rows: Sequence[int]) -> int:
    """Have rows that nobody is sending reported as failed, at once; how many. What was last said of each stays."""
    columns = queued_domain.c
    free = (columns.lease == 0) | (columns.due <= tx.now)
    found = tx.execute(select(queued_domain).where(columns.id.in_(rows), free).with_for_update()).all()
    for row in found:
        said = spool.error_of(row)
        last = NOTHING if said.name in (HELD.name, BRAKED.name) else said
        if said.name != GIVEN_UP:
            error = errors(Cause(GIVEN_UP, said=last))
            tx.execute(update(queued_domain).where(columns.id == row.id).values(due=tx.now, lease=0, **error))
    tx.changed(NOBODY, NEWS)
    return len(found)


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


def to_leave(tx: Tx) -> tuple[int, int]:
    """How many rows wait that nobody holds, and when the oldest of them was queued (0: there is none)."""
    held = queued_domain.c.error_code.in_((HELD.name, BRAKED.name))
    asked = select(func.count(), func.coalesce(func.min(queued.c.created), 0)).select_from(queued_domain)
    waits = asked.join(queued, queued.c.id == queued_domain.c.queued_id).where(~held)
    rows, oldest = tuple(tx.execute(waits).one())
    return int(rows), int(oldest)


def by_domain(tx: Tx, limit: int) -> list[Destination]:
    """The domains most deliveries wait for."""
    columns = queued_domain.c
    sums = (columns.domain, func.count().label("rows"), func.min(columns.due).label("due"), func.max(columns.id))
    aged = select(*sums, func.min(queued.c.created)).join(queued, queued.c.id == columns.queued_id)
    busiest = aged.group_by(columns.domain).order_by(func.count().desc(), columns.domain).limit(limit)
    found = [tuple(row) for row in tx.execute(busiest)]
    newest = [last for _, _, _, last, _ in found]
    said = {row.id: spool.error_of(row) for row in tx.execute(select(queued_domain).where(columns.id.in_(newest)))}
    return [
        Destination(domain, int(rows), int(oldest), int(due), said[last]) for domain, rows, due, last, oldest in found
    ]
