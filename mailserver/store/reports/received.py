"""What reports said, kept for `[reports] days`: each report with its rows, and the names of the addresses in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from sqlalchemy import ColumnElement, delete, func, insert, select

from mailserver.model.clock import DAY
from mailserver.model.reports import Kind, Report, Sessions, Source, merged_sessions, merged_sources
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.record import trusted_clock
from mailserver.store.schema.service.reports import NO_CODE, report, report_host, report_session, report_source
from mailserver.texts import causes
from mailserver.texts.causes import NOTHING, Cause

MOST_A_DAY = 500
"""Reports of one domain that are counted in a day."""
MAX_ROWS = 4_000_000
"""Rows of reports; once there are so many, of a new report only sums are kept."""
ROWS_A_DAY = 5000
"""Of the reports of one domain; beyond, only sums are kept of a new one."""
MAX_FAULTS = 2000
"""Reports that could not be counted and are listed."""
MAX_UNPROVEN = 200
"""Of those, messages of nobody knows whom: anybody sends them. The oldest gives way."""
UNPROVEN = "report-unproven"
PRUNED = 20
"""Reports that one unit forgets, a thousand rows each at most: others wait to write."""
NAME_SECONDS = 30 * DAY
"""How long the name of an address is believed."""


class Kept(Enum):
    """What became of a report."""

    NEW = "new"
    TWICE = "twice"
    """It is here already."""
    REFUSED = "refused"
    """It is listed, and not counted."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who brought a report."""

    submitter: str
    """The registered domain that sent it, as authentication has shown; empty: a relay or an operator brought it."""
    digest: bytes
    """The same of a report that comes twice."""


_INSERT = Statement(
    insert(report).returning(report.c.id),
    keys=(
        *("kind", "received", "begins", "ends", "submitter", "organisation", "contact", "identifier", "domain"),
        *("policy", "passed", "failed", "code", "parameters", "digest"),
    ),
)
_SOURCE = Statement(
    insert(report_source),
    keys=("report_id", "address", "author", "disposition", "dkim", "spf", "signer", "envelope", "count"),
)
_SESSION = Statement(insert(report_session), keys=("report_id", "policy", "domain", "result", "server", "count"))


def keep(tx: Tx, one: Report, origin: Origin) -> Kept:
    """Keep a report, once."""
    if _is_here(tx, origin.digest):
        return Kept.TWICE
    if origin.submitter and _count_of(tx, origin.submitter) >= MOST_A_DAY:
        refuse(tx, one.kind, Cause("report-too-many", most=MOST_A_DAY), origin)
        return Kept.REFUSED
    if _rows(tx) >= MAX_ROWS or (origin.submitter and _rows_of(tx, origin.submitter) >= ROWS_A_DAY):
        one = replace(one, sources=merged_sources(one.sources, 0), sessions=merged_sessions(one.sessions, 0))
    number = _insert(tx, one, origin, NOTHING)
    tx.many(_SOURCE, [_source_row(number, each) for each in one.sources])
    tx.many(_SESSION, [_session_row(number, each) for each in one.sessions])
    return Kept.NEW


def _source_row(number: int, one: Source) -> dict[str, object]:
    texts = {name: getattr(one, name) for name in ("address", "author", "disposition", "signer", "envelope")}
    return {"report_id": number, "count": one.count, "dkim": int(one.dkim), "spf": int(one.spf), **texts}


def _session_row(number: int, one: Sessions) -> dict[str, object]:
    texts = {name: getattr(one, name) for name in ("policy", "domain", "result", "server")}
    return {"report_id": number, "count": one.count, **texts}


def refuse(tx: Tx, kind: Kind, cause: Cause, origin: Origin, about: Report | None = None) -> None:
    """List a report that cannot be counted. Where many are listed already it is not."""
    if _is_here(tx, origin.digest):
        return
    if cause.name == UNPROVEN:
        listed = _faults(tx, report.c.code == UNPROVEN, MAX_UNPROVEN)
        if len(listed) >= MAX_UNPROVEN:
            tx.execute(delete(report).where(report.c.id == listed[0]))
    elif len(_faults(tx, report.c.code != UNPROVEN, MAX_FAULTS)) >= MAX_FAULTS:
        return
    empty = about if about is not None else Report(kind, "", "", "", 0, 0, "", "")
    _insert(tx, replace(empty, sources=(), sessions=()), origin, cause)


def _faults(tx: Tx, condition: ColumnElement[bool], most: int) -> list[int]:
    """The oldest that are listed."""
    asked = select(report.c.id).where(report.c.code != NO_CODE, condition).order_by(report.c.id).limit(most)
    return list(tx.execute(asked).scalars())


def _insert(tx: Tx, one: Report, origin: Origin, cause: Cause) -> int:
    kept = causes.in_one_line(cause) if cause else NOTHING
    row = tx.one(
        _INSERT,
        kind=int(one.kind),
        received=tx.now,
        begins=one.begin,
        ends=one.end,
        submitter=origin.submitter,
        organisation=one.organisation,
        contact=one.contact,
        identifier=one.identifier,
        domain=one.domain,
        policy=one.policy,
        passed=one.passed,
        failed=one.failed,
        code=kept.name if cause else "",
        parameters=causes.parameters(kept) if cause else "",
        digest=origin.digest,
    )
    assert row is not None
    return int(row[0])


def _is_here(tx: Tx, digest: bytes) -> bool:
    return tx.execute(select(report.c.id).where(report.c.digest == digest)).first() is not None


def _count_of(tx: Tx, submitter: str) -> int:
    """Reports of one domain within a day."""
    return int(tx.execute(select(func.count()).select_from(report).where(_lately(tx, submitter))).scalar_one())


def _rows_of(tx: Tx, submitter: str) -> int:
    """Rows of the reports of one domain within a day, counted as far as it matters."""
    count = 0
    for table in (report_source, report_session):
        rows = select(table.c.id).join_from(report, table, table.c.report_id == report.c.id)
        found = rows.where(_lately(tx, submitter)).limit(ROWS_A_DAY).subquery()
        count += int(tx.execute(select(func.count()).select_from(found)).scalar_one())
    return count


def _lately(tx: Tx, submitter: str) -> ColumnElement[bool]:
    return (report.c.submitter == submitter) & (report.c.received > tx.now - DAY)


def _rows(tx: Tx) -> int:
    """At least as many as there are: both ends of an index."""
    count = 0
    for number in (report_source.c.id, report_session.c.id):
        first, last = (tx.execute(select(number).order_by(o).limit(1)).scalar() for o in (number, number.desc()))
        count += (last - first + 1) if first is not None and last is not None else 0
    return count


def prune(tx: Tx, before: int) -> int:
    """Forget reports that came before a time, a bounded number of them; how many. Raises ClockJumped."""
    trusted_clock.check(tx)
    old = select(report.c.id).where(report.c.received < before).order_by(report.c.received).limit(PRUNED)
    ids = list(tx.execute(old).scalars())
    if ids:
        tx.execute(delete(report_source).where(report_source.c.report_id.in_(ids)))
        tx.execute(delete(report_session).where(report_session.c.report_id.in_(ids)))
        tx.execute(delete(report).where(report.c.id.in_(ids)))
    tx.execute(delete(report_host).where(report_host.c.looked < tx.now - 2 * NAME_SECONDS))
    return len(ids)


# ---------------------------------------------------------------------- names of addresses


def unnamed(tx: Tx, addresses: Sequence[str]) -> list[str]:
    """Those of which nobody has looked up the name lately."""
    fresh = report_host.c.address.in_(addresses) & (report_host.c.looked > tx.now - NAME_SECONDS)
    known = set(tx.execute(select(report_host.c.address).where(fresh)).scalars())
    return [one for one in addresses if one not in known]


def name(tx: Tx, found: Mapping[str, str]) -> None:
    """Keep the names of addresses."""
    tx.execute(delete(report_host).where(report_host.c.address.in_(list(found))))
    rows = [{"address": address, "name": host, "looked": tx.now} for address, host in found.items()]
    if rows:
        tx.insert_ignore(report_host, rows)
