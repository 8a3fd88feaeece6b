"""What reports come to, for the console and the command line: by day, by source, by policy, and each of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Double, case, cast, func, or_, select

from mailserver.model.clock import DAY
from mailserver.model.reports import Kind
from mailserver.store.engine.statements import Tx
from mailserver.store.schema.service.reports import NO_CODE, report, report_host, report_session, report_source
from mailserver.texts import causes
from mailserver.texts.causes import NOTHING, Cause

MAX_DOMAINS = 1000
"""Rows that are looked at for the envelope domains of sources."""


@dataclass(frozen=True, slots=True)
class Day:
    """What the reports about one day say, which begins at `at` in UTC."""

    at: int
    passed: int
    failed: int


@dataclass(frozen=True, slots=True)
class Sender:
    """An address that sends in our name. Empty: those that reports of many do not name."""

    address: str
    name: str
    """Of its host, where that leads back to it."""
    passed: int
    failed: int
    held_back: int
    """Messages that were put aside or refused."""
    domain: str
    """The domain of most of its envelopes."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How sessions under one policy ended. No `result`: well."""

    policy: str
    domain: str
    result: str
    server: str
    count: int


@dataclass(frozen=True, slots=True)
class Line:
    """A report."""

    id: int
    kind: Kind
    received: int
    begin: int
    end: int
    submitter: str
    organisation: str
    identifier: str
    domain: str
    policy: str
    passed: int
    failed: int
    fault: Cause
    """Why it is not counted."""


def days(tx: Tx, kind: Kind, since: int) -> list[Day]:
    """By the day on which what they are about began, in order."""
    day = report.c.begins - report.c.begins % DAY
    rows = tx.execute(
        select(day, _sum(report.c.passed), _sum(report.c.failed))
        .where(_counted(kind, since))
        .group_by(day)
        .order_by(day)
    )
    return [Day(int(at), int(passed), int(failed)) for at, passed, failed in map(tuple, rows)]


def senders(tx: Tx, since: int, limit: int) -> list[Sender]:
    """Who sends in our name, those with most that failed first, then those with most."""
    rows_ = report_source.c
    good = _sum(case((or_(rows_.dkim > 0, rows_.spf > 0), rows_["count"]), else_=0))
    held = _sum(case((rows_.disposition.in_(("quarantine", "reject")), rows_["count"]), else_=0))
    total = _sum(rows_["count"])
    found = (
        select(rows_.address, good.label("good"), total.label("total"), held.label("held"))
        .join_from(report_source, report, report.c.id == rows_.report_id)
        .where(_counted(Kind.DMARC, since))
        .group_by(rows_.address)
        .order_by((total - good).desc(), total.desc(), rows_.address)
        .limit(limit)
        .subquery()
    )
    named = select(found, report_host.c.name).outerjoin(report_host, report_host.c.address == found.c.address)
    lines = [
        tuple(row) for row in tx.execute(named.order_by((found.c.total - found.c.good).desc(), found.c.total.desc()))
    ]
    domains = _domains(tx, since, [line[0] for line in lines])
    return [
        Sender(address, name or "", int(good), int(total - good), int(held), domains.get(address, ""))
        for address, good, total, held, name in lines
    ]


def _domains(tx: Tx, since: int, addresses: Sequence[str]) -> dict[str, str]:
    """The domain of most envelopes of each."""
    rows_ = report_source.c
    total = _sum(rows_["count"])
    rows = tx.execute(
        select(rows_.address, rows_.envelope)
        .join_from(report_source, report, report.c.id == rows_.report_id)
        .where(_counted(Kind.DMARC, since), rows_.address.in_(addresses), rows_.envelope != "")
        .group_by(rows_.address, rows_.envelope)
        .order_by(total.desc())
        .limit(MAX_DOMAINS)
    )
    found: dict[str, str] = {}
    for address, domain in map(tuple, rows):
        found.setdefault(address, domain)
    return found


def outcomes(tx: Tx, since: int, limit: int) -> list[Outcome]:
    """How TLS sessions with our servers ended, failures first."""
    rows_ = report_session.c
    total = _sum(rows_["count"])
    rows = tx.execute(
        select(rows_.policy, rows_.domain, rows_.result, rows_.server, total)
        .join_from(report_session, report, report.c.id == rows_.report_id)
        .where(_counted(Kind.TLS, since))
        .group_by(rows_.policy, rows_.domain, rows_.result, rows_.server)
        .order_by(case((rows_.result == "", 1), else_=0), total.desc())
        .limit(limit)
    )
    return [Outcome(row[0], row[1], row[2], row[3], int(row[4])) for row in map(tuple, rows)]


def listing(tx: Tx, limit: int, before: int = 0, *, faults: bool = False) -> list[Line]:
    """Reports, those that came last first, with ids below `before`; `faults`: only those that are not counted."""
    asked = select(report).order_by(report.c.id.desc()).limit(limit)
    if before:
        asked = asked.where(report.c.id < before)
    if faults:
        asked = asked.where(report.c.code != NO_CODE)
    return [
        Line(
            row.id,
            Kind(row.kind),
            row.received,
            row.begins,
            row.ends,
            row.submitter,
            row.organisation,
            row.identifier,
            row.domain,
            row.policy,
            row.passed,
            row.failed,
            causes.of_row(row.code, row.parameters) if row.code else NOTHING,
        )
        for row in tx.execute(asked)
    ]


def has_faults(tx: Tx) -> bool:
    """Whether reports are listed that could not be counted."""
    return tx.execute(select(report.c.id).where(report.c.code != NO_CODE).limit(1)).first() is not None


def _sum(values: ColumnElement[Any]) -> ColumnElement[float]:
    """Others write the values: a sum of integers ends in an error where it has more than 63 bits (SQLite)."""
    return func.sum(cast(values, Double))


def _counted(kind: Kind, since: int) -> ColumnElement[bool]:
    return (report.c.kind == int(kind)) & (report.c.begins >= since) & (report.c.code == "")
