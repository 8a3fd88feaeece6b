"""The dates of a task that recurs (RFC 5545 section 3.8.5), and how it goes on to a later one.

A rule says what it says of weekdays, weeks and days of the month from its start on. So a series begins with one of the
rule's own dates, also where it has gone on to a date that stands beside the rule or was moved: what is passed since
that beginning is left out by EXDATE, as section 3.8.5.1 wants it of DTSTART.
"""

import datetime
from collections.abc import Iterable
from typing import Any, Final

import recurring_ical_events  # type: ignore[import-untyped]

from mailserver.calendars import events, rules, single_dates
from mailserver.calendars.icalendar import cleaning, zones
from mailserver.calendars.icalendar.zone_names import parsed
from mailserver.calendars.occurrences import first_text, moment
from mailserver.model.budget import Budget
from mailserver.model.errors import Reason, Refused

MAX_DATES = 400
"""Of a task that recurs, which are looked at for one that is still open."""
_CLOSED: Final = ("COMPLETED", "CANCELLED")
_SECOND, _DAY = datetime.timedelta(seconds=1), datetime.timedelta(days=1)


class Series:
    """The components of one UID."""

    def __init__(self, text: str, budget: Budget) -> None:
        """Raises BadSyntax, Refused(NOT_FOUND | INVALID | LIMIT)."""
        self.calendar: Any = parsed(cleaning.clean(text.encode(), budget))
        self.parts: list[Any] = self.calendar.walk("VTODO")
        if not self.parts:
            raise Refused(Reason.NOT_FOUND, "Not a task")
        self.master: Any = next((part for part in self.parts if "RECURRENCE-ID" not in part), self.parts[0])
        self.budget = budget

    @property
    def recurs(self) -> bool:
        return any(name in self.master for name in ("RRULE", "RDATE"))

    @property
    def exceptions(self) -> list[Any]:
        """The components of single dates."""
        return [part for part in self.parts if part is not self.master]

    def dates(self) -> Iterable[Any]:
        """Its occurrences as components, the earliest first. Raises Refused(LIMIT)."""
        begins = [anchor(part) for part in self.parts if "DTSTART" in part or "DUE" in part]
        begins += single_dates.begins(self.master, "RDATE")
        start = min(moment(one, datetime.UTC) for one in begins) - _DAY
        query = recurring_ical_events.of(self.calendar, components=("VTODO",))
        for number, date in enumerate(query.after(start)):
            self.budget.check()
            if number >= MAX_DATES:
                return
            yield date

    def current(self) -> Any:
        """The component that is shown: the first date that is still open, else the last."""
        if not self.recurs or is_closed(self.master):
            return self.master
        last = self.master
        for date in self.dates():
            if not is_closed(date):
                return date
            last = date
        return last

    def following(self) -> Any:
        """The open date after the one that is shown; None after the last."""
        passed = False
        for date in self.dates():
            if is_closed(date):
                continue
            if passed:
                return date
            passed = True
        return None

    def named(self, date: Any) -> datetime.datetime:
        """Which date of the series this is, wherever it was moved, on the wall clock of the start."""
        if "RECURRENCE-ID" not in date:
            return self._clock(anchor(date))
        named = date["RECURRENCE-ID"]
        if "RANGE" not in named.params:
            return self._clock(named.dt)
        # That of the change, for each date that follows it: it is as far from its place as the change itself.
        change = next(one for one in self.exceptions if self._clock(one["RECURRENCE-ID"].dt) == self._clock(named.dt))
        return self._clock(anchor(date)) - (self._clock(anchor(change)) - self._clock(named.dt))

    def exception(self, date: Any) -> Any:
        """The component of that date alone; None: it has none."""
        when = self.named(date)
        return next((one for one in self.exceptions if self._clock(one["RECURRENCE-ID"].dt) == when), None)

    def drop(self, exception: Any) -> None:
        """Take the component of a single date away."""
        self.calendar.subcomponents.remove(exception)
        self.parts.remove(exception)

    def text(self) -> str:
        """The whole as iCalendar, with the zones it uses."""
        zones.complete(self.calendar)
        octets: bytes = self.calendar.to_ical()
        return octets.decode()

    # ------------------------------------------------------------------ going on

    def go_on(self, following: Any) -> None:
        """That date is the first; those before it are passed."""
        until = self.named(following)
        passed = set()
        for date in self.dates():
            if self.named(date) == until:
                break
            passed.add(self.named(date))
        for other in self.exceptions:
            if self.named(other) in passed and "RANGE" not in other["RECURRENCE-ID"].params:
                self.drop(other)
        self._begin(min([until, *(self._clock(one["RECURRENCE-ID"].dt) for one in self.exceptions)]), passed)

    def _begin(self, earliest: datetime.datetime, passed: set[datetime.datetime]) -> None:
        """Begin with the last date of the rule up to the earliest that is left, and leave out what is passed."""
        start = anchor(self.master)
        if not any(rules.first_from(recur, start, earliest) for recur in recurs(self.master)):
            self.master.pop("RRULE", None)  # what is left stands beside it
        first = earliest
        if recurs(self.master):
            given = [set(rules.walked(recur, start, earliest)) for recur in recurs(self.master)]
            first = max({rules.naive_of(start)} | set.intersection(*given))
        self._leave_out(first, passed)
        for recur in recurs(self.master):
            if "COUNT" in recur:
                gone = len(rules.walked(recur, start, first - _SECOND))
                recur["COUNT"] = [max(1, int(recur["COUNT"][0]) - gone)]
        later = first - rules.naive_of(start)
        for name in ("DTSTART", "DUE"):
            if name in self.master:
                events.put(self.master, name, put_off(self.master[name].dt, later))

    def _leave_out(self, first: datetime.datetime, passed: set[datetime.datetime]) -> None:
        """Those of the dates passed that a series beginning there would have again."""
        start = anchor(self.master)
        given = {rules.naive_of(start)}
        for recur in recurs(self.master):
            given.update(rules.walked(recur, start, max(passed, default=first)))
        beside = single_dates.listed(self.master, "RDATE")
        alone = None if recurs(self.master) else first  # the start itself
        single_dates.put(
            self.master,
            "RDATE",
            [one for one in beside if self._clock(single_dates.begin(one)) not in {*passed, alone}],
        )
        left_out = single_dates.listed(self.master, "EXDATE")
        again = [self._written(one) for one in sorted(passed) if one >= first and one in given]
        kept = [one for one in left_out if self._clock(single_dates.begin(one)).date() >= first.date()]
        single_dates.put(self.master, "EXDATE", [*kept, *again])

    def _clock(self, when: datetime.date) -> datetime.datetime:
        return rules.naive_of(like(when, anchor(self.master)))

    def _written(self, when: datetime.datetime) -> datetime.date:
        """A wall clock time of the series, in the kind of its start."""
        start = anchor(self.master)
        return when.replace(tzinfo=start.tzinfo) if isinstance(start, datetime.datetime) else when.date()


def is_closed(one: Any) -> bool:
    """True when it is done, or will not be."""
    return first_text(one, "STATUS").upper() in _CLOSED or "COMPLETED" in one


def anchor(one: Any) -> datetime.date:
    """The date its rule counts from. Raises KeyError without any."""
    found: datetime.date = one["DTSTART" if "DTSTART" in one else "DUE"].dt
    return found


def recurs(master: Any) -> list[Any]:
    """Its rules."""
    value = master.get("RRULE", [])
    return value if isinstance(value, list) else [value]


def put_off(when: datetime.date, later: datetime.timedelta) -> datetime.date:
    """Put off on its own wall clock, so that summer time leaves the hour alone."""
    if not isinstance(when, datetime.datetime):
        return when + later
    return (when.replace(tzinfo=None) + later).replace(tzinfo=when.tzinfo)


def like(when: datetime.date, start: datetime.date) -> datetime.date:
    """The same moment in the zone of a start, where both have one."""
    if not isinstance(when, datetime.datetime) or not isinstance(start, datetime.datetime):
        return when
    return when if when.tzinfo is None or start.tzinfo is None else when.astimezone(start.tzinfo)
