"""What reports said, kept for `[reports] days`: each report with its rows, and the names of the addresses in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from sqlalchemy import delete, func, insert, select

from mailserver.model.clock import DAY
from mailserver.model.reports import Kind, Report, Sessions, Source, merged_sessions, merged_sources
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.record import trusted_clock
from mailserver.store.schema.reports import report, report_host, report_session, report_source
from mailserver.texts import causes
from mailserver.texts.causes import NOTHING, Cause

MOST_A_DAY = 500
"""Reports of one domain that are counted in a day."""
MAX_ROWS = 4_000_000
"""Rows of reports; once there are so many, of a new report only sums are kept."""
MAX_FAULTS = 2000
"""Reports that could not be counted and are listed."""
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
    """The domain that sent it, as authentication has shown; empty: a relay or an operator brought it."""
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
    if _rows(tx) >= MAX_ROWS:
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
    faults = select(report.c.id).where(report.c.code != "").limit(MAX_FAULTS)
    if _is_here(tx, origin.digest) or len(list(tx.execute(faults))) >= MAX_FAULTS:
        return
    empty = about if about is not None else Report(kind, "", "", "", 0, 0, "", "")
    _insert(tx, replace(empty, sources=(), sessions=()), origin, cause)


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
    lately = (report.c.submitter == submitter) & (report.c.received > tx.now - DAY)
    return int(tx.execute(select(func.count()).select_from(report).where(lately)).scalar_one())


def _rows(tx: Tx) -> int:
    """At least as many as there are: both ends of an index."""
    first, last = (
        tx.execute(select(report_source.c.id).order_by(order).limit(1)).scalar() or 0
        for order in (report_source.c.id, report_source.c.id.desc())
    )
    return int(last - first + 1)


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
