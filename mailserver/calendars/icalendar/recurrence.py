"""When the components of a calendar object happen, one after the other (RFC 5545 section 3.8.5, RFC 4791 section 9.9).

Over what vobject has parsed, and lazily: who asks stops where enough was seen. Radicale asks here as well
(`visit_time_ranges` takes the place of its own), since its own walk knows no single dates that say their end, no
change of "this and all that follow", and no series of which only some occurrences are known.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, Final

import vobject  # type: ignore[import-untyped]
from radicale.item import filter as radicale_filter
from vobject import icalendar as vobject_icalendar

from mailserver.calendars.icalendar.recurrence_bounds import MOST_SHIFT
from mailserver.calendars.icalendar.zone_names import name_of

KINDS: Final = ("VEVENT", "VTODO", "VJOURNAL")
FLOATING: ContextVar[tzinfo] = ContextVar("floating", default=UTC)
"""The zone of times that name none, and of whole days, for whoever asks (RFC 4791 section 9.8)."""

_SECOND, _DAY, _NOTHING = timedelta(seconds=1), timedelta(days=1), timedelta()
_EVER: Final = (radicale_filter.DATETIME_MIN, radicale_filter.DATETIME_MAX)
_of_property: Final = radicale_filter.visit_time_ranges

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Happening:
    """One occurrence."""

    component: Any
    """Whose properties it has."""
    begins: datetime | None
    ends: datetime | None
    spans: tuple[Span, ...]
    """A range of time that touches any of these meets it; the end of a span is excluded."""
    of_exception: bool = False
    earliest: datetime | None = None
    """None of those that follow begins earlier; None: nothing is known."""


@dataclass(frozen=True, slots=True)
class _Change:
    """An exception that holds for what follows, too (RANGE=THISANDFUTURE)."""

    since: datetime
    component: Any
    shift: timedelta


def happenings(
    calendar: Any,
    kind: str,
    wanted: Callable[[Any], bool] | None = None,
    endless: Callable[[datetime], bool] | None = None,
) -> Iterator[Happening]:
    """The occurrences of the components of one kind: exceptions, then the series in its order.

    `wanted` says whether an occurrence of a component is looked for at all: a series without any is not walked.
    `endless` hears of the first of a series that does not end; True: it need not be walked.

    Raises ValueError, TypeError and the like for dates that do not fit together.
    """
    main, exceptions = _sorted(calendar.contents.get(kind.lower(), ()))
    for one in exceptions:
        yield from _alone(kind, one, of_exception=True)
    if main is None:
        return
    if not _recurs(main) or _first(main) is None:
        yield from _alone(kind, main, of_exception=False)
        return
    changes = sorted(_changes(exceptions), key=lambda change: change.since)
    if wanted is not None and not any(wanted(one) for one in (main, *(change.component for change in changes))):
        return
    yield from _series(kind, main, exceptions, changes, endless)


def within(calendar: Any, kind: str, start: datetime, end: datetime) -> list[bool]:
    """Which components of a kind, in their order, have to do with a range of time: the series has, and each exception
    that lies in it, would have lain in it, or changes what does (RFC 4791 section 9.6.6).
    """
    components = calendar.contents.get(kind.lower(), ())
    main, _ = _sorted(components)
    return [one is main or _concerns(kind, main, one, start, end) for one in components]


def _concerns(kind: str, main: Any, exception: Any, start: datetime, end: datetime) -> bool:
    held = exception.recurrence_id
    since = _moment(held.value)
    if "THISANDFUTURE" in (value.upper() for value in held.params.get("RANGE", ())) and since < end:
        return True
    spans = [span for one in _alone(kind, exception, of_exception=True) for span in one.spans]
    if main is not None and _first(main) is not None:
        wall = held.value if isinstance(held.value, datetime) else datetime.combine(held.value, time())
        spans += _RANGES[kind](main, wall, None)[2]
    return any(start < ends and begins < end for begins, ends in spans)


def visit_time_ranges(
    vobject_item: Any,
    child_name: str,
    range_fn: Callable[[datetime, datetime, bool], bool],
    infinity_fn: Callable[[datetime], bool],
    component_fn: Callable[[Any], bool | None] | None = None,
) -> None:
    """What Radicale calls to walk; `component_fn` hears of the component of each occurrence."""
    if child_name not in KINDS:
        _of_property(vobject_item, child_name, range_fn, infinity_fn)
        return
    for one in happenings(vobject_item, child_name, endless=infinity_fn):
        if component_fn is not None and component_fn(one.component) is False:
            continue
        for begins, ends in one.spans:
            if range_fn(begins, ends, one.of_exception):
                return


radicale_filter.visit_time_ranges = visit_time_ranges


class _SingleDates(vobject_icalendar.MultiDateBehavior):  # type: ignore[misc]
    """RDATE, whose periods vobject reads and does not write."""

    @staticmethod
    def transformFromNative(line: Any) -> Any:
        if not (line.isNative and line.value and isinstance(line.value[0], tuple)):
            return vobject_icalendar.MultiDateBehavior.transformFromNative(line)
        zone = name_of(line.value[0][0].tzinfo)
        if zone is not None:
            line.tzid_param = zone
        line.isNative = False
        line.value = ",".join(vobject_icalendar.periodToString(one) for one in line.value)
        return line


vobject.base.registerBehavior(_SingleDates, "RDATE", default=True)


# ---------------------------------------------------------------------- components


def _sorted(components: Iterable[Any]) -> tuple[Any, list[Any]]:
    """The component that is the series (None: only some occurrences are known), and the exceptions."""
    main, exceptions = None, []
    for one in components:
        if "recurrence-id" in one.contents and one.recurrence_id.value:
            exceptions.append(one)
        elif main is not None:
            raise ValueError("Two components that are the series")
        else:
            main = one
    if main is None and not exceptions:
        raise ValueError("No component of this kind")
    return main, exceptions


def _recurs(component: Any) -> bool:
    return any(name in component.contents for name in ("rrule", "rdate", "exdate"))


def _value(component: Any, name: str) -> Any:
    lines = component.contents.get(name, ())
    return lines[0].value if lines else None


def _first(component: Any) -> Any:
    """What the dates of a series are: DTSTART, or DUE of a task that has no start."""
    start = _value(component, "dtstart")
    return _value(component, "due") if start is None and component.name == "VTODO" else start


def _changes(exceptions: Iterable[Any]) -> Iterator[_Change]:
    for one in exceptions:
        held = one.recurrence_id
        ranges = [value.upper() for value in held.params.get("RANGE", ())]
        start = _first(one)
        shift = _moment(start) - _moment(held.value) if start is not None else None
        if "THISANDFUTURE" in ranges and shift is not None and abs(shift) <= MOST_SHIFT:
            yield _Change(_comparable(held.value), one, shift)


def _moment(value: date) -> datetime:
    """A date or time as a moment, in the zone of whoever asks where it has none."""
    if not isinstance(value, datetime):
        value = datetime.combine(value, time())
    return value.replace(tzinfo=FLOATING.get()) if value.tzinfo is None else value


def _comparable(value: date) -> datetime:
    return _moment(value).astimezone(UTC)


# ---------------------------------------------------------------------- series


def _series(
    kind: str,
    main: Any,
    exceptions: list[Any],
    changes: list[_Change],
    endless: Callable[[datetime], bool] | None,
) -> Iterator[Happening]:
    replaced = {_comparable(one.recurrence_id.value) for one in exceptions}
    back = min((_NOTHING, *(change.shift for change in changes)))
    asked = endless is None or not _is_endless(main)
    for original, length in _dates(main):
        if not asked:
            asked = True
            assert endless is not None
            if endless(_moment(original) + back):
                return
        component, shift = main, _NOTHING
        if replaced:
            when = _comparable(original)
            if when in replaced:
                continue
            for change in changes:
                if change.since >= when:
                    break
                component, shift = change.component, change.shift
        begins, ends, spans = _RANGES[kind](component, original + shift, length)
        yield Happening(component, begins, ends, spans, earliest=_moment(original) + back)


def _is_endless(main: Any) -> bool:
    rules = (line.value.upper() for line in main.contents.get("rrule", ()))
    return any("UNTIL=" not in rule and "COUNT=" not in rule for rule in rules)


def _dates(main: Any) -> Iterator[tuple[datetime, timedelta | None]]:
    """When the occurrences begin, as the series' clock says it, and how long those last that say it themselves."""
    first = _first(main)
    wall = first if isinstance(first, datetime) else datetime.combine(first, time())
    lengths = dict(_periods(main, wall))
    rules = main.getrruleset(addRDate=True)
    singles = sorted(lengths)
    if rules is None or not (rules._rrule or rules._rdate):  # kept by dateutil for itself
        singles = sorted({wall, *singles})
    left_out = {_comparable(one) for line in main.contents.get("exdate", ()) for one in line.value}
    merged = heapq.merge((one for one in singles if _comparable(one) not in left_out), rules or ())
    before = None
    for one in merged:
        if one != before:
            yield one, lengths.get(one)
        before = one


def _periods(main: Any, first: datetime) -> Iterator[tuple[datetime, timedelta]]:
    """Single dates that say their end (RFC 5545 section 3.8.5.2, VALUE=PERIOD), on the clock of the series."""
    for line in main.contents.get("rdate", ()):
        for one in line.value:
            if not isinstance(one, tuple):
                continue
            begins, until = (_on_the_clock_of(first, part) if isinstance(part, datetime) else part for part in one)
            yield begins, until if isinstance(until, timedelta) else until - begins


def _on_the_clock_of(first: datetime, value: datetime) -> datetime:
    if first.tzinfo is None:
        return value.replace(tzinfo=None)
    return value.replace(tzinfo=first.tzinfo) if value.tzinfo is None else value


# ---------------------------------------------------------------------- how long


def _alone(kind: str, component: Any, *, of_exception: bool) -> Iterator[Happening]:
    first = _first(component)
    if first is None and kind != "VTODO":
        if kind == "VEVENT":
            raise ValueError("An event without a start")
        return
    wall = first if first is None or isinstance(first, datetime) else datetime.combine(first, time())
    begins, ends, spans = _RANGES[kind](component, wall, None)
    yield Happening(component, begins, ends, spans, of_exception)


_Ranges = tuple[datetime | None, datetime | None, tuple[Span, ...]]


def _event(event: Any, start: datetime, length: timedelta | None) -> _Ranges:
    """The table for events of RFC 4791 section 9.9."""
    first, last, lasts = (_value(event, name) for name in ("dtstart", "dtend", "duration"))
    if length is not None:
        touched = length
    elif last is not None:
        length = touched = _between(first, last)
    elif lasts is not None:
        length, touched = lasts, max(lasts, _SECOND)
    else:
        length, touched = (_NOTHING, _SECOND) if isinstance(first, datetime) else (_DAY, _DAY)
    begins = _moment(start)
    return begins, _moment(start + length), ((begins, _moment(start + touched)),)


def _between(first: date, last: date) -> timedelta:
    """Raises TypeError for a date and a time."""
    if isinstance(first, datetime) and isinstance(last, datetime) and (first.tzinfo is None) != (last.tzinfo is None):
        first, last = _on_the_clock_of(last, first) if first.tzinfo is None else first, _on_the_clock_of(first, last)
        first, last = _moment(first), _moment(last)
    return last - first


def _task(task: Any, start: datetime | None, _length: timedelta | None) -> _Ranges:
    """The table for tasks."""
    first, due, lasts = (_value(task, name) for name in ("dtstart", "due", "duration"))
    if start is None:
        return _undated(task)
    begins = _moment(start)
    if first is not None and lasts is not None:
        ends = _moment(start + lasts)
        return begins, ends, ((begins, ends + _SECOND), (ends - _SECOND, ends + _SECOND))
    if first is not None and due is not None:
        ends = begins + (_moment(due) - _moment(first))
        soon = begins + _SECOND
        return begins, ends, ((begins, ends), (begins, soon), (ends - _SECOND, ends), (ends - _SECOND, soon))
    if first is not None:
        return begins, begins, ((begins, begins + _SECOND),)
    return begins, begins, ((begins - _SECOND, begins),)


def _undated(task: Any) -> _Ranges:
    """A task that has neither start nor end."""
    made, done = (
        _moment(value) if value is not None else None for value in (_value(task, "created"), _value(task, "completed"))
    )
    if made is not None and done is not None:
        span = min(made, done) - _SECOND, max(made, done) + _SECOND
    elif done is not None:
        span = done - _SECOND, done + _SECOND
    elif made is not None:
        span = made, _EVER[1]
    else:
        span = _EVER
    return None, None, (span,)


def _journal(journal: Any, start: datetime, _length: timedelta | None) -> _Ranges:
    """The table for journals."""
    begins = _moment(start)
    ends = _moment(start + (_SECOND if isinstance(_value(journal, "dtstart"), datetime) else _DAY))
    return begins, ends, ((begins, ends),)


_RANGES: Final[dict[str, Callable[[Any, Any, timedelta | None], _Ranges]]] = {
    "VEVENT": _event,
    "VTODO": _task,
    "VJOURNAL": _journal,
}
