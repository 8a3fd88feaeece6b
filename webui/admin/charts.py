"""Charts of traffic and storage: bars as SVG, drawn on the server by attributes alone, each with its table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.responses import Response

from mailserver.model.clock import DAY, HOUR
from mailserver.store.queue.traces import Step
from mailserver.store.upkeep import measures
from mailserver.store.upkeep.measures import ACCOUNTS, DATABASE, MAIL, Measure
from webui.admin.console_page import Top, top
from webui.page.context import Services, Visit

WIDTH, HEIGHT, FOOT, LEFT = 720, 180, 22, 8
SPANS = {"jour": DAY, "semaine": 7 * DAY, "mois": 30 * DAY, "an": 365 * DAY}
LABELS = 8
"""Words under one chart, at most."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, placed, with what it says."""

    x: float
    y: float
    width: float
    height: float
    when: str
    text: str


@dataclass(frozen=True, slots=True)
class Label:
    """A word under the bars."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of one measure."""

    key: str
    title: str
    summary: str
    bars: tuple[Bar, ...]
    labels: tuple[Label, ...]
    top: str
    """What the highest line stands for."""
    empty: bool
    width: int = WIDTH
    height: int = HEIGHT
    foot: int = HEIGHT - FOOT


@dataclass(frozen=True, slots=True)
class ChartsPage:
    """Every chart over one span of time."""

    top: Top
    span: str
    spans: tuple[tuple[str, str], ...]
    charts: tuple[Chart, ...]


@dataclass(frozen=True, slots=True)
class _Slot:
    """An hour or a day, and what was measured in it."""

    at: int
    when: str
    short: str
    value: int


async def show_charts(services: Services, visit: Visit) -> Response:
    """GET /admin/mesures: a day by the hour, longer spans by the day."""
    span = visit.query("duree")
    span = span if span in SPANS else "jour"
    counters = [step.value for step in Step]
    now = int(visit.now)
    begin = now - SPANS[span]
    begin -= begin % HOUR
    rows = await services.store.read(measures.since, (*counters, MAIL, ACCOUNTS, DATABASE), begin)
    charts = tuple(_charts(visit, rows, begin, daily=span != "jour"))
    _ = visit._
    spans = (("jour", _("24 heures")), ("semaine", _("7 jours")), ("mois", _("30 jours")), ("an", _("Un an")))
    return services.pages.answer(visit, "admin/charts.html", ChartsPage(top(visit, "mesures"), span, spans, charts))


def _charts(visit: Visit, rows: Sequence[Measure], begin: int, *, daily: bool) -> list[Chart]:
    _ = visit._
    number, size = visit.language.number, visit.language.size
    counted = (
        (Step.RECEIVED.value, _("Messages reçus")),
        (Step.SUBMITTED.value, _("Messages envoyés par nos utilisateurs")),
        (Step.SENT.value, _("Remises à d’autres serveurs")),
        (Step.DEFERRED.value, _("Remises différées")),
        (Step.FAILED.value, _("Remises en échec")),
    )
    charts = []
    for name, title in counted:
        slots = _slots(visit, [(row.at, row.count) for row in rows if row.name == name], begin, daily=daily, add=True)
        total = sum(slot.value for slot in slots)
        charts.append(_chart(name, title, _("Au total : %(n)s") % {"n": number(total)}, slots, number))
    for name, title in ((MAIL, _("Courrier conservé")), (DATABASE, _("Base de données"))):
        octets = [(row.at, row.octets) for row in rows if row.name == name]
        last = size(octets[-1][1]) if octets else "–"
        slots = _slots(visit, octets, begin, daily=daily, add=False)
        charts.append(_chart(name, title, _("À présent : %(n)s") % {"n": last}, slots, size))
    opened = [(row.at, row.count) for row in rows if row.name == ACCOUNTS]
    last = number(opened[-1][1]) if opened else "–"
    slots = _slots(visit, opened, begin, daily=daily, add=False)
    charts.append(_chart(ACCOUNTS, _("Comptes actifs"), _("À présent : %(n)s") % {"n": last}, slots, number))
    return charts


def _slots(visit: Visit, points: Sequence[tuple[int, int]], begin: int, *, daily: bool, add: bool) -> list[_Slot]:
    """A slot for every hour or day up to now; a gauge's last value of the day counts, a counter's are added."""
    zone, now = visit.language.zone, int(visit.now)
    slots: dict[str, _Slot] = {}
    for at in range(begin, now + 1, HOUR):
        when = datetime.fromtimestamp(at, UTC).astimezone(zone)
        key = when.strftime("%Y-%m-%d" if daily else "%Y-%m-%d %H:00")
        short = f"{when.day}/{when.month:02}" if daily else f"{when.hour:02}:00"
        slots.setdefault(key, _Slot(at, key, short, 0))
    for at, value in points:
        when = datetime.fromtimestamp(at, UTC).astimezone(zone)
        key = when.strftime("%Y-%m-%d" if daily else "%Y-%m-%d %H:00")
        known = slots.get(key)
        if known is not None:
            slots[key] = _Slot(known.at, known.when, known.short, known.value + value if add else value)
    return list(slots.values())


def _chart(key: str, title: str, summary: str, slots: Sequence[_Slot], spoken: Callable[[int], str]) -> Chart:
    highest = max((slot.value for slot in slots), default=0)
    room, step = HEIGHT - FOOT - 18, (WIDTH - 2 * LEFT) / max(1, len(slots))
    bars = tuple(
        Bar(
            x=round(LEFT + place * step, 1),
            y=round(HEIGHT - FOOT - (slot.value / highest * room if highest else 0), 1),
            width=round(max(1.0, step * 0.8), 1),
            height=round(slot.value / highest * room if highest else 0, 1),
            when=slot.when,
            text=spoken(slot.value),
        )
        for place, slot in enumerate(slots)
    )
    every = -(-len(slots) // LABELS) or 1
    labels = tuple(
        Label(round(LEFT + place * step, 1), slot.short)
        for place, slot in enumerate(slots)
        if place % every == 0 and LEFT + place * step < WIDTH - 40
    )
    return Chart(key, title, summary, bars, labels, spoken(highest), empty=not highest)
