"""What became of messages, by their envelopes: a row for each step, in the unit of the step itself.

Never content, never a subject. Rows are kept for [audit] trace_days; the housekeeper forgets older ones. Like the audit
they are a log: the erasure of an account leaves them to their age, which by default is below a closed account's grace.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, and_, delete, insert, or_, select

from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.record import trusted_clock
from mailserver.store.schema.console import message_trace
from mailserver.texts import causes, legacy_details
from mailserver.texts.causes import NOTHING, Cause

MAX_RECIPIENTS = 1000
"""Characters of recipients that one row keeps."""
MAX_NAMED = 50
MAX_VALUE = 200
"""Characters of what another server said."""
SCANNED = 50_000
"""Rows that one look goes through: a look is bounded, the next one goes on."""


class Step(StrEnum):
    """What can happen to a message."""

    RECEIVED = "received"
    """It came from outside, or from the service itself, and is in the mailboxes."""
    SUBMITTED = "submitted"
    """Somebody of this house sent it; recipients here have it, the others are queued."""
    HELD = "held"
    """Somebody of this house sent it, and it waits for IT."""
    DROPPED = "dropped"
    """It waited for IT and was not sent."""
    SENT = "sent"
    """Another server took it."""
    DEFERRED = "deferred"
    FAILED = "failed"
    FILTERED = "filtered"
    """A recipient's filter threw it away, refused it or sent it on."""
    REFUSED = "refused"
    """IT has taken this message back: a further copy was turned away."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A step to be put on record."""

    step: Step
    name: str
    sender: str
    recipients: Sequence[str]
    size: int = 0
    account_id: int = 0
    detail: Cause = NOTHING


@dataclass(frozen=True, slots=True)
class Traced:
    """A step on record."""

    id: int
    at: int
    step: Step
    name: str
    account_id: int
    sender: str
    recipients: tuple[str, ...]
    count: int
    size: int
    detail: Cause


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which steps to read, of a span of time; empty fields ask nothing. Addresses may be parts of one."""

    since: int
    until: int
    sender: str = ""
    recipient: str = ""
    name: str = ""
    account_id: int = 0
    """Whose mail it is, as the server wrote it."""
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """Some steps, newest first, and where the next look goes on: (0, 0) when there is nothing beyond."""

    rows: tuple[Traced, ...]
    at: int = 0
    id: int = 0


_INSERT = Statement(
    insert(message_trace),
    keys=(
        "at",
        "event",
        "name",
        "account_id",
        "sender",
        "recipients",
        "addressed",
        "size",
        "detail",
        "code",
        "parameters",
    ),
)


def record(tx: Tx, trace: Trace) -> None:
    """Put a step on record."""
    said = causes.in_one_line(trace.detail)
    recipients = " ".join(trace.recipients[:MAX_NAMED]).casefold()[:MAX_RECIPIENTS]
    tx.run(
        _INSERT,
        at=tx.now,
        event=trace.step.value,
        name=trace.name,
        account_id=trace.account_id,
        sender=trace.sender.casefold(),
        recipients=recipients,
        addressed=len(trace.recipients),
        size=trace.size,
        detail="",
        code=said.name if said else "",
        parameters=causes.parameters(said, MAX_VALUE) if said else "",
    )


def find(tx: Tx, wanted: Wanted, limit: int, before: tuple[int, int] = (0, 0)) -> Found:
    """Steps that are wanted, newest first; `before`: where an earlier look stopped. Looks at no more than `SCANNED`."""
    columns = message_trace.c
    place = and_(columns.at >= wanted.since, columns.at < wanted.until)
    if before != (0, 0):
        at, row_id = before
        place = and_(place, or_(columns.at < at, and_(columns.at == at, columns.id < row_id)))
    ordered = select(message_trace).where(place).order_by(columns.at.desc(), columns.id.desc()).limit(SCANNED)
    span = ordered.subquery()
    asked: Select[Any] = select(span).order_by(span.c.at.desc(), span.c.id.desc()).limit(limit + 1)
    if wanted.name:
        asked = asked.where(span.c.name == wanted.name.upper())
    if wanted.sender:
        asked = asked.where(span.c.sender.contains(wanted.sender.casefold(), autoescape=True))
    if wanted.recipient:
        asked = asked.where(span.c.recipients.contains(wanted.recipient.casefold(), autoescape=True))
    if wanted.account_id:
        asked = asked.where(span.c.account_id == wanted.account_id)
    if wanted.steps:
        asked = asked.where(span.c.event.in_([step.value for step in wanted.steps]))
    rows = tuple(_traced(row) for row in tx.execute(asked))
    if len(rows) > limit:
        return Found(rows[:limit], rows[limit - 1].at, rows[limit - 1].id)
    last = tx.execute(ordered.with_only_columns(columns.at, columns.id).offset(SCANNED - 1)).first()
    return Found(rows, last.at, last.id) if last is not None else Found(rows)


def prune(tx: Tx, before: int, limit: int) -> int:
    """Forget steps before a time, a bounded number of them; how many. Raises ClockJumped."""
    trusted_clock.check(tx)
    old = select(message_trace.c.id).where(message_trace.c.at < before).order_by(message_trace.c.at).limit(limit)
    return tx.execute(delete(message_trace).where(message_trace.c.id.in_(old))).rowcount


def after(tx: Tx, row_id: int, settled: int, limit: int) -> list[tuple[int, int, str, int, int]]:
    """Steps after one, in order, up to the first that is newer than `settled`: id, time, step, recipients, size.

    Workers of PostgreSQL commit in another order than they take numbers: what is a minute old is whole.
    """
    columns = message_trace.c
    rows = tx.execute(
        select(columns.id, columns.at, columns.event, columns.addressed, columns.size)
        .where(columns.id > row_id)
        .order_by(columns.id)
        .limit(limit)
    )
    found: list[tuple[int, int, str, int, int]] = []
    for number, at, event, count, size in map(tuple, rows):
        if at > settled:
            break
        found.append((number, at, event, count, size))
    return found


def _traced(row: Any) -> Traced:
    return Traced(
        id=row.id,
        at=row.at,
        step=Step(row.event),
        name=row.name,
        account_id=row.account_id,
        sender=row.sender,
        recipients=tuple(row.recipients.split()),
        count=row.addressed,
        size=row.size,
        detail=_detail(row),
    )


def _detail(row: Any) -> Cause:
    return causes.of_row(row.code, row.parameters) if row.code else legacy_details.read_attempt(row.detail)
