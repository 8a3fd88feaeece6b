"""What was seen, counted by day and domain for the reports that this service sends; gone with the report."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from mailserver.model.clock import DAY
from mailserver.store.engine.statements import Row, Tx

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


@dataclass(frozen=True, slots=True)
class DailyCounts:
    """Those of one kind of report, in a table of their own."""

    table: Table

    def count(self, tx: Tx, day: int, seen: Mapping[tuple[str, str], int]) -> int:
        """Add what was seen on a day, by domain and facts; how much was left out, because there is too much."""
        table = self.table
        here = table.c.day == day
        if tx.execute(select(func.count()).select_from(table).where(here)).scalar_one() >= MAX_ROWS:
            return len(seen)
        full = self._full(tx, day, {domain for domain, _ in seen})
        left_out = sum(domain in full for domain, _ in seen)
        if left_out == len(seen):
            return left_out
        maker = sqlite.insert if tx.dialect == "sqlite" else postgresql.insert
        clause = maker(table)
        more = {"count": table.c["count"] + clause.excluded["count"]}
        rows = sorted(
            (_row(day, *one, number) for one, number in seen.items() if one[0] not in full),
            key=lambda row: row["digest"],
        )
        tx.execute(clause.on_conflict_do_update(index_elements=["day", "domain", "digest"], set_=more), rows)
        return left_out

    def _full(self, tx: Tx, day: int, domains: Collection[str]) -> set[str]:
        """Those of which no more is counted."""
        columns = self.table.c
        asked = select(columns.domain).where(columns.day == day, columns.domain.in_(domains))
        return set(tx.execute(asked.group_by(columns.domain).having(func.count() >= MAX_OF_DOMAIN)).scalars())

    def due(self, tx: Tx, before: int, after: Due | None, limit: int) -> list[Due]:
        """Reports about days before one, in order, those after another."""
        day, domain = self.table.c.day, self.table.c.domain
        asked = select(day, domain).where(day < before).distinct().order_by(day, domain).limit(limit)
        if after is not None:
            asked = asked.where(or_(day > after.day, and_(day == after.day, domain > after.domain)))
        rows: list[Row] = [tuple(row) for row in tx.execute(asked)]
        return [Due(row[0], row[1]) for row in rows]

    def facts(self, tx: Tx, one: Due) -> list[tuple[str, int]]:
        """What is said in a report, and how often it was seen."""
        columns = self.table.c
        asked = (
            select(columns.facts, columns["count"])
            .where(self._of(one))
            .order_by(columns["count"].desc(), columns.digest)
            .limit(MAX_OF_DOMAIN)
        )
        return [(text, number) for text, number in map(tuple, tx.execute(asked))]

    def take(self, tx: Tx, one: Due) -> bool:
        """A report is sent, or never will be; False: another worker was faster."""
        return tx.execute(delete(self.table).where(self._of(one))).rowcount > 0

    def forget(self, tx: Tx) -> int:
        """Forget what is too old to be sent; how many rows."""
        return tx.execute(delete(self.table).where(self.table.c.day < tx.now - (KEPT_DAYS + 1) * DAY)).rowcount

    def _of(self, one: Due) -> ColumnElement[bool]:
        return and_(self.table.c.day == one.day, self.table.c.domain == one.domain)


def _row(day: int, domain: str, facts: str, number: int) -> dict[str, Any]:
    digest = hashlib.sha256(facts.encode()).digest()[:16]
    return {"day": day, "domain": domain, "digest": digest, "facts": facts, "count": number}
