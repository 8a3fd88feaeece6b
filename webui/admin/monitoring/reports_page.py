"""What other servers report: who sends mail in our name, TLS on the way to us, and each report that came."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from starlette.responses import Response

from mailserver.model.clock import DAY
from mailserver.model.reports import Kind
from mailserver.store.reports import figures, tls_seen
from mailserver.store.reports.figures import Day, Line, Outcome, Sender
from mailserver.store.reports.tls_seen import Waiting
from mailserver.store.upkeep.measures import Measure
from mailserver.texts import tls_results
from webui.admin.console_page import Top, stamp, top
from webui.admin.monitoring.charts import counters, days
from webui.admin.monitoring.drawing import Chart, Slot
from webui.admin.words.import_reasons import told
from webui.http.forms import positive
from webui.page.context import Services, Visit

PATH = "/admin/rapports"
SPANS = {"semaine": 7, "mois": 30, "trimestre": 90}
MAX_SENDERS = 100
MAX_OUTCOMES = 200
MAX_WAITING = 50
"""Domains and days that are still to be told of TLS with them."""
MAX_FAILURES = 20
"""Of each, whose causes are named."""
PER_PAGE = 100
PASSED, FAILED = "passed", "failed"


@dataclass(frozen=True, slots=True)
class SenderLine:
    """An address that sends in our name."""

    sender: Sender
    passed: str
    failed: str
    held_back: str


@dataclass(frozen=True, slots=True)
class OutcomeLine:
    """How TLS sessions ended."""

    outcome: Outcome
    policy: str
    result: str
    count: str


@dataclass(frozen=True, slots=True)
class WaitingLine:
    """What a domain will be told about a day."""

    domain: str
    day: str
    passed: str
    failed: str
    why: str


@dataclass(frozen=True, slots=True)
class ReportsPage:
    """What the reports of a span of time come to."""

    top: Top
    span: str
    spans: tuple[tuple[str, str], ...]
    reads: bool
    """Addresses for reports are set."""
    charts: tuple[Chart, ...]
    senders: tuple[SenderLine, ...]
    outcomes: tuple[OutcomeLine, ...]
    waiting: tuple[WaitingLine, ...]
    sends: bool
    """What waits is told."""
    most: int
    faults: bool
    """Some reports could not be counted."""


@dataclass(frozen=True, slots=True)
class ReceivedLine:
    """A report."""

    line: Line
    kind: str
    at: str
    period: str
    passed: str
    failed: str
    fault: str


@dataclass(frozen=True, slots=True)
class ReceivedPage:
    """The reports themselves, or those alone that are not counted."""

    top: Top
    lines: tuple[ReceivedLine, ...]
    faults: bool
    after: int


async def show_reports(services: Services, visit: Visit) -> Response:
    """GET /admin/rapports."""
    span = visit.query("duree") if visit.query("duree") in SPANS else "mois"
    slots = days(visit, SPANS[span])
    # A report is about a day of UTC: the first that ends in the span.
    since = slots[0].at - slots[0].at % DAY
    read, slowly = services.store.read, services.store.read_slow
    dmarc, tls = await read(figures.days, Kind.DMARC, since), await read(figures.days, Kind.TLS, since)
    senders = await slowly(visit.account_id, figures.senders, since, MAX_SENDERS)
    outcomes = await slowly(visit.account_id, figures.outcomes, since, MAX_OUTCOMES)
    waiting = await slowly(visit.account_id, tls_seen.waiting, MAX_WAITING, MAX_FAILURES)
    _ = visit._
    settings = services.settings.reports
    page = ReportsPage(
        top(visit, "rapports"),
        span,
        (("semaine", _("7 jours")), ("mois", _("30 jours")), ("trimestre", _("90 jours"))),
        bool(settings.dmarc or settings.tls),
        tuple(_charts(visit, slots, dmarc, tls)) if dmarc or tls else (),
        tuple(_sender(visit, one) for one in senders),
        tuple(_outcome(visit, one) for one in outcomes),
        tuple(_waiting(visit, one) for one in waiting),
        settings.send_tls,
        MAX_SENDERS,
        await read(figures.has_faults),
    )
    return services.pages.answer(visit, "admin/monitoring/reports.html", page)


def _charts(visit: Visit, slots: Sequence[Slot], dmarc: Sequence[Day], tls: Sequence[Day]) -> Iterator[Chart]:
    _ = visit._
    drawn = (
        ("dmarc", _("Messages en notre nom, par jour"), dmarc),
        ("tls", _("Connexions chiffrées vers nous, par jour"), tls),
    )
    names = ((PASSED, _("réussis")), (FAILED, _("en échec")))
    for key, title, found in drawn:  # their titles say what is counted
        yield replace(counters(visit, _measures(found), slots, (key, title, names)), unit="")


def _measures(found: Sequence[Day]) -> list[Measure]:
    """As charts want them. A day of UTC falls into the local day that most of it is."""
    counts = ((one.at + DAY // 2, ((PASSED, one.passed), (FAILED, one.failed))) for one in found)
    return [Measure(name, at, count, 0) for at, values in counts for name, count in values]


def _sender(visit: Visit, one: Sender) -> SenderLine:
    number = visit.language.number
    return SenderLine(one, number(one.passed), number(one.failed), number(one.held_back))


def _outcome(visit: Visit, one: Outcome) -> OutcomeLine:
    say = visit.language.say
    policy, result = tls_results.policy(one.policy), tls_results.result(one.result)
    return OutcomeLine(one, say(policy), say(result), visit.language.number(one.count))


def _waiting(visit: Visit, one: Waiting) -> WaitingLine:
    number, say = visit.language.number, visit.language.say
    kinds = dict.fromkeys(say(tls_results.result(session.result)) for session, _ in one.failures)
    day = datetime.fromtimestamp(one.due.day, UTC).strftime("%d/%m/%Y")
    return WaitingLine(one.due.domain, day, number(one.passed), number(one.failed), ", ".join(kinds))


async def show_received(services: Services, visit: Visit) -> Response:
    """GET /admin/rapports/recus."""
    faults = visit.query("fautes") == "oui"
    before = positive(visit.query("apres"))
    found = await services.store.read(figures.listing, PER_PAGE + 1, before, faults=faults)
    after = found[PER_PAGE - 1].id if len(found) > PER_PAGE else 0
    lines = tuple(_received(visit, one) for one in found[:PER_PAGE])
    page = ReceivedPage(top(visit, "rapports"), lines, faults, after)
    return services.pages.answer(visit, "admin/monitoring/reports_received.html", page)


def _received(visit: Visit, one: Line) -> ReceivedLine:
    number = visit.language.number
    # Reporters count by days of UTC.
    begin, end = (datetime.fromtimestamp(at, UTC).strftime("%d/%m/%Y") for at in (one.begin, one.end))
    period = begin if begin == end else f"{begin} – {end}"
    kind = "DMARC" if one.kind is Kind.DMARC else "TLS"
    fault = told(visit, one.fault)
    if one.fault:
        return ReceivedLine(one, kind, stamp(visit, one.received), "–", "–", "–", fault)
    return ReceivedLine(one, kind, stamp(visit, one.received), period, number(one.passed), number(one.failed), "")
