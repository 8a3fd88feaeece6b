"""Charts of traffic and storage, drawn on the server (`drawing`), each with its table."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from starlette.responses import Response

from mailserver.model.clock import HOUR
from mailserver.store.queue.traces import Step
from mailserver.store.upkeep import measures
from mailserver.store.upkeep.measures import ACCOUNTS, DATABASE, MAIL, QUEUE, Measure
from webui.admin.console_page import Top, begin_of, top
from webui.admin.monitoring.drawing import Chart, Measured, Series, Slot, chart, thinned
from webui.page.context import Services, Visit

SPANS = ("jour", "semaine", "mois", "an")
HOURS, WEEKS = 24, 53
NAMES = (*(step.value for step in Step), MAIL, ACCOUNTS, DATABASE, QUEUE)


@dataclass(frozen=True, slots=True)
class ChartsPage:
    """Every chart over one span of time."""

    top: Top
    span: str
    spans: tuple[tuple[str, str], ...]
    charts: tuple[Chart, ...]


async def show_charts(services: Services, visit: Visit) -> Response:
    """GET /admin/mesures: a day by the hour, longer spans by the day, a year by the week."""
    span = visit.query("duree") if visit.query("duree") in SPANS else "jour"
    match span:
        case "jour":
            slots = hours(visit)
        case "an":
            slots = _weeks(visit)
        case _:
            slots = days(visit, 7 if span == "semaine" else 30)
    rows = await services.store.read(measures.since, NAMES, slots[0].at)
    _ = visit._
    spans = (("jour", _("24 heures")), ("semaine", _("7 jours")), ("mois", _("30 jours")), ("an", _("Un an")))
    page = ChartsPage(top(visit, "mesures"), span, spans, tuple(_charts(visit, rows, slots)))
    return services.pages.answer(visit, "admin/monitoring/charts.html", page)


def hourly(visit: Visit, rows: Sequence[Measure]) -> Chart:
    """What came and what was sent in the last 24 hours."""
    return _traffic(visit, rows, hours(visit))


def _charts(visit: Visit, rows: Sequence[Measure], slots: Sequence[Slot]) -> Iterator[Chart]:
    _ = visit._
    yield _traffic(visit, rows, slots)
    relayed = (
        (Step.SENT.value, _("remises")),
        (Step.DEFERRED.value, _("différées")),
        (Step.FAILED.value, _("en échec")),
    )
    yield counters(visit, rows, slots, ("remises", _("Remises à d’autres serveurs"), relayed))
    yield _gauge(visit, rows, slots, (QUEUE, _("File d’attente"), _("envois")))
    yield _gauge(visit, rows, slots, (MAIL, _("Courrier conservé"), ""))
    yield _gauge(visit, rows, slots, (DATABASE, _("Base de données"), ""))
    yield _gauge(visit, rows, slots, (ACCOUNTS, _("Comptes actifs"), _("comptes")))


def _traffic(visit: Visit, rows: Sequence[Measure], slots: Sequence[Slot]) -> Chart:
    _ = visit._
    title = {HOURS: _("Messages par heure"), WEEKS: _("Messages par semaine")}.get(len(slots), _("Messages par jour"))
    names = ((Step.RECEIVED.value, _("reçus")), (Step.SUBMITTED.value, _("envoyés")))
    return counters(visit, rows, slots, ("messages", title, names))


def counters(
    visit: Visit,
    rows: Sequence[Measure],
    slots: Sequence[Slot],
    about: tuple[str, str, Sequence[tuple[str, str]]],
) -> Chart:
    """Counted things, a colour for each; what falls into a slot is added up."""
    key, title, names = about
    number = visit.language.number
    filled = _filled(slots, [[(row.at, row.count) for row in rows if row.name == name] for name, _ in names])
    series = tuple(
        Series(words, number(sum(slot.values[place] for slot in filled))) for place, (_, words) in enumerate(names)
    )
    return chart(Measured(key, title, visit._("messages"), series), filled, number, _spoken(visit))


def _gauge(visit: Visit, rows: Sequence[Measure], slots: Sequence[Slot], about: tuple[str, str, str]) -> Chart:
    """How something stood; the last value of a slot counts. Without a unit the values are octets."""
    key, title, unit = about
    text = visit.language.number if unit else visit.language.size
    points = [(row.at, row.count if unit else row.octets) for row in rows if row.name == key]
    filled = _filled(slots, [points], add=False)
    series = (Series(visit._("à présent"), text(points[-1][1]) if points else "–"),)
    return chart(Measured(key, title, unit, series, octets=not unit), filled, text, _spoken(visit))


def _spoken(visit: Visit) -> str:
    return visit._("De %(low)s à %(high)s, le plus haut : %(when)s.")


# ---------------------------------------------------------------------- time


def hours(visit: Visit) -> list[Slot]:
    """The last 24 hours, this one included."""
    now = int(visit.now)
    first = now - now % HOUR - (HOURS - 1) * HOUR
    return [_hour(visit, first + place * HOUR) for place in range(HOURS)]


def _hour(visit: Visit, at: int) -> Slot:
    when = datetime.fromtimestamp(at, visit.language.zone)
    short = visit._("%(hour)s h") % {"hour": when.hour} if when.hour % 3 == 0 else ""
    return Slot(at, when.strftime("%d/%m/%Y %H:00"), short, ())


def days(visit: Visit, count: int) -> list[Slot]:
    """The last days, today included."""
    today = visit.language.day(visit.now)
    found = [today - timedelta(days=back) for back in range(count - 1, -1, -1)]
    return thinned([_day(visit, day, f"{day.day}/{day.month:02}") for day in found])


def _weeks(visit: Visit) -> list[Slot]:
    """The last weeks from Monday on, this one included; a month is named where its first week begins."""
    today = visit.language.day(visit.now)
    monday = today - timedelta(days=today.weekday())
    found = [monday - timedelta(weeks=back) for back in range(WEEKS - 1, -1, -1)]
    return [_day(visit, day, visit.language.written(day, "LLL") if day.day <= 7 else "") for day in found]


def _day(visit: Visit, day: date, short: str) -> Slot:
    return Slot(begin_of(visit, day), day.strftime("%d/%m/%Y"), short, ())


def _filled(slots: Sequence[Slot], series: Sequence[Sequence[tuple[int, int]]], *, add: bool = True) -> list[Slot]:
    """The slots with what was measured from the beginning of each to that of the next: added up, or the last value."""
    begins = [slot.at for slot in slots]
    values = [[0] * len(series) for _ in slots]
    for number, points in enumerate(series):
        for at, value in points:
            place = bisect_right(begins, at) - 1
            if place >= 0:
                values[place][number] = values[place][number] + value if add else value
    return [replace(slot, values=tuple(mine)) for slot, mine in zip(slots, values, strict=True)]
