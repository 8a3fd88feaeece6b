"""Counters and gauges by the hour, which the console draws. The housekeeper takes them.

Counters: the steps of `traces.Step`. Gauges: `mail` (messages, octets of all mailboxes), `accounts` (open ones),
`queue` (deliveries that wait) and `database` (its octets). Kept for `KEPT_SECONDS`. The queue is looked at every
`SAMPLE_SECONDS` besides, and that is kept for `SAMPLES_KEPT`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select, text, update

from mailserver.model.clock import HOUR
from mailserver.model.identity import State
from mailserver.store.engine.statements import Tx
from mailserver.store.queue import traces, waiting
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.mail.messages import mailbox
from mailserver.store.schema.service.console import measure

KEPT_SECONDS = 400 * 86400
SETTLED_SECONDS = 60
COUNTED = 5000
"""Steps that one unit counts."""
MAIL, ACCOUNTS, DATABASE, QUEUE = "mail", "accounts", "database", "queue"
SAMPLE = "queue-sample"
"""How many deliveries wait that nobody holds, and for how many seconds the oldest has."""
SAMPLE_SECONDS = 300
SAMPLES_KEPT = 8 * 86400
Counted = tuple[int, int, str, int, int]
"""A step as `traces.after` gives it."""
_MARK = "trace"
"""The row (hour 0) that says up to which step all are counted."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A counter or gauge of the hour that begins at `at`."""

    name: str
    at: int
    count: int
    octets: int


def tally(tx: Tx) -> int:
    """Count steps that are not counted yet, a bounded number of them; how many."""
    steps = _uncounted(tx, tx.now - SETTLED_SECONDS)
    if not steps:
        return 0
    for measured in _sums(steps):
        _add(tx, measured)
    _set(tx, Measure(_MARK, 0, steps[-1][0], 0))
    return len(steps)


def _uncounted(tx: Tx, until: int) -> Sequence[Counted]:
    """The next steps that `tally` has not counted, up to a time."""
    known = tx.execute(select(measure.c["count"]).where(measure.c.name == _MARK, measure.c.at == 0)).scalar()
    return traces.after(tx, int(known or 0), until, COUNTED)


def _sums(steps: Sequence[Counted]) -> list[Measure]:
    """Steps by name and hour."""
    sums: dict[tuple[str, int], tuple[int, int]] = {}
    for _, at, step, addressed, size in steps:
        key = (step, at - at % HOUR)
        messages, octets = sums.get(key, (0, 0))
        # A step of the queue has no size of its own: what counts there is to how many.
        sums[key] = (messages + (1 if size else addressed), octets + size)
    return [Measure(name, at, messages, octets) for (name, at), (messages, octets) in sums.items()]


def is_measured(tx: Tx) -> bool:
    """Whether this hour's gauges are taken."""
    hour = tx.now - tx.now % HOUR
    return tx.execute(select(measure.c.at).where(measure.c.name == MAIL, measure.c.at == hour)).first() is not None


def gauges(tx: Tx) -> tuple[Measure, ...]:
    """How things stand now; a read, which counts every mailbox."""
    hour = tx.now - tx.now % HOUR
    messages, octets = map(int, tx.execute(_MAILBOXES).one())
    opened = tx.execute(select(func.count()).where(account.c.state == State.ACTIVE.value)).scalar_one()
    return (
        Measure(MAIL, hour, messages, octets),
        Measure(ACCOUNTS, hour, int(opened), 0),
        Measure(DATABASE, hour, 0, database_octets(tx)),
        Measure(QUEUE, hour, waiting.state(tx).rows, 0),
    )


def is_sampled(tx: Tx) -> bool:
    """Whether these minutes' look at the queue is taken."""
    at = tx.now - tx.now % SAMPLE_SECONDS
    return tx.execute(select(measure.c.at).where(measure.c.name == SAMPLE, measure.c.at == at)).first() is not None


def sample(tx: Tx, rows: int, oldest: int) -> None:
    """Keep what `waiting.to_leave` saw, once for all workers, and forget what is too old."""
    at = tx.now - tx.now % SAMPLE_SECONDS
    values = {"name": SAMPLE, "at": at, "count": rows, "octets": max(0, tx.now - oldest) if rows else 0}
    tx.insert_ignore(measure, values)
    tx.execute(delete(measure).where(measure.c.name == SAMPLE, measure.c.at < tx.now - SAMPLES_KEPT))


_MAILBOXES = select(func.coalesce(func.sum(mailbox.c.messages), 0), func.coalesce(func.sum(mailbox.c.octets), 0))


def keep(tx: Tx, taken: Sequence[Measure]) -> None:
    """Write the gauges of an hour, and forget what is too old."""
    for measured in taken:
        _set(tx, measured)
    tx.execute(delete(measure).where(measure.c.at > 0, measure.c.at < tx.now - KEPT_SECONDS))


def since(tx: Tx, names: Sequence[str], at: int) -> list[Measure]:
    """The measures of these names from a time on, in order of time; steps that are not counted yet among them."""
    rows = tx.execute(
        select(measure.c.name, measure.c.at, measure.c["count"], measure.c.octets).where(
            measure.c.name.in_(names), measure.c.at >= at, measure.c.at > 0
        )
    )
    found = {(measured.name, measured.at): measured for measured in (Measure(*tuple(row)) for row in rows)}
    for measured in _sums(_uncounted(tx, tx.now + 1)):
        if measured.name in names and measured.at >= at:
            kept = found.get((measured.name, measured.at), Measure(measured.name, measured.at, 0, 0))
            more = Measure(measured.name, measured.at, kept.count + measured.count, kept.octets + measured.octets)
            found[measured.name, measured.at] = more
    return sorted(found.values(), key=lambda one: one.at)


def database_octets(tx: Tx) -> int:
    """How large the database is, the octets of messages that lie in files apart."""
    if tx.dialect == "sqlite":
        pages = tx.execute(text("PRAGMA page_count")).scalar_one()
        return int(pages) * int(tx.execute(text("PRAGMA page_size")).scalar_one())
    return int(tx.execute(text("SELECT pg_database_size(current_database())")).scalar_one())


def _add(tx: Tx, one: Measure) -> None:
    values = {"name": one.name, "at": one.at, "count": one.count, "octets": one.octets}
    if not tx.insert_ignore(measure, values):
        here = (measure.c.name == one.name, measure.c.at == one.at)
        more = {"count": measure.c["count"] + one.count, "octets": measure.c.octets + one.octets}
        tx.execute(update(measure).where(*here).values(**more))


def _set(tx: Tx, one: Measure) -> None:
    tx.execute(delete(measure).where(measure.c.name == one.name, measure.c.at == one.at))
    tx.execute(insert(measure).values(name=one.name, at=one.at, count=one.count, octets=one.octets))
