"""TLS reports (RFC 8460 section 4) as values."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from mailserver.model.reports import Kind, Report, Sessions, merged_sessions
from mailserver.reports import values
from mailserver.reports.faults import BadReport, malformed

MAX_OCTETS = 4 * 1024 * 1024
"""A report has some kilobytes; as objects of Python it takes thirty times as much."""
MAX_POLICIES = 1000
MAX_DETAILS = 20_000
"""Of all its policies."""

_POLICIES = ("sts", "tlsa", "no-policy-found")


def read(octets: bytes) -> Report:
    """Raises BadReport. CPU grows with its size: call it in a thread."""
    if len(octets) > MAX_OCTETS:
        raise BadReport("report-too-large")
    try:
        found = json.loads(octets)
    except (ValueError, RecursionError) as error:
        raise malformed(type(error).__name__) from None
    report = _mapping(found, "report")
    policies = _list(report.get("policies"), "policies", MAX_POLICIES)
    dates = _mapping(report.get("date-range"), "date-range")
    begin, end = _moment(dates.get("start-datetime")), _moment(dates.get("end-datetime"))
    values.check_dates(begin, end)
    identifier = values.text(report.get("report-id"))
    if not policies or not identifier:
        raise malformed("policies" if identifier else "report-id")
    sessions = merged_sessions(_sessions(policies))
    first = _mapping(_mapping(policies[0], "policies").get("policy"), "policy")
    domain = values.domain(first.get("policy-domain"))
    if not domain:
        raise malformed("policy-domain")
    kinds = sorted({_policy(_mapping(_mapping(one, "policies").get("policy"), "policy")) for one in policies})
    organisation, contact = values.text(report.get("organization-name")), values.text(report.get("contact-info"))
    return Report(Kind.TLS, organisation, contact, identifier, begin, end, domain, ", ".join(kinds), sessions=sessions)


def _sessions(policies: list[Any]) -> Iterator[Sessions]:
    """Raises BadReport."""
    left = MAX_DETAILS
    for one in policies:
        entry = _mapping(one, "policies")
        policy = _mapping(entry.get("policy"), "policy")
        kind, domain = _policy(policy), values.domain(policy.get("policy-domain"))
        summary = _mapping(entry.get("summary"), "summary")
        good = values.number(summary.get("total-successful-session-count", 0), "total-successful-session-count")
        bad = values.number(summary.get("total-failure-session-count", 0), "total-failure-session-count")
        yield Sessions(kind, domain, "", "", good)
        told = 0
        details = _list(entry.get("failure-details") or [], "failure-details", left)
        left -= len(details)
        for detail in details:
            failure = _failure(kind, domain, _mapping(detail, "failure-details"))
            told += failure.count
            yield failure
        # What the details leave out failed all the same.
        yield Sessions(kind, domain, "unspecified", "", max(bad - told, 0))


def _failure(kind: str, domain: str, detail: dict[str, Any]) -> Sessions:
    result = values.text(detail.get("result-type")).lower()[:60]
    server = values.domain(detail.get("receiving-mx-hostname"))
    count = values.number(detail.get("failed-session-count", 0), "failed-session-count")
    return Sessions(kind, domain, result or "unspecified", server, count)


def _policy(policy: dict[str, Any]) -> str:
    kind = values.text(policy.get("policy-type")).lower()
    return kind if kind in _POLICIES else "no-policy-found"


def _mapping(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise malformed(name)
    return value


def _list(value: object, name: str, most: int) -> list[Any]:
    if not isinstance(value, list):
        raise malformed(name)
    if len(value) > most:
        raise BadReport("report-too-large")
    return value


def _moment(value: object) -> int:
    try:
        found = datetime.fromisoformat(values.text(value))
        return int(found.timestamp()) if found.tzinfo is not None else _without_zone(found)
    except (ValueError, OverflowError, OSError):
        raise malformed("date-range") from None


def _without_zone(moment: datetime) -> int:
    """Some leave out that it is UTC."""
    return int(datetime.fromisoformat(f"{moment.isoformat()}+00:00").timestamp())
