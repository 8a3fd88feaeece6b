"""The queue in the hands of operators: seen, tried again at once, let go after a brake, dropped."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, case, select, update

from mailserver.model.identity import Population
from mailserver.store.engine.statements import Tx
from mailserver.store.queue.spool.rows import (
    BRAKED,
    HELD,
    LEASE,
    NAME_LENGTH,
    NEWS,
    NOBODY,
    RECIPIENTS,
    RETRY_NEWS,
    UNSIGNED,
    Entry,
    remove,
)
from mailserver.store.schema.mail.messages import content
from mailserver.store.schema.outgoing.spool import queued, queued_domain
from mailserver.texts import causes, legacy_details
from mailserver.texts.causes import Cause

HELD_UNTIL = 32_503_680_000
"""When such a row would be due: in the year 3000."""
FOUND = 500
"""Rows that are found at once: what is done to them is one unit."""
LAST_CHANCE = 86400
"""A row that was held lives so long at least once it may leave."""


_ENTRIES = (
    select(queued_domain, queued.c.name, queued.c.reverse_path, content.c.size, queued.c.created)
    .join(queued, queued.c.id == queued_domain.c.queued_id)
    .join(content, content.c.id == queued.c.content_id)
    .order_by(queued_domain.c.id)
)


def show(tx: Tx, limit: int = 1000, after: int = 0) -> list[Entry]:
    """Rows of the queue by id."""
    return _shown(tx, _ENTRIES.where(queued_domain.c.id > after).limit(limit))


def entries(tx: Tx, rows: Sequence[int]) -> list[Entry]:
    """Those of these rows that are still there, oldest first."""
    return _shown(tx, _ENTRIES.where(queued_domain.c.id.in_(rows)))


def _shown(tx: Tx, clause: Select[Any]) -> list[Entry]:
    return [
        Entry(
            id=row.id,
            name=row.name,
            domain=row.domain,
            sender=row.reverse_path,
            recipients=tuple(found[1] for found in tx.all(RECIPIENTS, row=row.id)),
            size=row.size,
            created=row.created,
            due=row.due,
            attempts=row.attempts,
            sending=bool(row.lease) and row.due > tx.now,
            error=error_of(row),
        )
        for row in tx.execute(clause).all()
    ]


def error_of(row: Any) -> Cause:
    """What the last attempt of a row came to."""
    if row.error_code:
        return causes.of_row(row.error_code, row.error_parameters)
    return legacy_details.read(row.error)


def find(tx: Tx, name: str, limit: int = FOUND, after: int = 0) -> list[int]:
    """Rows by their own number, or by the identifier of their message, which may have one for each of a list's members:
    the first behind a row, in order.
    """
    chosen = select(queued_domain.c.id).where(queued_domain.c.id > after).order_by(queued_domain.c.id).limit(limit)
    if name.isascii() and name.isdigit() and len(name) < NAME_LENGTH:
        return list(tx.execute(chosen.where(queued_domain.c.id == int(name))).scalars())
    joined = chosen.join(queued, queued.c.id == queued_domain.c.queued_id)
    return list(tx.execute(joined.where(queued.c.name == name.upper())).scalars())


def retry(tx: Tx, rows: Sequence[int] | None = None) -> int:
    """Make rows (None: all but those that an operator holds) that nobody is sending due at once; how many."""
    now = tx.now
    clause = update(queued_domain).where((queued_domain.c.lease == 0) | (queued_domain.c.due <= now))
    if rows is None:
        clause = clause.where(queued_domain.c.error_code != HELD.name)
    else:
        clause = clause.where(queued_domain.c.id.in_(rows))
        held = select(queued_domain.c.queued_id).where(
            queued_domain.c.id.in_(rows), queued_domain.c.error_code == HELD.name
        )
        late = update(queued).where(queued.c.id.in_(held), queued.c.expires < now + LAST_CHANCE)
        tx.execute(late.values(expires=now + LAST_CHANCE))
    tx.changed(NOBODY, RETRY_NEWS)
    return tx.execute(clause.values(due=now, lease=0, error_code=_unheld())).rowcount


def _unheld() -> ColumnElement[str]:
    """The last answer, which stays; that a row was held is over."""
    return case((queued_domain.c.error_code == HELD.name, ""), else_=queued_domain.c.error_code)


def release(tx: Tx, population: Population) -> int:
    """The brake is off: what it held is due at once; how many rows."""
    held = select(queued.c.id).where(queued.c.population == population.value)
    clause = update(queued_domain).where(
        queued_domain.c.lease == 0, queued_domain.c.error_code == BRAKED.name, queued_domain.c.queued_id.in_(held)
    )
    tx.changed(NOBODY, NEWS)
    return tx.execute(clause.values(due=tx.now, error_code="")).rowcount


def release_unsigned(tx: Tx) -> int:
    """The key that signs is back: what waited for it is due at once; how many rows."""
    clause = update(queued_domain).where(queued_domain.c.lease == 0, queued_domain.c.error_code == UNSIGNED.name)
    tx.changed(NOBODY, NEWS)
    return tx.execute(clause.values(due=tx.now)).rowcount


def bring_forward(tx: Tx, longest: int) -> int:
    """Rows that were tried already and wait for more seconds than any attempt is put off are due; how many.

    What an operator or a brake holds stays, and what waits for its first attempt. A lease that ends later than one
    given now is of the clock before: it lasts as long as if it were given now. Who is still at that row renews it
    meanwhile, and nobody else sends it; after who was killed, it is due.
    """
    leased = (queued_domain.c.lease != 0, queued_domain.c.due > tx.now + LEASE)
    tx.execute(update(queued_domain).where(*leased).values(due=tx.now + LEASE))
    clause = update(queued_domain).where(
        queued_domain.c.due > tx.now + longest,
        queued_domain.c.lease == 0,
        queued_domain.c.attempts > 0,
        queued_domain.c.error_code.not_in([HELD.name, BRAKED.name]),
    )
    return tx.execute(clause.values(due=tx.now)).rowcount


def drop(tx: Tx, rows: Sequence[int]) -> int:
    """Remove rows without telling anybody; how many were there."""
    known = select(queued_domain.c.id).where(queued_domain.c.id.in_(rows)).order_by(queued_domain.c.id)
    found = list(tx.execute(known).scalars())
    if found:
        remove(tx, found)
    return len(found)
