"""Time zones of events: the ones people choose from, and a VTIMEZONE for any of them (RFC 5545 section 3.6.5).

Every client must be able to read what is written here without knowing the name of the zone, so the component says its
offsets and the rule of its summer time. It is worked out from the zone database and checked against it.
"""

import datetime
from collections.abc import Iterator
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

import icalendar

from mailserver.calendars.icalendar import cleaning
from mailserver.calendars.icalendar.zone_names import parsed
from mailserver.model.budget import Budget
from mailserver.model.errors import BadSyntax, Reason, Refused

ACADEMIES: Final = (
    "Europe/Paris",
    "America/Guadeloupe",
    "America/Martinique",
    "America/Cayenne",
    "America/Miquelon",
    "Indian/Reunion",
    "Indian/Mayotte",
    "Pacific/Noumea",
    "Pacific/Wallis",
    "Pacific/Tahiti",
)
"""Where academies are."""
OFFERED: Final = (*ACADEMIES, "Europe/London", "UTC")
"""And what travellers need."""
MAX_TEXT = 64 * 1024
"""Characters of one that is read: change by change from 1916 on it has a third of that."""
_FROM = 1970
_CHECKED = range(2020, 2036)
_HOUR, _DAY = datetime.timedelta(hours=1), datetime.timedelta(days=1)


def known(name: str) -> ZoneInfo | None:
    """The zone of that name, None when there is none."""
    return ZoneInfo(name) if name in available_timezones() else None


@lru_cache(maxsize=64)
def component(name: str) -> str:
    """The VTIMEZONE of a zone, as text; empty for UTC, which needs none."""
    if name == "UTC":
        return ""
    zone = ZoneInfo(name)
    rules = _rules(zone)
    lines = ["BEGIN:VTIMEZONE", f"TZID:{name}"]
    if rules is None:
        offset = _offset(zone, datetime.datetime(_CHECKED[-1], 1, 1, tzinfo=datetime.UTC))
        lines += _part("STANDARD", offset, offset, f"{_FROM}0101T000000", "")
    else:
        for kind, before, after, hour, month, ordinal in rules:
            first = _nth_sunday(_FROM, month, ordinal)
            rule = f"RRULE:FREQ=YEARLY;BYMONTH={month};BYDAY={ordinal}SU"
            lines += _part(kind, before, after, f"{first:%Y%m%d}T{hour:02}0000", rule)
    lines += ["END:VTIMEZONE", ""]
    return "\r\n".join(lines)


@lru_cache(maxsize=64)
def read(text: str) -> datetime.tzinfo:
    """The zone of an iCalendar object that holds one VTIMEZONE (RFC 4791 section 5.2.2).

    Raises BadSyntax for anything else.
    """
    if len(text) > MAX_TEXT:
        raise BadSyntax("A time zone that is too long")
    try:
        calendar = parsed(cleaning.clean(text.encode(), Budget()))
        zone, *others = calendar.subcomponents
        if isinstance(zone, icalendar.Timezone) and not others and "PRODID" in calendar and "VERSION" in calendar:
            # A name that is nobody's says nothing: the library would give what another text called by it.
            made: datetime.tzinfo = zone.to_tz(lookup_tzid=known(zone.tz_name) is not None)
            made.utcoffset(datetime.datetime(2026, 1, 1))
            return made
    except Refused as refused:
        if refused.reason is Reason.LIMIT:
            raise
    except (ValueError, TypeError, KeyError, AttributeError, LookupError, ArithmeticError):
        pass
    raise BadSyntax("Not an iCalendar object with one VTIMEZONE")


def complete(calendar: icalendar.Calendar) -> None:
    """Add the VTIMEZONE of each named zone the events use and the calendar does not define."""
    defined = {str(zone.get("TZID", "")) for zone in calendar.walk("VTIMEZONE")}
    used = {
        str(parameters["TZID"])
        for event in calendar.walk()
        for _, value in event.property_items(recursive=False)
        if "TZID" in (parameters := getattr(value, "params", {}))
    }
    for name in sorted(used - defined):
        if known(name) is not None and (text := component(name)):
            calendar.subcomponents.insert(0, icalendar.Timezone.from_ical(text))


def _part(kind: str, before: int, after: int, start: str, rule: str) -> list[str]:
    lines = [f"BEGIN:{kind}", f"DTSTART:{start}", f"TZOFFSETFROM:{_written(before)}", f"TZOFFSETTO:{_written(after)}"]
    return [*lines, *([rule] if rule else []), f"END:{kind}"]


def _written(seconds: int) -> str:
    sign, rest = ("-" if seconds < 0 else "+"), abs(seconds) // 60
    return f"{sign}{rest // 60:02}{rest % 60:02}"


_Change = tuple[str, int, int, int, int, int]
"""DAYLIGHT or STANDARD, offset before and after in seconds, hour on the clock before, month, which Sunday of it."""


def _rules(zone: ZoneInfo) -> list[_Change] | None:
    """The two changes of each year when they follow one rule, None for a zone without summer time."""
    yearly = [list(_changes(zone, year)) for year in _CHECKED]
    if any(len(changes) != 2 for changes in yearly):
        return None
    found: list[_Change] = []
    for place in range(2):
        dates = [changes[place] for changes in yearly]
        ordinal = next((n for n in (1, 2, 3, 4, -1) if all(_is_nth(local, n) for local, _, _ in dates)), 0)
        local, before, after = dates[0]
        if not ordinal:
            return None
        kind = "DAYLIGHT" if after > before else "STANDARD"
        found.append((kind, before, after, local.hour, local.month, ordinal))
    return found


def _changes(zone: ZoneInfo, year: int) -> Iterator[tuple[datetime.datetime, int, int]]:
    """Each change of offset in a year: the clock before it, and both offsets."""
    moment = datetime.datetime(year, 1, 1, tzinfo=datetime.UTC)
    while moment.year == year:
        before, after = _offset(zone, moment), _offset(zone, moment + _DAY)
        if before == after:
            moment += _DAY
            continue
        while _offset(zone, moment) == before:
            moment += _HOUR
        yield moment.replace(tzinfo=None) + datetime.timedelta(seconds=before), before, after


def _offset(zone: ZoneInfo, moment: datetime.datetime) -> int:
    offset = moment.astimezone(zone).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


def _is_nth(local: datetime.datetime, ordinal: int) -> bool:
    return local.date() == _nth_sunday(local.year, local.month, ordinal)


def _nth_sunday(year: int, month: int, ordinal: int) -> datetime.date:
    if ordinal > 0:
        first = datetime.date(year, month, 1)
        return first + datetime.timedelta(days=(6 - first.weekday()) % 7 + 7 * (ordinal - 1))
    last = datetime.date(year + month // 12, month % 12 + 1, 1) - datetime.timedelta(days=1)
    return last - datetime.timedelta(days=(last.weekday() + 1) % 7)
