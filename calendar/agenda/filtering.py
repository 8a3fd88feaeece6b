"""Whether an item meets the filter of a query (RFC 4791 section 9.7, RFC 6352 section 10.5).

What stands in one filter is asked of one and the same component, property or alarm: who was invited and has not
answered is not found because somebody else has not answered. Which occurrences a component has, Radicale computes.
"""

import datetime
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import radicale.item
from radicale import xmlutils
from radicale.item import filter as radicale_filter

from agenda.request_context import VISIT
from mailserver.model.errors import BadSyntax, Reason, Refused

KINDS: Final = ("VEVENT", "VTODO", "VJOURNAL")
_NOTHING, _SECOND, _DAY = datetime.timedelta(), datetime.timedelta(seconds=1), datetime.timedelta(days=1)
_COLLATIONS: Final = ("", "default", "i;ascii-casemap", "i;octet", "i;unicode-casemap")
_CALENDAR_FILTER, _COMPONENT, _TIME_RANGE = (
    xmlutils.make_clark(f"C:{name}") for name in ("filter", "comp-filter", "time-range")
)
_TEXT_MATCHES: Final = {
    "equals": str.__eq__,
    "contains": str.__contains__,
    "starts-with": str.startswith,
    "ends-with": str.endswith,
}


class UnsupportedCollation(Refused):
    """A text is to be compared as nobody here can (RFC 4791 section 7.5.1, RFC 6352 section 8.3)."""

    def __init__(self, *, of_cards: bool) -> None:
        super().__init__(Reason.FORBIDDEN, "Texts are not compared like that here")
        self.of_cards = of_cards


def meets(item: radicale.item.Item, asked: ET.Element) -> bool:
    """Whether an item meets a `filter` element; an empty one asks nothing. Raises BadSyntax, UnsupportedCollation."""
    if not len(asked):
        return True
    if asked.tag == _CALENDAR_FILTER:
        if len(asked) > 1 or asked[0].tag != _COMPONENT:
            raise BadSyntax("A filter holds one comp-filter")
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
    raise BadSyntax("Unknown condition in a comp-filter")


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
    if name == "VEVENT":
        return _happens(calendar, name, when, fits)
    # Radicale walks tasks and journals as a whole.
    return any(map(fits, found)) and (name not in KINDS or _happens(calendar, name, when, _any_component))


# Times


def _happens(calendar: Any, kind: str, when: ET.Element, fits: Callable[[Any], bool]) -> bool:
    """Whether an occurrence of a component that fits touches a range of time (RFC 4791 section 9.9)."""
    start, end = radicale_filter.parse_time_range(when)
    met, check = False, VISIT.get().budget.check

    def visit(begins: datetime.datetime, ends: datetime.datetime, of_exception: bool) -> bool:
        nonlocal met
        check()
        met = start < ends and begins < end
        return met or (end < begins and not of_exception)

    radicale_filter.visit_time_ranges(calendar, kind, visit, _goes_on, fits)
    return met


def _goes_on(_start: datetime.datetime) -> bool:
    return False


def _rings(calendar: Any, owner: Any, alarms: Sequence[Any], when: ET.Element) -> bool:
    """Whether one of the alarms of a component goes off within a range of time, a repetition of it included."""
    start, end = radicale_filter.parse_time_range(when)
    offsets = [offset for alarm in alarms for offset in (_trigger(alarm),) if isinstance(offset, datetime.timedelta)]
    earliest = min(offsets, default=datetime.timedelta())
    met, check = any(_goes_off(alarm, None, None, start, end) for alarm in alarms), VISIT.get().budget.check
    if met or not offsets:
        return met
    length = _length(owner)

    def visit(begins: datetime.datetime, ends: datetime.datetime, of_exception: bool) -> bool:
        nonlocal met
        check()
        if length is not None:
            if ends - begins not in (length, length + _SECOND):
                return False
            ends = begins + length
        met = any(_goes_off(alarm, begins, ends, start, end) for alarm in alarms)
        return met or (not of_exception and begins > end and begins + earliest > end)

    try:
        radicale_filter.visit_time_ranges(calendar, owner.name, visit, _goes_on, lambda component: component is owner)
    except OverflowError:  # beyond the calendar's last day
        return False
    return met


def _length(owner: Any) -> datetime.timedelta | None:
    """How long something lasts where Radicale says otherwise: it visits each end of a task by itself, too, and what has
    no length for a second. None: it does not."""
    first, due, lasts = (owner.contents.get(name, (None,))[0] for name in ("dtstart", "due", "duration"))
    if owner.name == "VEVENT":
        is_moment = first is not None and isinstance(first.value, datetime.datetime) and "dtend" not in owner.contents
        return _NOTHING if is_moment and (lasts is None or lasts.value <= _NOTHING) else None
    if owner.name != "VTODO" or first is None or (due is None and lasts is None):
        return None
    begins = radicale_filter.date_to_datetime(first.value)
    length: datetime.timedelta = lasts.value if lasts else radicale_filter.date_to_datetime(due.value) - begins
    return length


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
        first = radicale_filter.date_to_datetime(trigger)
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
        raise BadSyntax("Unknown condition in a filter")
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
    raise BadSyntax("Unknown condition in a prop-filter")


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
    begins = radicale_filter.date_to_datetime(value)
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


def _text_meets(values: Iterable[str], asked: ET.Element) -> bool:
    if not _is(asked, "text-match"):
        raise BadSyntax("Unknown condition in a filter")
    collation = asked.get("collation", "")
    if collation not in _COLLATIONS:
        raise UnsupportedCollation(of_cards=_of_cards(asked))
    compare = _TEXT_MATCHES.get(asked.get("match-type", "contains") if _of_cards(asked) else "contains")
    if compare is None:
        raise BadSyntax("Unknown match-type")
    text = asked.text or ""
    if collation == "i;octet":
        met = any(compare(value, text) for value in values)
    else:
        met = any(compare(value.lower(), text.lower()) for value in values)
    return met != (asked.get("negate-condition") == "yes")
