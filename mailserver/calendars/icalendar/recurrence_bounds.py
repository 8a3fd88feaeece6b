"""What a recurrence rule may cost whoever walks it (RFC 5545 section 3.3.10): judged before any library does.

vobject and dateutil trust what they read: a rule that fires every second, or never, keeps them counting for minutes
while they hold the GIL.
"""

import datetime
import itertools
from dataclasses import dataclass, field
from typing import Final

from dateutil.rrule import rrulestr  # type: ignore[import-untyped]

from mailserver.model.budget import Budget
from mailserver.model.errors import Reason, Refused

MAX_ONSETS = 4
"""Changes of a zone in one year by one rule."""
MAX_YEARLY = 10_000
"""Steps of a rule in a year: hourly, but not every minute."""
MAX_STEPS = 200_000
"""Days a rule looks at from its start to HORIZON."""
MAX_OCCURRENCES = 100_000
"""The same for rules by the day and finer, which look longer at each."""
MAX_INSTANCES = 10_000
"""Of a rule that ends."""
MOST_SHIFT = datetime.timedelta(days=400)
"""By how much a change of this and all that follows (RANGE=THISANDFUTURE) may move them: looking for what happens in a
day, all that may have been moved there is walked. What moves further stands for itself alone."""
HORIZON = 2100
LAST_CYCLE = 9560
"""From this year on, a rule is looked at for its first occurrence: 40 years at least are left until 9999."""

_RECURRING: Final = frozenset({"VEVENT", "VTODO", "VJOURNAL"})
_PER_YEAR: Final = {
    "YEARLY": 1,
    "MONTHLY": 12,
    "WEEKLY": 53,
    "DAILY": 366,
    "HOURLY": 366 * 24,
    "MINUTELY": 366 * 24 * 60,
    "SECONDLY": 366 * 24 * 3600,
}
_DAYS_OF: Final = {"YEARLY": 366, "MONTHLY": 31, "WEEKLY": 7}
_BY_DAY: Final = ("BYDAY", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYEASTER", "BYMONTH")
_BY_TIME: Final = ("BYHOUR", "BYMINUTE", "BYSECOND")
_FIRST_TIME: Final = {"HOURLY": 1, "MINUTELY": 2, "SECONDLY": 3}
"""How many of _BY_TIME only filter, instead of multiplying."""


class TooManyInstances(Refused):
    """A rule that ends, after more than MAX_INSTANCES."""

    def __init__(self) -> None:
        super().__init__(Reason.INVALID, "A recurrence that is too long")


@dataclass(slots=True)
class Component:
    """What recurrence needs to know of the component being read."""

    name: str
    start: str = ""
    uid: str = ""
    rules: list[str] = field(default_factory=list)
    exception: bool = False
    """It stands for one occurrence of another component."""
    lines: int = 0
    """Its properties, with those of what is in it."""
    dates: int = 0

    @property
    def is_observance(self) -> bool:
        """A change of a time zone (RFC 5545 section 3.6.5)."""
        return self.name in ("STANDARD", "DAYLIGHT")


def zone_changes(observance: Component) -> int:
    """How many changes a zone has until HORIZON by one observance that was judged. Raises Refused(INVALID)."""
    changes = 1 + observance.dates
    for rule in observance.rules:
        parts, start = _parts(rule), _start(observance.start)
        changes += _onsets(parts, start) * (_last(parts, start) - start.year + 1)
    return changes


def _onsets(parts: dict[str, str], start: datetime.datetime) -> int:
    """How often a rule that was judged fires in its first year. Raises Refused(INVALID)."""
    rule = ";".join(f"{name}={value}" for name, value in parts.items() if name not in ("UNTIL", "COUNT"))
    end = start + datetime.timedelta(days=365)
    found = 0
    for when in rrulestr(rule, dtstart=start):
        if when >= end:
            break
        found += 1
        if found > MAX_ONSETS:
            raise Refused(Reason.INVALID, "A time zone must change by the year")
    return max(1, found)


def _parts(text: str) -> dict[str, str]:
    """A rule's parts by name."""
    return dict(part.split("=", 1) for part in text.split(";") if "=" in part)


def _last(parts: dict[str, str], start: datetime.datetime) -> int:
    """The last year that a rule is walked in."""
    until = parts.get("UNTIL", "")[:4]
    return max(min(int(until), 9998) if until.isdigit() else HORIZON, start.year)


def judge(component: Component, text: str) -> float:
    """How many steps a rule takes until HORIZON. Raises Refused(INVALID) for one that costs too much."""
    parts = _parts(text)
    frequency = parts.get("FREQ", "")
    yearly = _yearly(frequency, parts)
    if component.is_observance and frequency != "YEARLY":
        # A zone's rules are walked for every date that is converted.
        raise Refused(Reason.INVALID, "A time zone must change by the year")
    start = _start(component.start)
    steps = yearly * (_last(parts, start) - start.year + 1)
    most = MAX_STEPS if frequency in _DAYS_OF else MAX_OCCURRENCES
    if yearly > MAX_YEARLY or steps > most:
        selects = any(name.startswith("BY") for name in parts)  # then looking for the next one may take long
        if "COUNT" in parts or not selects:
            _check_length(text, component.start)
        raise Refused(Reason.INVALID, "A recurrence that is too frequent or starts too long ago")
    _check_first(parts, start)
    return steps


def check_lengths(text: str, budget: Budget) -> None:
    """Count what the rules of a cleaned text give that end. Raises TooManyInstances, Refused(LIMIT)."""
    rules: list[str] = []
    begin = ""
    for line in text.split("\r\n"):
        name, _, value = line.partition(":")
        match name.partition(";")[0].upper():
            case "BEGIN" if value.strip().upper() in _RECURRING:
                rules, begin = [], ""
            case "DTSTART":
                begin = value.strip()
            case "RRULE":
                rules.append(value.strip().upper())
            case "END" if value.strip().upper() in _RECURRING:
                for rule in rules:
                    budget.check()
                    _check_length(rule, begin)


def _check_length(rule: str, begin: str) -> None:
    """Raises TooManyInstances.

    The zones are not known here: of an end that is named in another one, a day less is counted.
    """
    parts = _parts(rule)
    count, until = parts.get("COUNT", ""), parts.get("UNTIL", "")
    if count.isdigit() and (len(count.lstrip("0")) > 9 or int(count) > MAX_INSTANCES):
        raise TooManyInstances
    start = _start(begin)
    if not until or _yearly(parts.get("FREQ", ""), parts) * (_last(parts, start) - start.year + 1) <= MAX_INSTANCES:
        return
    end = _start(until) + datetime.timedelta(days=len(until) == 8)
    if until.endswith("Z") and not begin.endswith("Z"):
        end -= datetime.timedelta(days=1)
    text = ";".join(f"{name}={value}" for name, value in parts.items() if name not in ("UNTIL", "COUNT"))
    try:
        given = itertools.takewhile(lambda when: when <= end, rrulestr(text, dtstart=start))
        beyond = next(itertools.islice(given, MAX_INSTANCES, None), None)
    except (ValueError, TypeError, KeyError, OverflowError, ArithmeticError, IndexError):
        return
    if beyond is not None:
        raise TooManyInstances


def _yearly(frequency: str, parts: dict[str, str]) -> float:
    """An upper bound of the steps a rule takes in a year (RFC 5545 section 3.3.10)."""
    base = _PER_YEAR.get(frequency)
    interval = parts.get("INTERVAL", "1")
    if base is None or not interval.isdigit() or len(interval) > 9 or int(interval) == 0:
        raise Refused(Reason.INVALID, "A recurrence rule that is not valid")
    yearly = base / int(interval)
    if any(name in parts for name in _BY_DAY):
        yearly *= _DAYS_OF.get(frequency, 1)
    for name in _BY_TIME[_FIRST_TIME.get(frequency, 0) :]:
        yearly *= len(parts.get(name, "").split(","))
    return yearly


def _check_first(parts: dict[str, str], start: datetime.datetime) -> None:
    """Refuse a rule with no occurrence, like 30 February.

    dateutil looks for the next one until the year 9999 whatever UNTIL says. Dates and weekdays repeat every
    400 years, so the same search is made from the last such cycle, where it ends soon.
    """
    if not any(name.startswith("BY") for name in parts):
        return
    rule = ";".join(f"{name}={value}" for name, value in parts.items() if name not in ("UNTIL", "COUNT"))
    cycles = max(0, -(-(LAST_CYCLE - start.year) // 400))
    try:
        first = next(iter(rrulestr(rule, dtstart=start.replace(year=start.year + 400 * cycles))), None)
    except (ValueError, TypeError, KeyError, OverflowError, ArithmeticError, IndexError):
        raise Refused(Reason.INVALID, "A recurrence rule that is not valid") from None
    if first is None:
        raise Refused(Reason.INVALID, "A recurrence without any occurrence")


def _start(text: str) -> datetime.datetime:
    """DTSTART as a naive time; zones do not matter for counting."""
    for form, length in (("%Y%m%dT%H%M%S", 15), ("%Y%m%d", 8)):
        try:
            return datetime.datetime.strptime(text[:length], form)
        except ValueError:
            continue
    return datetime.datetime(2000, 1, 1)
