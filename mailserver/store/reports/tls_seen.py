"""How TLS sessions with the servers of other domains ended, for the TLS reports that this service sends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, case, func, or_, select

from mailserver.model.sending import tls_sessions
from mailserver.model.sending.tls_sessions import Session
from mailserver.store.engine.statements import Tx
from mailserver.store.reports.daily_counts import DailyCounts, Due
from mailserver.store.schema.service.reports import report_tls_seen

ALL_DAYS = 2**40
"""Seconds after every day."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What will be told a domain about a day."""

    due: Due
    passed: int
    failed: int
    failures: Sequence[tuple[Session, int]]
    """The most frequent ones."""


_COUNTS = DailyCounts(report_tls_seen)
due, take, forget = _COUNTS.due, _COUNTS.take, _COUNTS.forget


def count(tx: Tx, day: int, seen: Mapping[Session, int]) -> int:
    """Add what was seen on a day; how much was left out, because there is too much."""
    return _COUNTS.count(tx, day, {(one.domain, tls_sessions.written(one)): number for one, number in seen.items()})


def facts(tx: Tx, one: Due) -> list[tuple[Session, int]]:
    """What is said in a report, and how often it was seen."""
    return [(tls_sessions.read(text), number) for text, number in _COUNTS.facts(tx, one)]


def waiting(tx: Tx, limit: int, most: int) -> list[Waiting]:
    """What was seen and is not told yet, also of today, the oldest first; `most` failures of each.

    Nothing but those is read: of one domain and day there may be thousands.
    """
    found = due(tx, ALL_DAYS, None, limit)
    if not found:
        return []
    rows, last = report_tls_seen.c, found[-1]
    number = rows["count"]
    some = or_(rows.day < last.day, and_(rows.day == last.day, rows.domain <= last.domain))
    well = rows.facts.contains(tls_sessions.WELL, autoescape=True)
    counted = select(rows.day, rows.domain, func.sum(number), func.sum(case((well, number), else_=0)))
    sums = {
        Due(day, domain): (int(total), int(passed))
        for day, domain, total, passed in map(tuple, tx.execute(counted.where(some).group_by(rows.day, rows.domain)))
    }
    place = func.row_number().over(partition_by=(rows.day, rows.domain), order_by=(number.desc(), rows.digest))
    failed = select(rows.day, rows.domain, rows.facts, number, place.label("place")).where(some, ~well).subquery()
    failures: dict[Due, list[tuple[Session, int]]] = {}
    for day, domain, facts, times, _ in map(tuple, tx.execute(select(failed).where(failed.c.place <= most))):
        failures.setdefault(Due(day, domain), []).append((tls_sessions.read(facts), times))
    return [_waiting(one, *sums.get(one, (0, 0)), failures.get(one, [])) for one in found]


def _waiting(one: Due, total: int, passed: int, failures: list[tuple[Session, int]]) -> Waiting:
    return Waiting(one, passed, total - passed, sorted(failures, key=lambda each: -each[1]))
