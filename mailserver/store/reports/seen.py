"""What this service saw of mail in the name of other domains, for the DMARC reports that it sends."""

from collections.abc import Mapping

from mailserver.model import observations
from mailserver.model.observations import Observed
from mailserver.store.engine.statements import Tx
from mailserver.store.reports.daily_counts import DailyCounts, Due
from mailserver.store.schema.service.reports import report_seen

_COUNTS = DailyCounts(report_seen)
due, take, forget = _COUNTS.due, _COUNTS.take, _COUNTS.forget


def count(tx: Tx, day: int, seen: Mapping[Observed, int]) -> int:
    """Add what was seen on a day; how much was left out, because there is too much."""
    return _COUNTS.count(tx, day, {(one.domain, observations.written(one)): number for one, number in seen.items()})


def facts(tx: Tx, one: Due) -> list[tuple[Observed, int]]:
    """What is said in a report, and how often it was seen."""
    return [(observations.read(text), number) for text, number in _COUNTS.facts(tx, one)]
