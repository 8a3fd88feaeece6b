"""Mail that brings reports and waits to be read. It shares the stored content; whoever has read it removes the row."""

from dataclasses import dataclass

from sqlalchemy import bindparam, delete, func, insert, select, update

from mailserver.model.errors import Temporary
from mailserver.model.messages.authentication import AuthenticationResults
from mailserver.model.reports import Kind
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.mail import collect
from mailserver.store.schema.mail import content
from mailserver.store.schema.reports import report_waiting

MAX_WAITING = 2000
MAX_OCTETS = 512 * 1024 * 1024
"""Of mail that waits; more has to come again."""

collect.also_held_by(report_waiting, report_waiting.c.content_id)


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message about to wait."""

    kind: Kind
    results: AuthenticationResults


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that waits. `attempts`: this one included."""

    id: int
    content_id: int
    kind: Kind
    results: AuthenticationResults
    attempts: int


_WEIGHT = Statement(
    select(func.count(), func.coalesce(func.sum(content.c.size), 0)).join_from(
        report_waiting, content, content.c.id == report_waiting.c.content_id
    )
)
_INSERT = Statement(insert(report_waiting), keys=("content_id", "kind", "authentication", "received", "attempts"))
_BEGIN = Statement(
    update(report_waiting)
    .where(report_waiting.c.id == bindparam("row"))
    .values(attempts=report_waiting.c.attempts + 1)
    .returning(
        *(report_waiting.c.id, report_waiting.c.content_id, report_waiting.c.kind),
        *(report_waiting.c.authentication, report_waiting.c.attempts),
    )
)
_NEXT = Statement(select(report_waiting.c.id).order_by(report_waiting.c.attempts, report_waiting.c.id).limit(1))
_TAKE = Statement(
    delete(report_waiting).where(report_waiting.c.id == bindparam("row")).returning(report_waiting.c.content_id)
)


def hold(tx: Tx, content_id: int, one: Arrived) -> None:
    """Keep a message until somebody has read it. Raises Temporary: too many wait."""
    row = tx.one(_WEIGHT)
    if row is not None and (row[0] >= MAX_WAITING or row[1] >= MAX_OCTETS):
        raise Temporary("Too many reports wait to be read")
    results = one.results.packed
    tx.run(_INSERT, content_id=content_id, kind=int(one.kind), authentication=results, received=tx.now, attempts=0)


def is_any(tx: Tx) -> bool:
    """Whether a message waits."""
    return tx.one(_NEXT) is not None


def begin(tx: Tx) -> Waiting | None:
    """The next message, and that somebody begins to read it."""
    chosen = tx.one(_NEXT)
    row = tx.one(_BEGIN, row=chosen[0]) if chosen is not None else None
    if row is None:
        return None
    number, content_id, kind, authentication, attempts = row
    return Waiting(number, content_id, Kind(kind), AuthenticationResults.stored(authentication), attempts)


def take(tx: Tx, waiting: Waiting) -> bool:
    """A message waits no more; False: another process was faster."""
    row = tx.one(_TAKE, row=waiting.id)
    if row is None:
        return False
    collect.note(tx, [int(row[0])])
    return True
