"""iCalendar and vCard texts (RFC 5545, RFC 6350), made harmless before any library parses them.

vobject and dateutil trust what they read: a rule that fires every second, or never, keeps them counting for
minutes while they hold the GIL, and some of Radicale's patterns take quadratic time on crafted lines. So a
text is unfolded and cleaned here, and handed on in this form: what was judged is what is parsed.
"""

import datetime
import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from dateutil.rrule import rrulestr  # type: ignore[import-untyped]

from mailserver.model.budget import Budget
from mailserver.model.errors import BadSyntax, Reason, Refused

MAX_DEPTH = 8
"""Components in components; a calendar needs three."""
MAX_COMPONENTS = 25_000
MAX_RULES = 3
"""Recurrence rules of one component (RFC 5545 section 3.8.5.3: should be one)."""
MAX_EXCEPTIONS = 1000
"""Components of one UID."""
MAX_LINES = 20_000
"""Properties of one component, and of all of one UID, alarms too: a series with a thousand exceptions."""
MAX_DATES = 5000
"""Single dates (RDATE, EXDATE) of one UID: thirteen years of days."""
MAX_ZONES = 100
MAX_OBSERVANCES = 200
"""Of all zones together: a zone that is written change by change from 1916 to 2037 has nearly as many."""
MAX_ONSETS = 4
"""Changes of a zone in one year by one rule."""
MAX_ZONE_STEPS = 2500
"""Changes of one zone until HORIZON, walked for every date that is converted. Outlook's, from 1601, has 1,000."""
MAX_HEAD = 4000
"""Characters of a property's name and parameters."""
MAX_TZID_SCAN = 32 * 1024 * 1024
"""Characters Radicale's repair of TZID and TZNAME may look at."""
MAX_YEARLY = 10_000
"""Steps of a rule in a year: hourly, but not every minute."""
MAX_STEPS = 200_000
"""Days a rule looks at from its start to HORIZON."""
MAX_OCCURRENCES = 100_000
"""The same for rules by the day and finer, which look longer at each."""
MAX_INSTANCES = 10_000
"""Of a rule that ends."""
MAX_COMPARISONS = 10_000_000
"""Steps of a rule times the exceptions each is compared with."""
YEARS = range(1600, 9001)
"""Years a component may lie in: with less, subtracting an alarm's time overflows; with more, adding a duration does."""
MAX_DURATION_DIGITS = 5
"""Of each number of a duration: 99,999 days are 273 years."""
MOST_SHIFT = datetime.timedelta(days=400)
"""By how much a change of this and all that follows (RANGE=THISANDFUTURE) may move them: looking for what happens in a
day, all that may have been moved there is walked. What moves further stands for itself alone."""
HORIZON = 2100
LAST_CYCLE = 9560
"""From this year on, a rule is looked at for its first occurrence: 40 years at least are left until 9999."""

EARLIEST, LATEST = f"{YEARS.start}0101T000000Z", f"{YEARS.stop - 1}1231T235959Z"

UNUSABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""What iCalendar (RFC 5545 section 3.1) and XML 1.0 cannot carry."""
_FOLD = re.compile(r"\r?\n[ \t]")
_QUOTED = re.compile('"[^"]*"')
_LONG_NUMBER = re.compile(rf"[0-9]{{{MAX_DURATION_DIGITS + 1}}}")
_YEAR = re.compile(r"(?:^|[,/])\s*([0-9]{4})[0-9]{4}(?![0-9])")
_DATES: Final = frozenset({"DTSTART", "DTEND", "DUE", "RECURRENCE-ID", "RDATE", "COMPLETED", "CREATED"})
_RECURRING: Final = frozenset({"VEVENT", "VTODO", "VJOURNAL"})
_SINGLE_DATES: Final = frozenset({"RDATE", "EXDATE"})
_DURATIONS: Final = frozenset({"DURATION", "TRIGGER", "RDATE"})
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


class OutOfTime(Refused):
    """A date that lies before EARLIEST or (`late`) after LATEST."""

    def __init__(self, *, late: bool) -> None:
        super().__init__(Reason.INVALID, "A date out of all time")
        self.late = late


class TooManyInstances(Refused):
    """A rule that ends, after more than MAX_INSTANCES."""

    def __init__(self) -> None:
        super().__init__(Reason.INVALID, "A recurrence that is too long")


@dataclass(slots=True)
class _Component:
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


@dataclass(slots=True)
class _Object:
    """The components of one UID together."""

    steps: float = 0
    components: int = 0
    lines: int = 0
    dates: int = 0


@dataclass(slots=True)
class _Text:
    """What is known of a text so far."""

    objects: dict[str, _Object] = field(default_factory=dict)
    components: int = 0
    zones: int = 0
    observances: int = 0
    zone_steps: int = 0
    """Of the zone being read."""

    def begin(self, component: _Component) -> None:
        """Count a component in. Raises Refused(TOO_BIG | INVALID)."""
        self.components += 1
        if self.components > MAX_COMPONENTS:
            raise Refused(Reason.TOO_BIG, "Too many components")
        if component.name == "VTIMEZONE":
            self.zones += 1
            self.zone_steps = 0
        self.observances += component.is_observance
        if self.zones > MAX_ZONES or self.observances > MAX_OBSERVANCES:
            raise Refused(Reason.INVALID, "Too many time zones, or too many changes of them")


def unfolded(text: str) -> str:
    """A stored text, one property a line (RFC 5545 section 3.1)."""
    return _FOLD.sub("", text)


def clean(octets: bytes, budget: Budget) -> str:
    """The same text, one property a line, safe to parse. Raises BadSyntax, Refused(INVALID | TOO_BIG | LIMIT)."""
    octets = octets.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    # Before decoding, because folding by octets may have cut a character in two.
    octets = octets.replace(b"\n ", b"").replace(b"\n\t", b"")
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        text = octets.decode("cp1252", "replace")  # what Windows writes in France
    lines = _joined(line for line in UNUSABLE.sub("", text).split("\n") if line.strip())
    _check_patterns(lines)
    _check_components(lines, budget)
    return "\r\n".join((*lines, ""))


def _joined(lines: Iterable[str]) -> list[str]:
    """Undo the soft breaks of quoted-printable values (vCard 2.1): then every line is a property.

    A property is joined once, at its end: it may come in a million pieces.
    """
    joined: list[str] = []
    pieces: list[str] = []
    for line in lines:
        if line.endswith("=") and (pieces or "QUOTED-PRINTABLE" in line[:MAX_HEAD].upper()):
            pieces.append(line[:-1])
            continue
        joined.append("".join((*pieces, line)) if pieces else line)
        pieces.clear()
    if pieces:
        joined.append("".join(pieces) + "=")
    return joined


def _check_patterns(lines: list[str]) -> None:
    """Keep the patterns of Radicale and vobject linear (quadratic-time lines)."""
    scanned = 0
    for line in lines:
        if ":" not in _QUOTED.sub("", line[:MAX_HEAD]):
            raise BadSyntax("A property without a value, or with endless parameters")
        if "TZ" in line:
            # Radicale looks from each of them to the end of the line or the next colon.
            scanned += (line.count("TZID") + line.count("TZNAME")) * len(line)
            if scanned > MAX_TZID_SCAN:
                raise Refused(Reason.INVALID, "Too many TZID parameters")


def _check_components(lines: list[str], budget: Budget) -> None:
    stack: list[_Component] = []
    text = _Text()
    for number, line in enumerate(lines):
        if number % 1000 == 0:
            budget.check()
        name, value = _split(line)
        if name == "BEGIN":
            if len(stack) >= MAX_DEPTH:
                raise Refused(Reason.TOO_BIG, "Too many components")
            stack.append(_Component(value.strip().upper()))
            text.begin(stack[-1])
        elif not stack:
            raise BadSyntax("A property outside of any component")
        elif name == "END":
            closed = stack.pop()
            _close(closed, text, budget)
            if len(stack) > 1:  # not the calendar itself: a file may hold many events
                stack[-1].lines += closed.lines
        else:
            _note(stack[-1], name, value)
    if stack:
        raise BadSyntax("A component without an end")


def _split(line: str) -> tuple[str, str]:
    """Name (without its group) and value; parameters are not looked at."""
    head, _, value = line.partition(":")
    name = head.split(";", 1)[0].rsplit(".", 1)[-1].strip().upper()
    if ";" in head:  # a quoted parameter may hold a colon
        value = _QUOTED.sub("", line[:MAX_HEAD]).partition(":")[2]
    return name, value


def _note(component: _Component, name: str, value: str) -> None:
    component.lines += 1
    if component.lines > MAX_LINES:
        raise Refused(Reason.INVALID, "Too many properties of one component")
    if name in _SINGLE_DATES:
        component.dates += 1 + value.count(",")
    if name in _DATES:
        _check_dates(value)
    if name in _DURATIONS and any(_LONG_NUMBER.search(part.partition("P")[2]) for part in value.split(",")):
        raise Refused(Reason.INVALID, "A duration that is too long")
    if name == "DTSTART" or (name == "DUE" and not component.start):
        component.start = value.strip()
    elif name == "UID":
        component.uid = value
    elif name == "RECURRENCE-ID":
        component.exception = True
    elif name in ("RRULE", "EXRULE"):
        component.rules.append(value.replace("\\", "").strip().upper())
        if len(component.rules) > MAX_RULES:
            raise Refused(Reason.INVALID, "Too many recurrence rules")


def _close(component: _Component, text: _Text, budget: Budget) -> None:
    """Judge a whole component, and its object so far."""
    if component.exception and component.rules:
        # Radicale would walk such a rule until the year 9999, whatever range is asked for.
        raise Refused(Reason.INVALID, "An exception that recurs")
    steps = 0.0
    for rule in component.rules:
        budget.check()
        steps += _judge(component, rule)
    if component.is_observance:
        _count_changes(component, text)
    if component.uid:
        _count(component, text.objects.setdefault(component.uid, _Object()), steps)


def _count(component: _Component, whole: _Object, steps: float) -> None:
    """Raises Refused(INVALID) when the object has become too much."""
    whole.steps += steps
    whole.components += 1
    whole.lines += component.lines
    whole.dates += component.dates
    if whole.components > MAX_EXCEPTIONS or whole.steps * whole.components > MAX_COMPARISONS:
        raise Refused(Reason.INVALID, "Too many exceptions to a recurrence")
    if whole.lines > MAX_LINES or whole.dates > MAX_DATES:
        raise Refused(Reason.INVALID, "Too many properties or dates of one event")


def _count_changes(observance: _Component, text: _Text) -> None:
    """Raises Refused(INVALID) when a zone changes too often."""
    text.zone_steps += 1 + observance.dates
    for rule in observance.rules:
        parts, start = _parts(rule), _start(observance.start)
        text.zone_steps += _onsets(parts, start) * (_last(parts, start) - start.year + 1)
    if text.zone_steps > MAX_ZONE_STEPS:
        raise Refused(Reason.INVALID, "A time zone that changes too often")


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


def _judge(component: _Component, text: str) -> float:
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


def _check_dates(value: str) -> None:
    for year in map(int, _YEAR.findall(value)):
        if year not in YEARS:
            raise OutOfTime(late=year >= YEARS.stop)


def _start(text: str) -> datetime.datetime:
    """DTSTART as a naive time; zones do not matter for counting."""
    for form, length in (("%Y%m%dT%H%M%S", 15), ("%Y%m%d", 8)):
        try:
            return datetime.datetime.strptime(text[:length], form)
        except ValueError:
            continue
    return datetime.datetime(2000, 1, 1)
