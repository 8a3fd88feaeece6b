"""Dates of the demo: so many school days before now, at an hour of the local clock."""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

SATURDAY = 5
Day = datetime.date
When = tuple[int, str]
"""School days ago and the hour, `(3, "08:15")`; with 0 days, minutes ago: `(0, "25")`."""


MORNING, EVENING = "10:30", "18:30"
"""Between these nobody wonders why so much was written in the last two hours."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """The school's calendar, seen from a moment when people are at work."""

    now: int
    zone: ZoneInfo

    @classmethod
    def before(cls, now: int, zone: ZoneInfo) -> "Calendar":
        """Seen from now, or from the last evening before when it is night, morning or weekend."""
        calendar = cls(now, zone)
        day = calendar.today
        if day.weekday() < SATURDAY and now >= calendar.at(day, MORNING):
            return cls(min(now, calendar.at(day, EVENING)), zone)
        return cls(calendar.at(calendar.school_day(1), EVENING), zone)

    @property
    def today(self) -> Day:
        return datetime.datetime.fromtimestamp(self.now, self.zone).date()

    def instant(self, when: When) -> int:
        """Seconds since the epoch."""
        days, clock = when
        if days == 0:
            return self.now - 60 * int(clock)
        return self.at(self.school_day(days), clock)

    def school_day(self, days: int) -> Day:
        """The so-many-th weekday before today; a negative count looks ahead."""
        step = datetime.timedelta(days=-1 if days > 0 else 1)
        day = self.today
        left = abs(days)
        while left:
            day += step
            if day.weekday() < SATURDAY:
                left -= 1
        return day

    def at(self, day: Day, clock: str) -> int:
        """An hour of a day."""
        hour, minute = (int(part) for part in clock.split(":"))
        time = datetime.datetime.combine(day, datetime.time(hour, minute), self.zone)
        return int(time.timestamp())

    def offset(self, instant: int) -> int:
        """Seconds east of Greenwich at an instant."""
        offset = datetime.datetime.fromtimestamp(instant, self.zone).utcoffset()
        return int(offset.total_seconds()) if offset is not None else 0

    def written(self, instant: int) -> str:
        """A day and hour as French prose has them."""
        moment = datetime.datetime.fromtimestamp(instant, self.zone)
        return f"{french_day(moment.date())} à {moment:%H:%M}"

    @property
    def first_year(self) -> int:
        """The civil year in which this school year began."""
        return self.today.year if self.today.month >= 8 else self.today.year - 1

    def term(self) -> tuple[Day, Day]:
        """First and last day of this school year."""
        return _monday(Day(self.first_year, 9, 1)), _saturday(Day(self.first_year + 1, 7, 3))

    def holidays(self) -> Iterator[tuple[str, Day, Day]]:
        """Name, first free day and first school day again, as zone A usually has them."""
        year = self.first_year
        weeks = datetime.timedelta(days=16)
        for name, near in (
            ("Vacances de la Toussaint", Day(year, 10, 18)),
            ("Vacances de Noël", Day(year, 12, 20)),
            ("Vacances d'hiver", Day(year + 1, 2, 13)),
            ("Vacances de printemps", Day(year + 1, 4, 11)),
        ):
            start = _saturday(near)
            yield name, start, start + weeks
        yield "Vacances d'été", self.term()[1], Day(year + 1, 9, 1)

    def free(self, day: Day) -> bool:
        """True in the holidays."""
        return any(start <= day < end for _, start, end in self.holidays())


def french_day(day: Day) -> str:
    """`mardi 3 novembre 2026`."""
    return f"{WEEKDAYS[day.weekday()]} {day.day}{'er' if day.day == 1 else ''} {MONTHS[day.month - 1]} {day.year}"


WEEKDAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin",
    "juillet", "août", "septembre", "octobre", "novembre", "décembre",
)  # fmt: skip


def _saturday(near: Day) -> Day:
    """The Saturday at most three days away."""
    week = [near + datetime.timedelta(days=shift) for shift in range(-3, 4)]
    return next(day for day in week if day.weekday() == SATURDAY)


def _monday(day: Day) -> Day:
    """The day itself, or the Monday after a weekend."""
    return day + datetime.timedelta(days=max(0, 7 - day.weekday()) if day.weekday() >= SATURDAY else 0)
