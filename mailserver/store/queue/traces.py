"""What became of messages, by their envelopes: a row for each step, in the unit of the step itself.

Never content, never a subject. Rows are kept for [audit] trace_days; the housekeeper forgets older ones. Like the audit
they are a log: the erasure of an account leaves them to their age, which by default is below a closed account's grace.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Integer, Text, and_, delete, insert, or_, select

from mailserver.model.clock import HOUR
from mailserver.store.engine.given_rows import given_table, packed
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.record import trusted_clock
from mailserver.store.schema.service.console import KEYED, message_trace
from mailserver.texts import causes, legacy_details
from mailserver.texts.causes import NOTHING, Cause

MAX_RECIPIENTS = 1000
"""Characters of recipients that one row keeps."""
MAX_NAMED = 50
MAX_VALUE = 200
"""Characters of what another server said."""
SCANNED = 2_000_000
"""Rows that one look goes through, in about a second: a look is bounded, the next one goes on."""
MAX_STEPS = 500
"""Steps of one message that are read; a message to thousands of servers has more."""
MAX_ALIKE = 100
"""Messages with one Message-ID that are read, newest first: nobody but their authors keeps them apart."""
_SPACE = "\x1f"
"""Of an address, in a row: no address has this character."""


class Step(StrEnum):
    """What can happen to a message."""

    RECEIVED = "received"
    """It came from outside, or from the service itself, and is in the mailboxes, or waits for a list's owners."""
    SUBMITTED = "submitted"
    """Somebody of this house sent it; recipients here have it, the others are queued."""
    HELD = "held"
    """Somebody of this house sent it, and it waits for IT."""
    DROPPED = "dropped"
    """It waited for IT, or for a list's owners, and was not sent."""
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
    message_id: str = ""
    """Its Message-ID, in the first step of a message; only a hash is kept."""


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
    message_id: str = ""
    """A whole one; later steps of its messages are found by their names."""
    account_id: int = 0
    """Whose mail it is, as the server wrote it."""
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """Some steps, newest first, and where the next look goes on: (0, 0) when there is nothing beyond."""

    rows: tuple[Traced, ...]
    at: int = 0
    id: int = 0


@dataclass(frozen=True, slots=True)
class Way:
    """What happened to one message, in order."""

    name: str
    """Empty: nobody was told one, and the step stands alone."""
    steps: tuple[Traced, ...]
    cut: bool = False
    """There are more steps than are read at once."""


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways of some messages, newest first; `at` and `id`: where the next look goes on."""

    messages: tuple[Way, ...]
    at: int = 0
    id: int = 0


COLUMNS = (
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
    "message_key",
)
INSERT = Statement(insert(message_trace), keys=COLUMNS)


def _inserting_given(dialect: str) -> Statement:
    given = given_table(
        dialect,
        {name: BigInteger() if isinstance(message_trace.c[name].type, Integer) else Text() for name in COLUMNS},
    )
    return Statement(insert(message_trace).from_select(list(COLUMNS), select(*(given.c[name] for name in COLUMNS))))


_INSERT_MANY = {dialect: _inserting_given(dialect) for dialect in ("sqlite", "postgresql")}


def key_of(message_id: str) -> int:
    """What rows keep of a Message-ID, with or without its angle brackets; 0: there is none."""
    bare = "".join(message_id.split()).strip("<>")
    if not bare:
        return 0
    digest = hashlib.blake2b(bare.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1 or 1


def record(tx: Tx, trace: Trace) -> None:
    """Put a step on record."""
    tx.run(INSERT, **row_of(trace, tx.now))


def prepare(several: Sequence[Trace], now: int) -> str:
    """Steps that happen now, as `record_prepared` wants them: whoever holds the writer need not make them."""
    rows = [row_of(trace, now) for trace in several]
    return packed([row[name] for name in COLUMNS] for row in rows)


def record_prepared(tx: Tx, steps: str) -> None:
    """Put them on record, by one statement."""
    tx.run(_INSERT_MANY[tx.dialect], given=steps)


def row_of(trace: Trace, now: int) -> dict[str, Any]:
    """The columns of a step that happens now."""
    said = causes.in_one_line(trace.detail)
    return {
        "at": now,
        "event": trace.step.value,
        "name": trace.name,
        "account_id": trace.account_id,
        "sender": trace.sender.casefold(),
        "recipients": _joined(trace.recipients),
        "addressed": len(trace.recipients),
        "size": trace.size,
        "detail": "",
        "code": said.name if said else "",
        "parameters": causes.parameters(said, MAX_VALUE) if said else "",
        "message_key": key_of(trace.message_id),
    }


def _joined(recipients: Sequence[str]) -> str:
    """As many of the first as a row keeps, none of them in part: a part is an address of somebody else."""
    kept: list[str] = []
    left = MAX_RECIPIENTS
    for address in recipients[:MAX_NAMED]:
        named = _without_spaces(address)
        left -= len(named) + 1
        if left < 0:  # a row that is full is one of before, which may end amid an address
            break
        kept.append(named)
    return " ".join(kept)


def _without_spaces(text: str) -> str:
    """Folded; a space, which a quoted local part may have, stands between two addresses alone."""
    return text.casefold().replace(" ", _SPACE)


def find(tx: Tx, wanted: Wanted, limit: int, before: tuple[int, int] = (0, 0)) -> Found:
    """Steps that are wanted, newest first; `before`: where an earlier look stopped. Looks at no more than `SCANNED`."""
    columns = message_trace.c
    place = and_(columns.at >= wanted.since, columns.at < wanted.until)
    if before != (0, 0):
        place = and_(place, _is_before(*before))
    # The bound is a place in the index: a subquery of so many rows would be made, and then be read.
    ordered = select(columns.at, columns.id).where(place).order_by(columns.at.desc(), columns.id.desc())
    last = None
    if not _is_indexed(wanted):
        last = tx.execute(ordered.limit(1).offset(SCANNED - 1)).first()
    if last is not None:
        place = and_(place, or_(columns.at > last.at, and_(columns.at == last.at, columns.id >= last.id)))
    asked = select(message_trace).where(place, *_conditions(tx, wanted))
    newest = asked.order_by(columns.at.desc(), columns.id.desc()).limit(limit + 1)
    rows = tuple(_traced(row) for row in tx.execute(newest))
    if len(rows) > limit:
        return Found(rows[:limit], rows[limit - 1].at, rows[limit - 1].id)
    return Found(rows, last.at, last.id) if last is not None else Found(rows)


def _is_before(at: int, row_id: int) -> ColumnElement[bool]:
    columns = message_trace.c
    return or_(columns.at < at, and_(columns.at == at, columns.id < row_id))


def _is_indexed(wanted: Wanted) -> bool:
    return bool(wanted.name or wanted.message_id)


def _conditions(tx: Tx, wanted: Wanted) -> Iterable[ColumnElement[bool]]:
    columns = message_trace.c
    if wanted.name:
        yield columns.name == wanted.name.upper()
    if wanted.message_id:
        yield columns.name.in_(names_of(tx, wanted.message_id, before=wanted.until))
    if wanted.sender:
        yield columns.sender.contains(wanted.sender.casefold(), autoescape=True)
    if wanted.recipient:
        yield columns.recipients.contains(_without_spaces(wanted.recipient), autoescape=True)
    if wanted.account_id:
        yield columns.account_id == wanted.account_id
    if wanted.steps:
        yield columns.event.in_([step.value for step in wanted.steps])


def names_of(tx: Tx, message_id: str, account_id: int | None = None, before: int | None = None) -> list[str]:
    """Under which names messages with this Message-ID came in, newest first; of this account alone, where one is given,
    and before a time.

    Whoever writes a message chooses its Message-ID: two messages may have the same, and many hide an older one from who
    does not say when it was.
    """
    columns = message_trace.c
    asked = select(columns.name).where(columns.message_key == key_of(message_id), KEYED, columns.name != "")
    if account_id is not None:
        asked = asked.where(columns.account_id == account_id)
    if before is not None:
        asked = asked.where(columns.at < before)
    return list(dict.fromkeys(tx.execute(asked.order_by(columns.id.desc()).limit(MAX_ALIKE)).scalars()))


def name_of(tx: Tx, account_id: int, message_id: str, sent: int, within: int | None = None) -> str:
    """Under which name the message came in of which an account keeps a copy of this date: of those with its Message-ID
    the nearest, so many seconds away at most. Empty: none is on record."""
    columns = message_trace.c
    own = (columns.message_key == key_of(message_id), KEYED, columns.name != "", columns.account_id == account_id)
    alike = select(columns.name, columns.at).where(*own).order_by(columns.id.desc()).limit(MAX_ALIKE)
    if within is not None:
        alike = alike.where(columns.at.between(sent - within, sent + within))
    return min(((abs(int(at) - sent), str(name)) for name, at in map(tuple, tx.execute(alike))), default=(0, ""))[1]


def let_go_since(tx: Tx, account_id: int, message_id: str, sent: int, since: int) -> bool:
    """Whether a message of this account that had waited for somebody was let go since then; `sent`: the date of their
    copy."""
    columns = message_trace.c
    name = name_of(tx, account_id, message_id, sent, HOUR)
    if not name:
        return False
    named = (columns.name == name, columns.account_id == account_id)
    later = (columns.event == Step.SUBMITTED.value, columns.message_key == 0, columns.at >= since)
    return tx.execute(select(columns.id).where(*named, *later).limit(1)).first() is not None


def ways(tx: Tx, wanted: Wanted, limit: int, before: tuple[int, int] = (0, 0)) -> Ways:
    """Messages one of whose steps is wanted, newest first, each with everything that happened to it."""
    found = find(tx, wanted, limit, before)
    by_name: dict[str, Traced] = {}
    for step in found.rows:
        by_name.setdefault(step.name or f"#{step.id}", step)
    messages = [whole(tx, step.name) if step.name else Way("", (step,)) for step in by_name.values()]
    return Ways(tuple(messages), found.at, found.id)


def whole(tx: Tx, name: str) -> Way:
    """Everything that is still on record about one message, the first `MAX_STEPS` of it."""
    columns = message_trace.c
    ordered = select(message_trace).where(columns.name == name).order_by(columns.at, columns.id).limit(MAX_STEPS + 1)
    steps = tuple(_traced(row) for row in tx.execute(ordered))
    return Way(name, steps[:MAX_STEPS], len(steps) > MAX_STEPS)


def of_account(tx: Tx, account_id: int, name: str) -> list[Traced]:
    """The steps of a message that is this account's own, in order: the first, and the last `MAX_STEPS` of the others.
    What was tried for days ends with what became of it. A list's copies, under return paths of the list, are others.
    """
    columns = message_trace.c
    mine = select(message_trace).where(columns.name == name, columns.account_id == account_id)
    first = tx.execute(mine.order_by(columns.id).limit(1)).first()
    if first is None:
        return []
    last = (
        mine.where(columns.id > first.id, columns.sender == first.sender).order_by(columns.id.desc()).limit(MAX_STEPS)
    )
    return [_traced(first), *map(_traced, reversed(tx.execute(last).all()))]


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
        recipients=_recipients(row.recipients),
        count=row.addressed,
        size=row.size,
        detail=_detail(row),
    )


def _recipients(kept: str) -> tuple[str, ...]:
    found = [address.replace(_SPACE, " ") for address in kept.split(" ") if address]
    # Rows of before may end amid an address.
    return tuple(found[:-1] if len(kept) >= MAX_RECIPIENTS else found)


def _detail(row: Any) -> Cause:
    return causes.of_row(row.code, row.parameters) if row.code else legacy_details.read_attempt(row.detail)
