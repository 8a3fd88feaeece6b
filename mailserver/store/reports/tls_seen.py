"""How TLS sessions with the servers of other domains ended, for the TLS reports that this service sends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mailserver.model import tls_sessions
from mailserver.model.tls_sessions import Session
from mailserver.store.engine.statements import Tx
from mailserver.store.reports.daily_counts import DailyCounts, Due
from mailserver.store.schema.reports import report_tls_seen

ALL_DAYS = 2**40
"""Seconds after every day."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What will be told a domain about a day."""

    due: Due
    passed: int
    failed: int
    failures: Sequence[tuple[Session, int]]


_COUNTS = DailyCounts(report_tls_seen)
due, take, forget = _COUNTS.due, _COUNTS.take, _COUNTS.forget


def count(tx: Tx, day: int, seen: Mapping[Session, int]) -> int:
    """Add what was seen on a day; how much was left out, because there is too much."""
    return _COUNTS.count(tx, day, {(one.domain, tls_sessions.written(one)): number for one, number in seen.items()})


def facts(tx: Tx, one: Due) -> list[tuple[Session, int]]:
    """What is said in a report, and how often it was seen."""
    return [(tls_sessions.read(text), number) for text, number in _COUNTS.facts(tx, one)]


def waiting(tx: Tx, limit: int) -> list[Waiting]:
    """What was seen and is not told yet, also of today, the oldest first."""
    return [_waiting(one, facts(tx, one)) for one in due(tx, ALL_DAYS, None, limit)]


def _waiting(one: Due, seen: Sequence[tuple[Session, int]]) -> Waiting:
    failures = [(session, number) for session, number in seen if session.result]
    failed = sum(number for _, number in failures)
    return Waiting(one, sum(number for _, number in seen) - failed, failed, failures)
