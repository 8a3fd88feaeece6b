"""What operators do to the outgoing queue, with the name of who did it on record in the same unit."""

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum

from mailserver.store.engine.statements import Tx
from mailserver.store.queue import spool, traces, waiting
from mailserver.store.queue.spool import Selection, selecting
from mailserver.store.queue.traces import Step, Trace
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.texts.causes import Cause

NAMED = 20
"""Rows that the record names; it always says how many they were."""
BATCH = 500
"""Rows that one unit acts on."""


class Act(StrEnum):
    """What can be done to rows."""

    RETRY = "retry"
    HOLD = "hold"
    RELEASE = "release"
    """What an operator holds may leave."""
    CANCEL = "drop"
    """Thrown away; nobody is told."""
    EXPIRE = "expire"
    """Given up now; whoever sent it is told."""


def retry(tx: Tx, origin: Origin, rows: Sequence[int]) -> int:
    """Try rows again now. How many."""
    return _recorded(tx, origin, Act.RETRY, rows, spool.retry(tx, rows))


def hold(tx: Tx, origin: Origin, rows: Sequence[int]) -> int:
    """Keep rows until they are named to `retry`. How many."""
    return _recorded(tx, origin, Act.HOLD, rows, waiting.hold(tx, rows))


def drop(tx: Tx, origin: Origin, rows: Sequence[int]) -> int:
    """Throw rows away; nobody is told. How many."""
    return _recorded(tx, origin, Act.CANCEL, rows, _drop(tx, rows))


def expire(tx: Tx, origin: Origin, rows: Sequence[int]) -> int:
    """Give rows up that nobody is sending: the relay writes the reports. How many."""
    return _recorded(tx, origin, Act.EXPIRE, rows, waiting.give_up(tx, rows))


def release(tx: Tx, origin: Origin, rows: Sequence[int]) -> int:
    """Let those of these rows leave that an operator holds. How many."""
    held = waiting.held_of(tx, rows)
    return _recorded(tx, origin, Act.RELEASE, rows, spool.retry(tx, held))


_ACTS: dict[Act, Callable[[Tx, Sequence[int]], int]] = {
    Act.RETRY: spool.retry,
    Act.HOLD: waiting.hold,
    Act.RELEASE: spool.retry,
    Act.CANCEL: lambda tx, rows: _drop(tx, rows),
    Act.EXPIRE: waiting.give_up,
}


def meant(act: Act, wanted: Selection) -> Selection:
    """The selection as an act takes it: what is held is released, not retried, and held once."""
    held = {Act.RETRY: False, Act.HOLD: False, Act.RELEASE: True}.get(act, wanted.held)
    return Selection(wanted.recipient, wanted.domain, wanted.sender, wanted.older_than, held)


def act_on(tx: Tx, origin: Origin, act: Act, wanted: Selection, after: int = 0) -> tuple[int, int]:
    """Do something to the next `BATCH` rows that are meant: how many, and where to go on (0: that was all)."""
    rows, last = selecting.take(tx, meant(act, wanted), BATCH, after)
    if rows:
        count = _ACTS[act](tx, rows)
        asked = tuple(_asked(wanted))
        everything = Cause("queue-all", verb=(act.value,), count=count)
        detail = Cause("queue-chosen", verb=(act.value,), count=count, asked=asked) if asked else everything
        audit.record(tx, origin, Action.QUEUE_CHANGED, 0, detail)
    else:
        count = 0
    return count, last


def _asked(wanted: Selection) -> Iterator[Cause]:
    if wanted.recipient:
        yield Cause("looked-for-recipient", recipient=wanted.recipient)
    if wanted.domain:
        yield Cause("chosen-domain", domain=wanted.domain)
    if wanted.sender:
        yield Cause("looked-for-sender", sender=wanted.sender)
    if wanted.older_than:
        yield Cause("chosen-age", seconds=wanted.older_than)


def _drop(tx: Tx, rows: Sequence[int]) -> int:
    """What is thrown away is told by the trace alone."""
    for name, account_id, sender, _domain, recipients in selecting.named(tx, rows):
        detail = Cause("dropped-by-operator")
        traces.record(tx, Trace(Step.DROPPED, name, sender, recipients, 0, account_id, detail))
    return spool.drop(tx, rows)


def _recorded(tx: Tx, origin: Origin, act: Act, rows: Sequence[int], count: int) -> int:
    named = " ".join(map(str, rows[:NAMED])) + (" …" if len(rows) > NAMED else "")
    detail = Cause("queue-rows", verb=(act.value,), count=count, rows=named)
    audit.record(tx, origin, Action.QUEUE_CHANGED, 0, detail)
    return count
