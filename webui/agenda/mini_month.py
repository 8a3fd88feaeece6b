"""The month beside every view: its weeks with their numbers, today, the days that are shown, and holidays."""

import datetime
from dataclasses import dataclass

from mailserver.calendars.school import school_holidays
from webui.agenda import grid, words
from webui.agenda.form_values import YEARS
from webui.page.context import Services, Visit


@dataclass(frozen=True, slots=True)
class Day:
    """One day and the view that begins there."""

    date: datetime.date
    address: str
    today: bool
    outside: bool
    holiday: str


@dataclass(frozen=True, slots=True)
class Week:
    """A week by its number in the year."""

    number: int
    shown: bool
    days: tuple[Day, ...]


@dataclass(frozen=True, slots=True)
class MiniMonth:
    """One month; `before` and `after` lead to its neighbours, the view staying where it is."""

    title: str
    letters: tuple[tuple[str, str], ...]
    """Of the weekdays: one letter, and the whole name."""
    weeks: tuple[Week, ...]
    before: str
    after: str


def around(services: Services, visit: Visit, view: str, day: datetime.date) -> MiniMonth:
    """The month that the address asks for (`mois=2026-12`), else that of the day."""
    begins = visit.preferences.week_begins
    month = _asked(visit.query("mois")) or day.replace(day=1)
    today, seasons = words.today(visit), school_holidays.of(services.settings.directory)
    weeks = []
    for dates in grid.weeks(month, begins):
        days = tuple(
            Day(
                date,
                f"/agenda/{view}/{date}",
                date == today,
                date.month != month.month,
                seasons.on(visit.preferences.school_zone, date),
            )
            for date in dates
        )
        # A week that begins on Sunday has the number of its Monday.
        number = next(date for date in dates if date.weekday() == 0).isocalendar().week
        weeks.append(Week(number, day in dates, days))
    names = [words.weekday(visit.language, (begins + number) % 7) for number in range(7)]
    return MiniMonth(
        words.month(visit.language, month),
        tuple((name[:1].upper(), name) for name in names),
        tuple(weeks),
        _address(view, day, month - datetime.timedelta(days=1)),
        _address(view, day, month + datetime.timedelta(days=32)),
    )


def _address(view: str, day: datetime.date, month: datetime.date) -> str:
    return f"/agenda/{view}/{day}?mois={month:%Y-%m}" if month.year in YEARS else ""


def _asked(text: str) -> datetime.date | None:
    try:
        month = datetime.date.fromisoformat(f"{text}-01")
    except ValueError:
        return None
    return month if month.year in YEARS and len(text) == 7 else None
