"""Mail that brings reports and waits to be read. It shares the stored content; whoever has read it removes the row."""

from dataclasses import dataclass

from sqlalchemy import bindparam, case, delete, func, insert, select, update

from mailserver.model.errors import Temporary
from mailserver.model.messages.authentication import AuthenticationResults
from mailserver.model.reports import Kind
from mailserver.store.engine import leases
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.mail import collect
from mailserver.store.schema.mail.messages import content
from mailserver.store.schema.service.reports import report_waiting

MAX_WAITING = 2000
MAX_OCTETS = 512 * 1024 * 1024
"""Of mail that waits; more has to come again."""
LEASE_SECONDS = 600
"""For reading one; who takes longer has gone."""

collect.also_held_by(report_waiting, report_waiting.c.content_id)


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message about to wait."""

    kind: Kind | None
    """None: either."""
    results: AuthenticationResults
    alone: bool = True
    """Nobody gets it besides."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that waits. `attempts`: those that came to no end."""

    id: int
    content_id: int
    kind: Kind | None
    results: AuthenticationResults
    attempts: int


_WEIGHT = Statement(
    select(func.count(), func.coalesce(func.sum(content.c.size), 0)).join_from(
        report_waiting, content, content.c.id == report_waiting.c.content_id
    )
)
_INSERT = Statement(insert(report_waiting), keys=("content_id", "kind", "authentication", "received", "attempts"))
_FREE = leases.is_over(report_waiting.c.leased)
_BEGIN = Statement(
    update(report_waiting)
    .where(report_waiting.c.id == bindparam("row"), _FREE)
    .values(
        attempts=report_waiting.c.attempts + case((report_waiting.c.leased > 0, 1), else_=0),
        leased=bindparam("end"),
    )
    .returning(
        *(report_waiting.c.id, report_waiting.c.content_id, report_waiting.c.kind),
        *(report_waiting.c.authentication, report_waiting.c.attempts),
    )
)
_NEXT = Statement(
    select(report_waiting.c.id).where(_FREE).order_by(report_waiting.c.attempts, report_waiting.c.id).limit(1)
)
_RELEASE = Statement(update(report_waiting).where(report_waiting.c.id == bindparam("row")).values(leased=0))
_TAKE = Statement(
    delete(report_waiting).where(report_waiting.c.id == bindparam("row")).returning(report_waiting.c.content_id)
)


def hold(tx: Tx, content_id: int, one: Arrived) -> bool:
    """Keep a message until somebody has read it. False: too many wait; whoever gets it besides shall not wait.

    Raises Temporary: too many wait, and nobody else gets it.
    """
    row = tx.one(_WEIGHT)
    if row is not None and (row[0] >= MAX_WAITING or row[1] >= MAX_OCTETS):
        if one.alone:
            raise Temporary("Too many reports wait to be read")
        collect.note(tx, [content_id])
        return False
    kind, results = int(one.kind or 0), one.results.packed
    tx.run(_INSERT, content_id=content_id, kind=kind, authentication=results, received=tx.now, attempts=0)
    return True


def is_any(tx: Tx) -> bool:
    """Whether a message waits that nobody is at."""
    return tx.one(_NEXT, **_times(tx)) is not None


def begin(tx: Tx) -> Waiting | None:
    """The next message that nobody is at, and that somebody begins to read it."""
    chosen = tx.one(_NEXT, **_times(tx))
    row = tx.one(_BEGIN, row=chosen[0], **_times(tx)) if chosen is not None else None
    if row is None:
        return None
    number, content_id, kind, authentication, attempts = row
    wanted = Kind(kind) if kind else None
    return Waiting(number, content_id, wanted, AuthenticationResults.stored(authentication), attempts)


def _times(tx: Tx) -> dict[str, int]:
    return leases.times(tx.now, LEASE_SECONDS)


def release(tx: Tx, waiting: Waiting) -> None:
    """Somebody else may read it at once: it was no fault of its own that nobody has."""
    tx.run(_RELEASE, row=waiting.id)


def take(tx: Tx, waiting: Waiting) -> bool:
    """A message waits no more; False: another process was faster."""
    row = tx.one(_TAKE, row=waiting.id)
    if row is None:
        return False
    collect.note(tx, [int(row[0])])
    return True
