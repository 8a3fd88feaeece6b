"""The components of one event: the series, and those that stand for one of its occurrences (RFC 5545 section 3.8.4.4).

A series that is known by some occurrences alone, as an invitation to those leaves it, has no `master`.
"""

import copy
import datetime
from typing import Any, Final

import recurring_ical_events  # type: ignore[import-untyped]

from mailserver.calendars import events, rules, single_dates
from mailserver.calendars.icalendar import zones
from mailserver.calendars.icalendar.zone_names import parsed
from mailserver.calendars.occurrences import ending, key_of, moment, read_key, same
from mailserver.model.errors import Reason, Refused

_SECOND, _DAY = datetime.timedelta(seconds=1), datetime.timedelta(days=1)
_SERIES_ONLY: Final = ("RRULE", "RDATE", "EXDATE", "EXRULE")


class Series:
    """The components of one UID."""

    def __init__(self, text: str) -> None:
        """Raises Refused(NOT_FOUND) for anything but events."""
        self.calendar: Any = parsed(text)
        self.events: list[Any] = self.calendar.walk("VEVENT")
        if not self.events:
            raise Refused(Reason.NOT_FOUND, "Not an event")
        self.master: Any = next((event for event in self.events if "RECURRENCE-ID" not in event), None)

    @property
    def recurs(self) -> bool:
        """True when there is more than one occurrence to tell apart."""
        return self.master is None or any(name in self.master for name in ("RRULE", "RDATE"))

    def key(self, key: str) -> datetime.date:
        """The date or time a key names, in the zone of the series. Raises Refused(NOT_FOUND)."""
        start = self._start
        return _like(read_key(key, start.tzinfo if isinstance(start, datetime.datetime) else None), start)

    def key_of(self, when: datetime.date) -> str:
        """The key of the occurrence that a RECURRENCE-ID names."""
        return key_of(_like(when, self._start))

    def named(self, event: Any) -> datetime.date:
        """The date or time a RECURRENCE-ID names, in the zone of the series."""
        return _like(event["RECURRENCE-ID"].dt, self._start)

    @property
    def _start(self) -> datetime.date:
        start: datetime.date = (self.master or self.events[0])["DTSTART"].dt
        return start

    def override(self, when: datetime.date) -> Any:
        """The component of that occurrence alone, or None."""
        return next(
            (event for event in self.events if "RECURRENCE-ID" in event and same(event["RECURRENCE-ID"].dt, when)), None
        )

    def shown(self, key: str) -> Any:
        """The occurrence of a key as a component. Raises Refused(NOT_FOUND)."""
        if not self.recurs or not key:
            return self.master or self.events[0]
        when = self.key(key)
        found = self.override(when)
        if found is not None:
            return found
        begin = when if isinstance(when, datetime.datetime) else datetime.datetime.combine(when, datetime.time())
        for event in recurring_ical_events.of(self.calendar).between(begin, begin + _SECOND):
            if "RECURRENCE-ID" in event and same(event["RECURRENCE-ID"].dt, when):
                return event
        raise Refused(Reason.NOT_FOUND, "No such occurrence")

    def alone(self, key: str) -> Any:
        """The component of that occurrence alone, made where there is none. Raises Refused(NOT_FOUND)."""
        when, shown = self.key(key), self.shown(key)
        one = self.override(when)
        if one is None:
            one = copy.deepcopy(self.master)
            for name in (*_SERIES_ONLY, "RECURRENCE-ID"):
                one.pop(name, None)
            one.add("RECURRENCE-ID", when)
            events.set_times(one, shown["DTSTART"].dt, ending(shown))
            self.add(one)
        return one

    def leave_out(self, when: datetime.date) -> None:
        """That occurrence does not take place (RFC 5545 section 3.8.5.1)."""
        override = self.override(when)
        if override is not None:
            self.drop(override)
        if self.master is not None and not any(same(one, when) for one in single_dates.begins(self.master, "EXDATE")):
            self.master.add("EXDATE", when)

    def take_up(self, when: datetime.date) -> None:
        """It does take place, although it was left out before."""
        if self.master is None:
            return
        left_out = single_dates.begins(self.master, "EXDATE")
        single_dates.put(self.master, "EXDATE", [one for one in left_out if not same(one, when)])

    def end(self, when: datetime.date) -> None:
        """No occurrence from that one on."""
        for recur in rules_of(self.master):
            recur.pop("COUNT", None)
            recur["UNTIL"] = [rules.before(when)]
        for name in ("EXDATE", "RDATE"):
            listed = single_dates.listed(self.master, name)
            single_dates.put(self.master, name, [one for one in listed if earlier(single_dates.begin(one), when)])
        for other in [event for event in self.events if event is not self.master]:
            if not earlier(other["RECURRENCE-ID"].dt, when):
                self.drop(other)

    def begins_with(self, when: datetime.date) -> bool:
        """Whether that occurrence is the first one."""
        return self.master is not None and not earlier(self.master["DTSTART"].dt, when)

    def happens(self) -> bool:
        """Whether an occurrence is left: exceptions may have taken all that a rule gives."""
        if self.master is None:
            return bool(self.events)
        if any("COUNT" not in recur and "UNTIL" not in recur for recur in rules_of(self.master)):
            return True
        start = moment(self.master["DTSTART"].dt, datetime.UTC) - _DAY
        return next(iter(recurring_ical_events.of(self.calendar).after(start)), None) is not None

    def drop(self, event: Any) -> None:
        """Take a component away."""
        self.calendar.subcomponents.remove(event)
        self.events.remove(event)

    def add(self, event: Any) -> None:
        """Add a component."""
        self.calendar.subcomponents.append(event)
        self.events.append(event)

    def text(self) -> str:
        """The whole as iCalendar, with the zones it uses."""
        zones.complete(self.calendar)
        octets: bytes = self.calendar.to_ical()
        return octets.decode()


def earlier(one: datetime.date, other: datetime.date) -> bool:
    """Whether a moment lies before another, on the wall clock that the other is written in."""
    return on_clock(one, other) < rules.naive_of(other)


def _like(when: datetime.date, start: datetime.date) -> datetime.date:
    """The same moment in the zone of a start, where both have one."""
    if not isinstance(when, datetime.datetime) or not isinstance(start, datetime.datetime):
        return when
    return when if when.tzinfo is None or start.tzinfo is None else when.astimezone(start.tzinfo)


def on_clock(when: datetime.date, start: datetime.date) -> datetime.datetime:
    """A moment on the wall clock that a start is written in."""
    return rules.naive_of(_like(when, start))


def rules_of(master: Any) -> list[Any]:
    """The recurrence rules of a component: none, one, or several (RFC 5545 section 3.8.5.3: should be one)."""
    value = master.get("RRULE", [])
    return value if isinstance(value, list) else [value]
