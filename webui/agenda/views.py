"""Weeks, days, months and lists of events."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from starlette.responses import Response

from mailserver.calendars.occurrences import DAY, Occurrence
from mailserver.calendars.school import school_holidays
from mailserver.calendars.school.school_holidays import week_letter
from mailserver.model.errors import Reason, Refused
from webui.agenda import event_items, flash_texts, grid, mini_month, words
from webui.agenda.calendars import class_colours
from webui.agenda.calendars.class_colours import SchoolClass
from webui.agenda.collections_shown import Shelf, addresses_of
from webui.agenda.event_items import Desk, home
from webui.agenda.form_values import YEARS
from webui.agenda.grid import Axis, More, Place
from webui.agenda.mini_month import MiniMonth
from webui.agenda.tasks import task_lines
from webui.agenda.tasks.task_lines import Line
from webui.page.agenda_links import item_id
from webui.page.context import SIMPLE, Services, Visit
from webui.page.rendering import redirect

WEEK, DAY_VIEW, MONTH, LIST = "semaine", "jour", "mois", "liste"
VIEWS: Final = (WEEK, DAY_VIEW, MONTH, LIST)
_TEMPLATES: Final = {MONTH: "agenda/month.html", LIST: "agenda/list.html"}
LIST_DAYS = 30
SEARCH_DAYS = 366
"""How far around its day a search looks."""
MAX_FOUND = 200
IN_MONTH = 3
"""Events a day of the month shows."""
TALL = 70
"""Minutes of an event that has room for a title of several lines."""
IN_WHOLE = 4
"""All-day events a day of the week shows."""
IN_DAY = 4
"""Tasks that a day shows."""
MAX_WORDS = 100
ALL_HOURS = "24"


@dataclass(frozen=True, slots=True)
class Link:
    """An event as every view shows it: a link that says title, day, hours, place."""

    one: Occurrence
    shelf: Shelf
    address: str
    hours: str
    movable: bool
    colour: str
    place: Place | None = None

    @property
    def narrow(self) -> bool:
        """True where others stand beside it."""
        return self.place is not None and self.place.width < self.place.lanes

    @property
    def abridged(self) -> bool:
        """True where there is room for the name of the class alone."""
        return self.narrow and self.place is not None and self.place.length < TALL and bool(self.one.school_class)


@dataclass(frozen=True, slots=True)
class Column:
    """One day of a view."""

    day: datetime.date
    weekday: str
    """Shortened."""
    long: str
    today: bool
    holiday: str
    whole: tuple[Link, ...]
    timed: tuple[Link, ...]
    more: tuple[More, ...] = ()
    tasks: tuple[Line, ...] = ()
    """Those that are due then; the first ones."""
    tasks_hidden: int = 0
    hidden: int = 0
    """Events of a day of the month that found no room."""
    whole_hidden: int = 0
    """All-day events of a day of the week that found no room."""
    outside: bool = False
    """Of another month than the one shown."""

    @property
    def links(self) -> tuple[Link, ...]:
        return self.whole + self.timed


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the views, or a step in time."""

    title: str
    address: str
    current: bool = False


@dataclass(frozen=True, slots=True)
class AgendaPage:
    """A view."""

    frame: object
    desk: Desk
    home: str
    view: str
    day: datetime.date
    title: str
    subtitle: str
    views: tuple[Choice, ...]
    before: str
    now: str
    after: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Column, ...], ...]
    axis: Axis
    clock: int
    """Minutes from the top of the axis to now, -1 when now is not shown."""
    working: tuple[int, int]
    """The rows in which the working hours begin, and are over."""
    zones: tuple[str, ...]
    month: MiniMonth
    classes: tuple[SchoolClass, ...]
    done: str
    undo: str
    count: int
    """Events on the page."""
    cut: bool = False
    unreadable: int = 0
    missing: tuple[Shelf, ...] = ()
    query: str = ""


async def index(services: Services, visit: Visit) -> Response:
    """GET /agenda: the view the person prefers, the day on a phone; a date chosen in the form leads to its page."""
    phone = "Mobi" in visit.request.headers.get("user-agent", "")
    usual = DAY_VIEW if phone and visit.preferences.agenda_view == WEEK else visit.preferences.agenda_view
    view = visit.query("vue") if visit.query("vue") in VIEWS else usual
    day = day_of(visit.query("jour")) or words.today(visit)
    if visit.interface == SIMPLE:
        return redirect(visit, f"{home(visit)}/{day}")
    # Phones show a week as a list: it opens at the day that was asked for.
    return redirect(visit, f"{home(visit)}/{view}/{day}", q=visit.query("q")[:MAX_WORDS], _at=f"j{day}")


async def simple(services: Services, visit: Visit) -> Response:
    """GET /s/agenda/{date}: the days from there on, as a list."""
    return await _page(services, visit, LIST, 7, "agenda/simple.html")


async def show_agenda(services: Services, visit: Visit) -> Response:
    """GET /agenda/{view}/{date}. Raises Refused(NOT_FOUND)."""
    view = str(visit.request.path_params["view"])
    if view not in VIEWS:
        raise Refused(Reason.NOT_FOUND)
    return await _page(services, visit, view, LIST_DAYS, _TEMPLATES.get(view, "agenda/grid.html"))


async def _page(services: Services, visit: Visit, view: str, days: int, template: str) -> Response:
    day = day_of(str(visit.request.path_params["day"]))
    if day is None:
        raise Refused(Reason.NOT_FOUND)
    place = await event_items.desk(services, visit)
    query = " ".join(visit.query("q").split())[:MAX_WORDS] if view == LIST else ""
    shown = _span(visit, view, day, days)
    around = datetime.timedelta(days=SEARCH_DAYS if query else 0)
    expansion, missing = await event_items.occurrences(
        services, visit, place, shown[0] - around, shown[-1] + around + DAY, query
    )
    found = expansion.occurrences
    if query:
        found = found[:MAX_FOUND]
        expansion = replace(expansion, cut=expansion.cut or len(found) < len(expansion.occurrences))
        shown = sorted({one.start.date() for one in found})
    chosen = visit.preferences
    hours = grid.WHOLE_DAY
    if view in (WEEK, DAY_VIEW) and visit.query("heures") != ALL_HOURS:
        hours = grid.axis(shown, found, chosen.day_begins, chosen.day_ends)
    lanes = grid.WIDE_DAY if len(shown) == 1 else grid.NARROW_DAY if len(shown) < 6 else grid.CROWDED_WEEK
    columns = tuple(_column(services, visit, place, view, one, day, found, hours, lanes) for one in shown)
    if shown and not query:
        columns = await _with_tasks(services, visit, place, columns)
    page = _made(services, visit, place, view, day, days, columns, hours, found)
    page = replace(page, cut=expansion.cut, unreadable=expansion.unreadable, missing=missing, query=query)
    return services.pages.answer(visit, template, page)


def _made(
    services: Services,
    visit: Visit,
    place: Desk,
    view: str,
    day: datetime.date,
    days: int,
    columns: tuple[Column, ...],
    hours: Axis,
    found: Sequence[Occurrence],
) -> AgendaPage:
    shown = [column.day for column in columns]
    chosen = visit.preferences
    return AgendaPage(
        frame=place.frame,
        desk=place,
        home=home(visit),
        view=view,
        day=day,
        title=_title(visit, view, day, shown),
        subtitle=_subtitle(visit, view, day),
        views=tuple(Choice(title, f"{home(visit)}/{name}/{day}", name == view) for name, title in _titles(visit)),
        before=_beside(visit, view, day, -1, days),
        now=f"{_address(visit, view, words.today(visit))}#j{words.today(visit)}",
        after=_beside(visit, view, day, 1, days),
        columns=columns,
        rows=tuple(columns[at : at + 7] for at in range(0, len(columns), 7)) if view == MONTH else (),
        axis=hours,
        clock=_clock(visit, shown, hours),
        working=(hours.at(chosen.day_begins * 60) // 60, hours.at(chosen.day_ends * 60) // 60),
        zones=school_holidays.of(services.settings.directory).zones,
        month=mini_month.around(services, visit, view, day),
        classes=class_colours.met(visit, place, found),
        done=flash_texts.announcement(visit),
        undo=visit.query("retour"),
        count=len(found),
    )


def _column(
    services: Services,
    visit: Visit,
    place: Desk,
    view: str,
    day: datetime.date,
    chosen: datetime.date,
    found: Sequence[Occurrence],
    hours: Axis,
    lanes: int,
) -> Column:
    language = visit.language
    busy = visit._("Occupé")
    laid = grid.lay(day, found, hours, lanes)

    def link(one: Occurrence, at: Place | None) -> Link:
        shelf = place.shelf(one.collection_id)
        hidden = shelf.times_only or (bool(shelf.owner) and one.private)
        address = f"{home(visit)}/evenement/{item_id(one.collection_id, one.href)}"
        marks = [f"le={one.key}"] if one.key else []
        marks += [f"vue={view}"] if visit.interface != SIMPLE else []
        address += "?" + "&".join(marks) if marks else ""
        movable = not hidden and is_movable(visit, shelf, one.foreign)
        shown = replace(one, title=busy, school_class="") if hidden else one
        colour = class_colours.colour_of(visit, shelf, one)
        return Link(shown, shelf, address, words.hours(language, one, day), movable, colour, at)

    whole = tuple(link(one, None) for one in laid.whole)
    if view in (LIST, MONTH):
        timed = tuple(link(one, None) for one in sorted(grid.timed(found, day), key=lambda one: grid.span(one, day)))
    else:
        timed = tuple(link(at.one, at) for at in laid.places)
    hidden = whole_hidden = 0
    if view == WEEK:
        whole_hidden = max(0, len(whole) - IN_WHOLE)
    if view == MONTH:
        room = max(0, IN_MONTH - len(whole))
        hidden = max(0, len(whole) - IN_MONTH) + max(0, len(timed) - room)
    return Column(
        day,
        words.short_weekday(language, day),
        words.full_day(language, day) if view != LIST else words.long_day(language, day),
        day == words.today(visit),
        school_holidays.of(services.settings.directory).on(visit.preferences.school_zone, day),
        whole,
        timed,
        laid.more,
        hidden=hidden,
        whole_hidden=whole_hidden,
        outside=day.month != chosen.month,
    )


async def _with_tasks(services: Services, visit: Visit, place: Desk, columns: Sequence[Column]) -> tuple[Column, ...]:
    """The same days with the tasks that are due then."""
    lines = await task_lines.between(services, visit, place, columns[0].day, columns[-1].day)
    due: dict[datetime.date, list[Line]] = {}
    for line in lines:
        if line.task.due is not None:
            due.setdefault(line.task.due.date(), []).append(line)
    return tuple(
        replace(column, tasks=tuple(those[:IN_DAY]), tasks_hidden=max(0, len(those) - IN_DAY))
        for column in columns
        for those in [due.get(column.day, [])]
    )


def is_movable(visit: Visit, shelf: Shelf, organizer: str) -> bool:
    """True for an event that is the person's own to change, or that of whoever lets them write in the agenda."""
    own = shelf.addresses | {address.casefold() for address in addresses_of(visit.principal)}
    return not shelf.read_only and (not organizer or organizer.casefold() in own)


# ---------------------------------------------------------------------- days


def day_of(text: str) -> datetime.date | None:
    try:
        day = datetime.date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year in YEARS and len(text) == 10 else None


def _span(visit: Visit, view: str, day: datetime.date, days: int) -> list[datetime.date]:
    begins = visit.preferences.week_begins
    if view == MONTH:
        return [one for week in grid.weeks(day, begins) for one in week]
    if view == DAY_VIEW:
        return [day]
    if view == LIST:
        return [day + datetime.timedelta(days=number) for number in range(days)]
    first = day - datetime.timedelta(days=(day.weekday() - begins) % 7)
    week = [first + datetime.timedelta(days=number) for number in range(7)]
    return [one for one in week if visit.preferences.weekends or one.weekday() < 5 or one == day]


def _address(visit: Visit, view: str, day: datetime.date) -> str:
    return f"{home(visit)}/{day}" if visit.interface == SIMPLE else f"{home(visit)}/{view}/{day}"


def _beside(visit: Visit, view: str, day: datetime.date, way: int, days: int) -> str:
    """The view before or after."""
    if view == MONTH:
        first = day.replace(day=1)
        other = first - DAY if way < 0 else first + datetime.timedelta(days=32)
        other = other.replace(day=1)
    else:
        other = day + datetime.timedelta(days={WEEK: 7, DAY_VIEW: 1, LIST: days}[view]) * way
    return _address(visit, view, other) if other.year in YEARS else ""


def _clock(visit: Visit, shown: Sequence[datetime.date], hours: Axis) -> int:
    moment = words.now(visit)
    is_shown = moment.date() in shown and hours.edges[0] <= moment.hour < hours.edges[-1]
    return hours.at(moment.hour * 60 + moment.minute) if is_shown else -1


def _titles(visit: Visit) -> tuple[tuple[str, str], ...]:
    _ = visit._
    return (DAY_VIEW, _("Jour")), (WEEK, _("Semaine")), (MONTH, _("Mois")), (LIST, _("Liste"))


def _title(visit: Visit, view: str, day: datetime.date, shown: Sequence[datetime.date]) -> str:
    if view == MONTH:
        return words.month(visit.language, day)
    if view == DAY_VIEW or not shown or len(shown) == 1:
        text = words.long_day(visit.language, day)
        return text[:1].upper() + text[1:]
    return words.days_between(visit.language, shown[0], shown[-1])


def _subtitle(visit: Visit, view: str, day: datetime.date) -> str:
    """The week's number, and whether it is A or B."""
    if view not in (WEEK, DAY_VIEW):
        return ""
    text = visit._("semaine %(number)s") % {"number": day.isocalendar().week}
    letter = week_letter(day, visit.preferences.week_a)
    return f"{text} · {letter}" if letter else text
