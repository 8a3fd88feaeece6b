"""DMARC aggregate reports (RFC 7489 appendix C; RFC 9990, whose elements have a namespace) as values.

Ours and not parsedmarc, which brings the clients of five databases and reads whatever size it is given. The XML is read
record by record with defusedxml: no document type, no entities, and bounds on elements, depth and records.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import defusedxml.ElementTree

from mailserver.model.reports import Kind, Report, Source, merged_sources
from mailserver.reports import values
from mailserver.reports.faults import BadReport, malformed

MAX_DEPTH = 12
"""Elements within each other; a report has six."""
MAX_RECORDS = 20_000
MAX_ELEMENTS = 5000
"""Of one record, or of what stands beside the records."""
MAX_IN_ALL = 500_000
"""Elements of a report: a few seconds of CPU."""
MERGED = 5000
"""Records that are added up at once."""

_DISPOSITIONS = ("none", "pass", "quarantine", "reject")
_PUBLISHED = ("p", "sp", "np", "adkim", "aspf", "pct", "testing", "fo")


def read(octets: bytes) -> Report:
    """Raises BadReport. CPU grows with its size: call it in a thread."""
    head = _Head()
    sources: tuple[Source, ...] = ()
    waiting: list[Source] = []
    for name, element in _children(octets):
        match name:
            case "report_metadata":
                head.metadata = _flat(element)
            case "policy_published":
                head.published = _flat(element)
            case "record":
                waiting.append(_source(element))
        if len(waiting) >= MERGED:
            sources, waiting = merged_sources((*sources, *waiting), MERGED), []
    return head.report(merged_sources((*sources, *waiting)))


def _children(octets: bytes) -> Iterator[tuple[str, Any]]:
    """The children of the root, whole, by their names; what is of another namespace is passed over.

    Raises BadReport.
    """
    try:
        yield from _walk(octets)
    except (SyntaxError, ValueError, LookupError) as error:  # defusedxml's refusals are ValueErrors
        raise malformed(type(error).__name__ if isinstance(error, ValueError) else str(error)) from None


def _walk(octets: bytes) -> Iterator[tuple[str, Any]]:
    open_: list[Any] = []
    elements = records = whole = 0
    space = ""
    events = defusedxml.ElementTree.iterparse(io.BytesIO(octets), ("start", "end"), forbid_dtd=True)
    for event, element in events:
        if event == "start":
            open_.append(element)
            elements += 1
            whole += 1
            if len(open_) == 1:
                space, name = _split(element)
                if name != "feedback":
                    raise malformed(f"<{name[:40]}>")
            if len(open_) > MAX_DEPTH or elements > MAX_ELEMENTS or whole > MAX_IN_ALL:
                raise BadReport("report-too-large")
            continue
        open_.pop()
        if len(open_) != 1:
            continue
        elements = 0
        records += 1
        if records > MAX_RECORDS:
            raise BadReport("report-too-large")
        here, name = _split(element)
        if here in (space, ""):
            yield name, element
        open_[0].clear()  # a report of many records is held one at a time


def _split(element: Any) -> tuple[str, str]:
    """Namespace and name."""
    space, brace, name = str(element.tag).rpartition("}")
    return (space.removeprefix("{"), name) if brace else ("", str(element.tag))


def _flat(element: Any) -> dict[str, str]:
    """The texts within an element by their names, however deep; of several the first."""
    found: dict[str, str] = {}
    for one in element.iter():
        found.setdefault(_split(one)[1], values.text(one.text))
    return found


def _child(element: Any, *names: str) -> Any:
    """An element by its way; None: there is none."""
    for name in names:
        element = next((one for one in element if _split(one)[1] == name), None)
        if element is None:
            return None
    return element


def _text(element: Any, *names: str) -> str:
    found = _child(element, *names)
    return values.text(found.text) if found is not None else ""


def _source(record: Any) -> Source:
    """Raises BadReport."""
    evaluated = ("row", "policy_evaluated")
    disposition = _text(record, *evaluated, "disposition").lower()
    results = _child(record, "auth_results")
    return Source(
        values.address(_text(record, "row", "source_ip"), "source_ip"),
        values.domain(_text(record, "identifiers", "header_from")),
        disposition if disposition in _DISPOSITIONS else "none",
        _text(record, *evaluated, "dkim").lower() == "pass",
        _text(record, *evaluated, "spf").lower() == "pass",
        _domain_of(results, "dkim"),
        values.domain(_text(record, "identifiers", "envelope_from")) or _domain_of(results, "spf"),
        values.number(_text(record, "row", "count"), "count"),
    )


def _domain_of(results: Any, method: str) -> str:
    """The domain that passed a method, else the first that it was tried for."""
    tried = [] if results is None else [one for one in results if _split(one)[1] == method]
    passed = [one for one in tried if _text(one, "result").lower() == "pass"]
    return next((values.domain(_text(one, "domain")) for one in (*passed, *tried)), "")


@dataclass(slots=True)
class _Head:
    metadata: dict[str, str] = field(default_factory=dict)
    published: dict[str, str] = field(default_factory=dict)

    def report(self, sources: tuple[Source, ...]) -> Report:
        """Raises BadReport."""
        said, published = self.metadata, self.published
        begin, end = (values.number(said.get(name), name, values.LATEST) for name in ("begin", "end"))
        values.check_dates(begin, end)
        domain = values.domain(published.get("domain"))
        identifier = said.get("report_id", "")
        if not domain or not identifier:
            raise malformed("report_id" if domain else "domain")
        if not sources:
            raise malformed("record")
        policy = values.text("; ".join(f"{name}={published[name]}" for name in _PUBLISHED if published.get(name)))
        organisation = said.get("org_name", "")
        return Report(Kind.DMARC, organisation, said.get("email", ""), identifier, begin, end, domain, policy, sources)
