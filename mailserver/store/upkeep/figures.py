"""How much there is of what operators watch: the queue by state and age, what waits for somebody, the last sums.

Quick on a large academy: what would count every mailbox is taken from the gauges of the hour (`measures`).
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, case, func, literal, select

from mailserver.store.account import sessions
from mailserver.store.engine.statements import Tx
from mailserver.store.queue.spool import BRAKED, HELD
from mailserver.store.schema.mail.junk import infected
from mailserver.store.schema.mail.withdrawal import phishing_report
from mailserver.store.schema.mail.writing import outbox
from mailserver.store.schema.outgoing.spool import queued, queued_domain
from mailserver.store.schema.people.rosters import held_message
from mailserver.store.schema.service.console import measure
from mailserver.store.search import content_texts, segments
from mailserver.store.upkeep import measures

AGES = {"5m": 300, "1h": 3600, "6h": 6 * 3600, "1d": 86400, "older": 0}
STATES = ("new", "sending", "deferred", "held")
MOST_BEHIND = 100_000
"""Contents without texts that are counted."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What was found."""

    queue: dict[tuple[str, str], int]
    """Deliveries by state and age."""
    oldest: dict[str, float]
    """Seconds that the oldest of a state has waited."""
    waiting: dict[str, int]
    """What waits for a moment or for somebody."""
    behind: int
    """Contents that wait for the search index."""
    unsegmented: int
    """Contents in no segment of it, of the account that has most."""
    sessions: int
    measured: dict[str, tuple[int, int]]
    """Count and octets of each gauge of the hour."""


def take(tx: Tx) -> Figures:
    """A read of some milliseconds, more when the queue is very long."""
    queue, oldest = _queue(tx)
    return Figures(
        queue=queue,
        oldest=oldest,
        waiting={
            "scheduled": _count(tx, select(func.count()).select_from(outbox)),
            "moderation": _count(tx, select(func.count()).select_from(held_message)),
            "infected": _count(tx, select(func.count()).select_from(infected)),
            "phishing_reports": _count(tx, _NEW_REPORTS),
        },
        behind=content_texts.backlog(tx, MOST_BEHIND),
        unsegmented=segments.most_waiting(tx),
        sessions=sessions.count_open(tx),
        measured={name: _last(tx, name) for name in (measures.MAIL, measures.ACCOUNTS, measures.DATABASE)},
    )


_NEW_REPORTS = select(func.count()).select_from(phishing_report).where(phishing_report.c.state == "new")


def _queue(tx: Tx) -> tuple[dict[tuple[str, str], int], dict[str, float]]:
    columns, now = queued_domain.c, tx.now
    state = case(
        (columns.error_code.in_((HELD.name, BRAKED.name)), literal("held")),
        ((columns.lease != 0) & (columns.due > now), literal("sending")),
        (columns.attempts > 0, literal("deferred")),
        else_=literal("new"),
    ).label("state")
    bounds = [(name, seconds) for name, seconds in AGES.items() if seconds]
    age = case(
        *((queued.c.created > now - seconds, literal(name)) for name, seconds in bounds), else_=literal("older")
    ).label("age")
    clause = (
        select(state, age, func.count(), func.min(queued.c.created))
        .join(queued, queued.c.id == columns.queued_id)
        .group_by(state, age)
    )
    counts = dict.fromkeys(((state, age) for state in STATES for age in AGES), 0)
    oldest = dict.fromkeys(STATES, 0.0)
    for row in tx.execute(clause).all():
        found_state, found_age, count, created = tuple(row)
        counts[found_state, found_age] = int(count)
        oldest[found_state] = max(oldest[found_state], float(now - created))
    return counts, oldest


def _count(tx: Tx, clause: Select[Any]) -> int:
    return int(tx.execute(clause).scalar_one())


def _last(tx: Tx, name: str) -> tuple[int, int]:
    clause = select(measure.c["count"], measure.c.octets).where(measure.c.name == name, measure.c.at > 0)
    row = tx.execute(clause.order_by(measure.c.at.desc()).limit(1)).first()
    count, octets = (0, 0) if row is None else tuple(row)
    return int(count), int(octets)
