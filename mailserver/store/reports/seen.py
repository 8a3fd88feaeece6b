"""What this service saw, counted by day and domain for the reports that it sends; gone with the report."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from mailserver.model import observations
from mailserver.model.clock import DAY
from mailserver.model.observations import Observed
from mailserver.store.engine.statements import Row, Tx
from mailserver.store.schema.reports import report_seen

MAX_ROWS = 200_000
"""Of one day: what more is seen is not counted."""
MAX_OF_DOMAIN = 5000
"""Rows of one domain and day."""
KEPT_DAYS = 3
"""Days after which what could not be sent is forgotten."""


@dataclass(frozen=True, slots=True)
class Due:
    """A report that may be sent: about a day (its first second, UTC) to a domain."""

    day: int
    domain: str


def count(tx: Tx, day: int, seen: Mapping[Observed, int]) -> int:
    """Add what was seen on a day; how much was left out, because there is too much."""
    here = report_seen.c.day == day
    if tx.execute(select(func.count()).select_from(report_seen).where(here)).scalar_one() >= MAX_ROWS:
        return len(seen)
    full = _full(tx, day, {one.domain for one in seen})
    left_out = sum(one.domain in full for one in seen)
    if left_out == len(seen):
        return left_out
    maker = sqlite.insert if tx.dialect == "sqlite" else postgresql.insert
    clause = maker(report_seen)
    more = {"count": report_seen.c["count"] + clause.excluded["count"]}
    rows = sorted(
        (_row(day, one, number) for one, number in seen.items() if one.domain not in full),
        key=lambda row: row["digest"],
    )
    tx.execute(clause.on_conflict_do_update(index_elements=["day", "domain", "digest"], set_=more), rows)
    return left_out


def _full(tx: Tx, day: int, domains: Collection[str]) -> set[str]:
    """Those of which no more is counted."""
    number = func.count()
    asked = select(report_seen.c.domain).where(report_seen.c.day == day, report_seen.c.domain.in_(domains))
    return set(tx.execute(asked.group_by(report_seen.c.domain).having(number >= MAX_OF_DOMAIN)).scalars())


def _row(day: int, one: Observed, number: int) -> dict[str, Any]:
    facts = observations.written(one)
    digest = hashlib.sha256(facts.encode()).digest()[:16]
    return {"day": day, "domain": one.domain, "digest": digest, "facts": facts, "count": number}


def due(tx: Tx, before: int, after: Due | None, limit: int) -> list[Due]:
    """Reports about days before one, in order, those after another."""
    day, domain = report_seen.c.day, report_seen.c.domain
    asked = select(day, domain).where(day < before).distinct().order_by(day, domain).limit(limit)
    if after is not None:
        asked = asked.where(or_(day > after.day, and_(day == after.day, domain > after.domain)))
    rows: list[Row] = [tuple(row) for row in tx.execute(asked)]
    return [Due(row[0], row[1]) for row in rows]


def facts(tx: Tx, one: Due) -> list[tuple[Observed, int]]:
    """What is said in a report, and how often it was seen."""
    asked = (
        select(report_seen.c.facts, report_seen.c["count"])
        .where(_of(one))
        .order_by(report_seen.c["count"].desc(), report_seen.c.digest)
        .limit(MAX_OF_DOMAIN)
    )
    rows: list[Row] = [tuple(row) for row in tx.execute(asked)]
    return [(observations.read(row[0]), row[1]) for row in rows]


def take(tx: Tx, one: Due) -> bool:
    """A report is sent, or never will be; False: another worker was faster."""
    return tx.execute(delete(report_seen).where(_of(one))).rowcount > 0


def forget(tx: Tx) -> int:
    """Forget what is too old to be sent; how many rows."""
    return tx.execute(delete(report_seen).where(report_seen.c.day < tx.now - (KEPT_DAYS + 1) * DAY)).rowcount


def _of(one: Due) -> ColumnElement[bool]:
    return and_(report_seen.c.day == one.day, report_seen.c.domain == one.domain)
