"""Whether an item meets the filter of a query (RFC 4791 section 9.7, RFC 6352 section 10.5).

What stands in one filter is asked of one and the same component, property or alarm: who was invited and has not
answered is not found because somebody else has not answered. Which occurrences a component has: `icalendar.recurrence`.
"""

import datetime
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Iterator, Sequence
from string import ascii_lowercase, ascii_uppercase
from typing import Any, Final

import radicale.item
from radicale import xmlutils
from radicale.item import filter as radicale_filter

from agenda.errors import InvalidFilter, Unmet
from agenda.request_context import VISIT
from mailserver.calendars.icalendar.recurrence import FLOATING, KINDS, happenings

_SECOND, _DAY = datetime.timedelta(seconds=1), datetime.timedelta(days=1)
_COLLATIONS: Final = ("", "default", "i;ascii-casemap", "i;octet", "i;unicode-casemap")
_CAPITALS: Final = str.maketrans(ascii_uppercase, ascii_lowercase)
_CALENDAR_FILTER, _COMPONENT, _TIME_RANGE = (
    xmlutils.make_clark(f"C:{name}") for name in ("filter", "comp-filter", "time-range")
)
_PLACES: Final = {
    "VCALENDAR": (),
    "VALARM": ("VEVENT", "VTODO"),
    "STANDARD": ("VTIMEZONE",),
    "DAYLIGHT": ("VTIMEZONE",),
}
"""In which component each stands, if not in VCALENDAR."""
_TIMED: Final = (*KINDS, "VFREEBUSY", "VALARM")
_DATED: Final = frozenset({
    "COMPLETED", "CREATED", "DTEND", "DTSTAMP", "DTSTART", "DUE", "EXDATE", "LAST-MODIFIED", "RDATE", "RECURRENCE-ID",
    "TRIGGER",
})  # fmt: skip
_TEXT_MATCHES: Final = {
    "equals": str.__eq__,
    "contains": str.__contains__,
    "starts-with": str.startswith,
    "ends-with": str.endswith,
}


def check(asked: ET.Element) -> None:
    """Raises InvalidFilter for one of a calendar that asks for what cannot be (RFC 4791 section 9.7); Unmet and
    InvalidFilter for texts compared as nobody knows how to, in either protocol, whatever there is to be compared."""
    for one in asked.iter():
        if _is(one, "text-match"):
            _comparison(one)
    if asked.tag != _CALENDAR_FILTER:
        return
    if not len(asked):
        return
    if len(asked) != 1 or asked[0].tag != _COMPONENT or _name(asked[0]) != "VCALENDAR":
        raise InvalidFilter("A filter holds one comp-filter, for VCALENDAR")
    _check_component(asked[0])


def _check_component(asked: ET.Element) -> None:
    """Components stand in those they belong to, ranges of time where there are times."""
    name = _name(asked)
    for one in asked:
        if _is(one, "comp-filter"):
            inner = _name(one)
            places = _PLACES.get(inner, ("VCALENDAR",))
            if not inner.startswith("X-") and name not in places:
                raise InvalidFilter("A comp-filter where there is no such component")
            _check_component(one)
        elif _is(one, "time-range") and name not in _TIMED:
            raise InvalidFilter("A time-range where there are no times")
        elif _is(one, "prop-filter") and one.find(_TIME_RANGE) is not None and _name(one) not in _DATED:
            raise InvalidFilter("A time-range of a property that is no time")


def meets(item: radicale.item.Item, asked: ET.Element) -> bool:
    """Whether an item meets a `filter` element; an empty one asks nothing. Raises InvalidFilter, Unmet."""
    if not len(asked):
        return True
    if asked.tag == _CALENDAR_FILTER:
        top = asked[0]
        if _name(top) != item.name or item.name != "VCALENDAR":
            return bool(len(top)) and _is(top[0], "is-not-defined")
        return _meets_all(item.vobject_item, item.vobject_item, top)
    if item.name != "VCARD":
        return False
    together = any if asked.get("test", "anyof") == "anyof" else all
    return together(_has_property(item.vobject_item, one) for one in asked)


def _name(condition: ET.Element) -> str:
    return condition.get("name", "").upper()


def _is(element: ET.Element, name: str) -> bool:
    """An element of either protocol by its name: both have the same ones."""
    return element.tag.rpartition("}")[2] == name


def _of_cards(element: ET.Element) -> bool:
    return element.tag.startswith(f"{{{xmlutils.NAMESPACES['CR']}}}")


# Components


def _meets_all(calendar: Any, component: Any, asked: ET.Element) -> bool:
    """Conditions on the calendar object itself: a range of time is met by whichever kind of component it holds."""
    for one in asked:
        if _is(one, "is-not-defined"):
            return False
        if _is(one, "time-range"):
            if not any(
                _happens(calendar, kind, one, _any_component) for kind in KINDS if kind.lower() in calendar.contents
            ):
                return False
        elif not _holds(calendar, component, one):
            return False
    return True


def _any_component(_component: Any) -> bool:
    return True


def _holds(calendar: Any, component: Any, condition: ET.Element) -> bool:
    """Whether one condition (not a range of time) holds of a component."""
    if _is(condition, "prop-filter"):
        return _has_property(component, condition)
    if _is(condition, "comp-filter"):
        return _has_component(calendar, component, condition)
    raise InvalidFilter("Unknown condition in a comp-filter")


def _has_component(calendar: Any, scope: Any, asked: ET.Element) -> bool:
    name = _name(asked)
    found = [one for one in scope.contents.get(name.lower(), ()) if hasattr(one, "contents")]
    if not len(asked):
        return bool(found)
    if _is(asked[0], "is-not-defined"):
        return not found
    when = asked.find(_TIME_RANGE)
    others = [one for one in asked if one is not when]

    def fits(component: Any) -> bool:
        return all(_holds(calendar, component, one) for one in others)

    if when is None or not found:
        return any(map(fits, found))
    if name == "VALARM":
        return _rings(calendar, scope, [one for one in found if fits(one)], when)
    return any(map(fits, found)) and (name not in KINDS or _happens(calendar, name, when, fits))


# Times


def _happens(calendar: Any, kind: str, when: ET.Element, fits: Callable[[Any], bool]) -> bool:
    """Whether an occurrence of a component that fits touches a range of time (RFC 4791 section 9.9)."""
    start, end = radicale_filter.parse_time_range(when)
    check, fitting = VISIT.get().budget.check, _remembered(fits)
    for one in happenings(calendar, kind, fitting):
        check()
        if fitting(one.component) and any(start < ends and begins < end for begins, ends in one.spans):
            return True
        if one.earliest is not None and one.earliest > end:
            return False
    return False


def _remembered(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """The same, asked once of each component."""
    known: dict[int, bool] = {}

    def answer(component: Any) -> bool:
        if id(component) not in known:
            known[id(component)] = fits(component)
        return known[id(component)]

    return answer


def _rings(calendar: Any, owner: Any, alarms: Sequence[Any], when: ET.Element) -> bool:
    """Whether one of the alarms of a component goes off within a range of time, a repetition of it included."""
    start, end = radicale_filter.parse_time_range(when)
    offsets = [offset for alarm in alarms for offset in (_trigger(alarm),) if isinstance(offset, datetime.timedelta)]
    first = min(offsets, default=datetime.timedelta())
    if any(_goes_off(alarm, None, None, start, end) for alarm in alarms):
        return True
    check = VISIT.get().budget.check
    try:
        for one in happenings(calendar, owner.name, lambda component: component is owner) if offsets else ():
            check()
            if one.component is owner and any(_goes_off(alarm, one.begins, one.ends, start, end) for alarm in alarms):
                return True
            if one.earliest is not None and one.earliest > end and one.earliest + first > end:
                return False
    except OverflowError:  # beyond the calendar's last day
        return False
    return False


def _trigger(alarm: Any) -> Any:
    lines = alarm.contents.get("trigger", ())
    return lines[0].value if lines else None


def _goes_off(
    alarm: Any,
    begins: datetime.datetime | None,
    ends: datetime.datetime | None,
    start: datetime.datetime,
    end: datetime.datetime,
) -> bool:
    """Whether an alarm goes off within [start, end), for an occurrence or, where there is none, by itself."""
    trigger = _trigger(alarm)
    if isinstance(trigger, datetime.timedelta) and begins is not None and ends is not None:
        of_end = "END" in (value.upper() for value in alarm.contents["trigger"][0].params.get("RELATED", ()))
        first = (ends if of_end else begins) + trigger
    elif isinstance(trigger, datetime.date) and begins is None:
        first = radicale_filter.date_to_datetime(trigger, FLOATING.get())
    else:
        return False
    repeats, pause = _repetition(alarm)
    if first < start and pause > datetime.timedelta():
        first += min(-((first - start) // pause), repeats) * pause
    return start <= first < end


def _repetition(alarm: Any) -> tuple[int, datetime.timedelta]:
    """How often an alarm goes off again, and after which time (RFC 5545 section 3.8.6.2)."""
    again, pause = (alarm.contents.get(name, (None,))[0] for name in ("repeat", "duration"))
    times = str(again.value) if again is not None else ""
    if pause is None or not isinstance(pause.value, datetime.timedelta) or not (times.isascii() and times.isdigit()):
        return 0, datetime.timedelta()
    return min(int(times[:9]), 100_000), pause.value


# Properties


def _has_property(component: Any, asked: ET.Element) -> bool:
    if not _is(asked, "prop-filter"):
        raise InvalidFilter("Unknown condition in a filter")
    group, _, name = asked.get("name", "").lower().rpartition(".")
    lines = [
        line
        for line in component.contents.get(name, ())
        if not hasattr(line, "contents") and (not group or (line.group or "").lower() == group)
    ]
    if not len(asked):
        return bool(lines)
    if _is(asked[0], "is-not-defined"):
        return not lines
    together = any if _of_cards(asked) and asked.get("test", "anyof") == "anyof" else all
    return any(together(_line_meets(line, one) for one in asked) for line in lines)


def _line_meets(line: Any, condition: ET.Element) -> bool:
    if _is(condition, "text-match"):
        return _text_meets(_texts(line.value), condition)
    if _is(condition, "param-filter"):
        return _has_parameter(line, condition)
    if _is(condition, "time-range"):
        return _lies_in(line.value, condition)
    raise InvalidFilter("Unknown condition in a prop-filter", of_cards=_of_cards(condition))


def _has_parameter(line: Any, asked: ET.Element) -> bool:
    name = _name(asked)
    values = line.params.get(name)
    if values is None and name == "TZID":
        values = line.params.get("X-VOBJ-ORIGINAL-TZID")  # where vobject keeps it
    if len(asked) and _is(asked[0], "is-not-defined"):
        return values is None
    return values is not None and all(_text_meets(values, one) for one in asked)


def _lies_in(value: Any, when: ET.Element) -> bool:
    """A date or time as the value of a property (RFC 4791 section 9.9)."""
    if not isinstance(value, datetime.date):
        return False
    start, end = radicale_filter.parse_time_range(when)
    begins = radicale_filter.date_to_datetime(value, FLOATING.get())
    return start < begins + (_SECOND if isinstance(value, datetime.datetime) else _DAY) and begins < end


def _texts(value: Any) -> Iterator[str]:
    """A property's value as texts: categories are several, names and postal addresses have parts."""
    for one in value if isinstance(value, list) else (value,):
        if isinstance(one, datetime.datetime):
            yield one.strftime("%Y%m%dT%H%M%S") + ("Z" if one.utcoffset() == datetime.timedelta() else "")
        elif isinstance(one, datetime.date):
            yield one.strftime("%Y%m%d")
        else:
            yield one if isinstance(one, str) else str(one)


def _ascii_folded(text: str) -> str:
    return text.translate(_CAPITALS)


_FOLDS: Final[dict[str, Callable[[str], str]]] = {
    "i;octet": str,
    "i;ascii-casemap": _ascii_folded,
    "i;unicode-casemap": str.casefold,
}
"""How texts are made comparable; else as each protocol does by default (RFC 4791 section 7.5, RFC 6352 section 8.3)."""


def _text_meets(values: Iterable[str], asked: ET.Element) -> bool:
    if not _is(asked, "text-match"):
        raise InvalidFilter("Unknown condition in a filter")
    fold, compare = _comparison(asked)
    text = fold(asked.text or "")
    met = any(compare(fold(value), text) for value in values)
    return met != (asked.get("negate-condition") == "yes")


def _comparison(asked: ET.Element) -> tuple[Callable[[str], str], Callable[[str, str], bool]]:
    """How texts are made comparable, and how they are compared. Raises InvalidFilter, Unmet."""
    collation = asked.get("collation", "")
    if collation not in _COLLATIONS:
        raise Unmet("CR:supported-collation" if _of_cards(asked) else "C:supported-collation")
    compare = _TEXT_MATCHES.get(asked.get("match-type", "contains") if _of_cards(asked) else "contains")
    if compare is None:
        raise InvalidFilter("Unknown match-type", of_cards=True)
    return _FOLDS.get(collation) or (str.casefold if _of_cards(asked) else _ascii_folded), compare
