"""When events happen: the occurrences of stored events within a span of time, as the reader's clock shows them.

A time with a zone is shown in the reader's zone; a floating time is the reader's own; a date is a whole day wherever
one is (RFC 5545 section 3.3.5). Rules were judged when they were stored (`cleaning`), so an expansion ends; the budget
bounds what a page of many such rules may cost together.
"""

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import icalendar
import recurring_ical_events  # type: ignore[import-untyped]

from mailserver.calendars.icalendar import cleaning, recurrence_bounds
from mailserver.calendars.icalendar.zone_names import parsed
from mailserver.calendars.school.school_classes import class_of
from mailserver.model.budget import Budget
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.store.agenda.agenda_items import Item
from mailserver.store.engine.memory import Memory

PAGE_SECONDS = 4.0
"""Of CPU for the occurrences of one page."""
MAX_OCCURRENCES = 3000
"""On one page; further ones are left out and the page says so."""
SERIES = Memory(96 * 1024 * 1024)
"""Parsed events a process remembers: the same timetable is shown again and again."""
PARSED = 128
"""Octets a parsed event may take for each of its text (seen: CATEGORIES:a,a,a,…); an ordinary one takes a sixth."""
MARGIN = datetime.timedelta(days=1)
"""Stored spans take floating times as UTC; no zone is further away than this."""
MAX_SHOWN = 500
"""Characters of a title or place."""
DAY = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One happening of an event; times are aware, in the reader's zone, `end` excluded."""

    collection_id: int
    href: str
    key: str
    """Which one of a recurring event (its RECURRENCE-ID); empty: the event happens once."""
    title: str
    place: str
    start: datetime.datetime
    end: datetime.datetime
    all_day: bool
    private: bool = False
    cancelled: bool = False
    tentative: bool = False
    free: bool = False
    """It does not make its owner busy (RFC 5545 section 3.8.2.7)."""
    foreign: str = ""
    """Address of the organizer, empty without one."""
    etag: str = ""
    """Of the item, as it was expanded."""
    school_class: str = ""
    """The class it is about, as its categories or title name it."""

    def on(self, day: datetime.date) -> bool:
        """True when it touches that day."""
        begin = datetime.datetime.combine(day, datetime.time(), self.start.tzinfo)
        after = datetime.datetime.combine(day + DAY, datetime.time(), self.start.tzinfo)
        return self.start < after and (self.end > begin or self.start >= begin)


@dataclass(frozen=True, slots=True)
class Expansion:
    """What was found, and what was not."""

    occurrences: tuple[Occurrence, ...]
    cut: bool = False
    """There is more than the page bears."""
    unreadable: int = 0
    """Events whose dates could not be computed."""


def spread(
    rows: Iterable[tuple[int, Item]],
    start: datetime.datetime,
    end: datetime.datetime,
    zone: datetime.tzinfo,
    budget: Budget | None = None,
) -> Expansion:
    """The occurrences of these items (with their collections' ids) in [start, end), earliest first.

    Computes: call it in a thread when there are many.
    """
    budget = budget or Budget(PAGE_SECONDS)
    found: list[Occurrence] = []
    unreadable = 0
    for collection_id, row in rows:
        try:
            budget.check()
        except Refused:
            return _whole(found, unreadable, cut=True)
        try:
            for occurrence in _of(collection_id, row, start, end, zone, budget):
                found.append(occurrence)
                if len(found) >= MAX_OCCURRENCES:
                    return _whole(found, unreadable, cut=True)
        except Refused as refused:
            if refused.reason is Reason.LIMIT:
                return _whole(found, unreadable, cut=True)
            unreadable += 1
        except (BadSyntax, ValueError, TypeError, KeyError, AttributeError, ArithmeticError, LookupError):
            unreadable += 1
    return _whole(found, unreadable, cut=False)


def _whole(found: list[Occurrence], unreadable: int, *, cut: bool) -> Expansion:
    found.sort(key=lambda one: (one.start, not one.all_day, one.start - one.end, one.title, one.href))
    return Expansion(tuple(found), cut, unreadable)


def _series(text: str, budget: Budget, kind: str) -> tuple[recurring_ical_events.CalendarQuery, bool]:
    """The event ready to be asked, and whether it recurs. The text is the key: no stale answer is possible.

    It is judged again: what was stored under an earlier version's bounds may cost more than today's let it.
    Raises BadSyntax, Refused(INVALID | LIMIT).
    """
    known: tuple[recurring_ical_events.CalendarQuery, bool] | None = SERIES.get(f"{kind} {text}")
    if known is not None:
        return known
    calendar = parsed(cleaning.clean(text.encode(), budget))
    for event in calendar.walk("VEVENT"):
        _forget_end_before_start(event)
    for event in calendar.walk(kind):
        _forget_far_change(event)
    recurs = any(name in event for event in calendar.walk(kind) for name in ("RRULE", "RDATE", "RECURRENCE-ID"))
    made = recurring_ical_events.of(calendar, components=[kind]), recurs
    SERIES.put(f"{kind} {text}", made, PARSED * len(text))
    return made


def _forget_end_before_start(event: Any) -> None:
    """No event ends before it starts (RFC 5545 section 3.8.2.2): of a series that does so by years, every occurrence in
    those years would be computed for each day that is shown."""
    if "DTSTART" in event and moment(ending(event), datetime.UTC) < moment(event["DTSTART"].dt, datetime.UTC):
        event.pop("DTEND", None)
        event.pop("DURATION", None)


def _forget_far_change(event: Any) -> None:
    """A change of this and all that follows that moves them too far stands for itself alone."""
    named, first = event.get("RECURRENCE-ID"), event.get("DTSTART", event.get("DUE"))
    if named is None or first is None or "RANGE" not in named.params:
        return
    if abs(moment(first.dt, datetime.UTC) - moment(named.dt, datetime.UTC)) > recurrence_bounds.MOST_SHIFT:
        del named.params["RANGE"]


def _of(
    collection_id: int,
    row: Item,
    start: datetime.datetime,
    end: datetime.datetime,
    zone: datetime.tzinfo,
    budget: Budget,
) -> Iterator[Occurrence]:
    for event, recurs in components(row.text or "", start - MARGIN, end + MARGIN, budget):
        made = shown(collection_id, row, event, zone, recurs=recurs)
        if made.start < end and (made.end > start or made.start >= start):
            yield made


def components(
    text: str, start: datetime.datetime, end: datetime.datetime, budget: Budget, kind: str = "VEVENT"
) -> Iterator[tuple[Any, bool]]:
    """The occurrences between as components, and whether the event recurs. The budget is looked at before each.

    Raises BadSyntax, Refused(INVALID | LIMIT).
    """
    query, recurs = _series(text, budget, kind)
    first, last = query.to_datetime(start), query.to_datetime(end)
    for series in query.series:
        for occurrence in series.between(first, last):
            budget.check()
            yield _itself(occurrence, occurrence.as_component(query.keep_recurrence_attributes)), recurs


def _itself(occurrence: Any, event: Any) -> Any:
    """An occurrence that a change of this and all that follow has moved is named as if it stood where it was."""
    named = event.get("RECURRENCE-ID")
    if named is not None and "RANGE" in named.params:
        event["RECURRENCE-ID"] = icalendar.vDDDTypes(event["DTSTART"].dt - occurrence._adapter.move_recurrences_by)
    return event


def shown(collection_id: int, row: Item, event: Any, zone: datetime.tzinfo, *, recurs: bool) -> Occurrence:
    """An occurrence as it is shown. Raises ValueError and its like for dates that do not fit together."""
    first, last = event["DTSTART"].dt, ending(event)
    all_day = not isinstance(first, datetime.datetime)
    begins, ends = moment(first, zone), moment(last, zone)
    if all_day and ends <= begins:
        ends = begins + DAY
    status = first_text(event, "STATUS").upper()
    title = line(first_text(event, "SUMMARY"))
    return Occurrence(
        collection_id,
        row.href,
        key_of(event["RECURRENCE-ID"].dt) if recurs and "RECURRENCE-ID" in event else "",
        title,
        line(first_text(event, "LOCATION")),
        begins,
        max(begins, ends),
        all_day,
        private=first_text(event, "CLASS").upper() not in ("", "PUBLIC"),
        cancelled=status == "CANCELLED",
        tentative=status == "TENTATIVE",
        free=first_text(event, "TRANSP").upper() == "TRANSPARENT",
        foreign=organizer(event),
        etag=row.etag,
        school_class=class_of(title, categories(event)),
    )


def categories(event: Any) -> tuple[str, ...]:
    """The names in all CATEGORIES; `event.categories` would add the property where there is none."""
    values = event.get("CATEGORIES", [])
    lists = values if isinstance(values, list) else [values]
    return tuple(str(name) for one in lists for name in getattr(one, "cats", ()))


def first_text(event: Any, name: str) -> str:
    """The text of a property; of the first when there are several although RFC 5545 allows one."""
    value = event.get(name, "")
    return str(value[0] if isinstance(value, list) else value)


def organizer(event: Any) -> str:
    """Address of who organizes an event, empty without one."""
    text = first_text(event, "ORGANIZER")
    return text[7:] if text.lower().startswith("mailto:") else text


def ending(event: Any) -> datetime.date:
    """When an event ends: DTEND, or DURATION, or what RFC 5545 section 3.6.1 says without them."""
    first: datetime.date = event["DTSTART"].dt
    if "DTEND" in event:
        last: datetime.date = event["DTEND"].dt
        return last
    if "DURATION" in event:
        after: datetime.date = first + event["DURATION"].dt
        return after
    return first if isinstance(first, datetime.datetime) else first + DAY


def moment(when: datetime.date, zone: datetime.tzinfo) -> datetime.datetime:
    """A date or time on the reader's clock."""
    if not isinstance(when, datetime.datetime):
        return datetime.datetime.combine(when, datetime.time(), zone)
    return when.replace(tzinfo=zone) if when.tzinfo is None else when.astimezone(zone)


def line(value: object) -> str:
    """A text property on one line, of bounded length."""
    return " ".join(str(value).split())[:MAX_SHOWN]


_FORMS: Final = {8: "%Y%m%d", 15: "%Y%m%dT%H%M%S", 16: "%Y%m%dT%H%M%SZ"}


def key_of(when: datetime.date) -> str:
    """A RECURRENCE-ID as part of an address: a date, a wall clock time, or a time in UTC with a Z."""
    if not isinstance(when, datetime.datetime):
        return f"{when:%Y%m%d}"
    return f"{when:%Y%m%dT%H%M%S}" + ("Z" if when.tzinfo is not None and when.tzname() == "UTC" else "")


def read_key(key: str, zone: datetime.tzinfo | None) -> datetime.date:
    """The date or time of a key; a wall clock time is in the event's own zone. Raises Refused(NOT_FOUND)."""
    try:
        when = datetime.datetime.strptime(key, _FORMS[len(key)])
    except (KeyError, ValueError):
        raise Refused(Reason.NOT_FOUND, "No such occurrence") from None
    if len(key) == 8:
        return when.date()
    return when.replace(tzinfo=datetime.UTC if key.endswith("Z") else zone)


def same(one: datetime.date, other: datetime.date) -> bool:
    """True when two RECURRENCE-IDs name one occurrence, whatever zones they are written in."""
    if isinstance(one, datetime.datetime) != isinstance(other, datetime.datetime):
        return False
    if not isinstance(one, datetime.datetime) or not isinstance(other, datetime.datetime):
        return one == other
    if (one.tzinfo is None) != (other.tzinfo is None):
        return one.replace(tzinfo=None) == other.replace(tzinfo=None)
    return one == other
