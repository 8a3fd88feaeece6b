"""What operators do to the outgoing queue, with the name of who did it on record in the same unit."""

from collections.abc import Sequence

from mailserver.store.engine.statements import Tx
from mailserver.store.queue import spool, waiting
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.texts.causes import Cause

NAMED = 20
"""Rows that the record names; it always says how many they were."""


def retry(tx: Tx, origin: Origin, rows: Sequence[int] | None = None) -> int:
    """Try rows again now; None: all but those that are held. How many."""
    return _recorded(tx, origin, "retry", rows, spool.retry(tx, rows))


def hold(tx: Tx, origin: Origin, rows: Sequence[int]) -> int:
    """Keep rows until they are named to `retry`. How many."""
    return _recorded(tx, origin, "hold", rows, waiting.hold(tx, rows))


def drop(tx: Tx, origin: Origin, rows: Sequence[int]) -> int:
    """Throw rows away; nobody is told. How many."""
    return _recorded(tx, origin, "drop", rows, spool.drop(tx, rows))


def _recorded(tx: Tx, origin: Origin, act: str, rows: Sequence[int] | None, count: int) -> int:
    if rows is None:
        detail = Cause("queue-all", verb=(act,), count=count)
    else:
        named = " ".join(map(str, rows[:NAMED])) + (" …" if len(rows) > NAMED else "")
        detail = Cause("queue-rows", verb=(act,), count=count, rows=named)
    audit.record(tx, origin, Action.QUEUE_CHANGED, 0, detail)
    return count
