"""iCalendar and vCard texts (RFC 5545, RFC 6350), made harmless before any library parses them.

A text is unfolded and cleaned here, and handed on in this form: what was judged is what is parsed. Some of Radicale's
patterns take quadratic time on crafted lines, and what is counted here (components, properties, dates, zones) would be
walked again and again. What its recurrence rules cost is judged by `recurrence_bounds`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from mailserver.calendars.icalendar.recurrence_bounds import Component, judge, zone_changes
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
MAX_ZONE_STEPS = 2500
"""Changes of one zone until HORIZON, walked for every date that is converted. Outlook's, from 1601, has 1,000."""
MAX_HEAD = 4000
"""Characters of a property's name and parameters."""
MAX_TZID_SCAN = 32 * 1024 * 1024
"""Characters Radicale's repair of TZID and TZNAME may look at."""
MAX_COMPARISONS = 10_000_000
"""Steps of a rule times the exceptions each is compared with."""
YEARS = range(1600, 9001)
"""Years a component may lie in: with less, subtracting an alarm's time overflows; with more, adding a duration does."""
MAX_DURATION_DIGITS = 5
"""Of each number of a duration: 99,999 days are 273 years."""

EARLIEST, LATEST = f"{YEARS.start}0101T000000Z", f"{YEARS.stop - 1}1231T235959Z"

UNUSABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""What iCalendar (RFC 5545 section 3.1) and XML 1.0 cannot carry."""
_FOLD = re.compile(r"\r?\n[ \t]")
_QUOTED = re.compile('"[^"]*"')
_LONG_NUMBER = re.compile(rf"[0-9]{{{MAX_DURATION_DIGITS + 1}}}")
_YEAR = re.compile(r"(?:^|[,/])\s*([0-9]{4})[0-9]{4}(?![0-9])")
_DATES: Final = frozenset({"DTSTART", "DTEND", "DUE", "RECURRENCE-ID", "RDATE", "COMPLETED", "CREATED"})
_SINGLE_DATES: Final = frozenset({"RDATE", "EXDATE"})
_DURATIONS: Final = frozenset({"DURATION", "TRIGGER", "RDATE"})


class OutOfTime(Refused):
    """A date that lies before EARLIEST or (`late`) after LATEST."""

    def __init__(self, *, late: bool) -> None:
        super().__init__(Reason.INVALID, "A date out of all time")
        self.late = late


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

    def begin(self, component: Component) -> None:
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
    stack: list[Component] = []
    text = _Text()
    for number, line in enumerate(lines):
        if number % 1000 == 0:
            budget.check()
        name, value = _split(line)
        if name == "BEGIN":
            if len(stack) >= MAX_DEPTH:
                raise Refused(Reason.TOO_BIG, "Too many components")
            stack.append(Component(value.strip().upper()))
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


def _note(component: Component, name: str, value: str) -> None:
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


def _close(component: Component, text: _Text, budget: Budget) -> None:
    """Judge a whole component, and its object so far."""
    if component.exception and component.rules:
        # Radicale would walk such a rule until the year 9999, whatever range is asked for.
        raise Refused(Reason.INVALID, "An exception that recurs")
    steps = 0.0
    for rule in component.rules:
        budget.check()
        steps += judge(component, rule)
    if component.is_observance:
        _count_changes(component, text)
    if component.uid:
        _count(component, text.objects.setdefault(component.uid, _Object()), steps)


def _count(component: Component, whole: _Object, steps: float) -> None:
    """Raises Refused(INVALID) when the object has become too much."""
    whole.steps += steps
    whole.components += 1
    whole.lines += component.lines
    whole.dates += component.dates
    if whole.components > MAX_EXCEPTIONS or whole.steps * whole.components > MAX_COMPARISONS:
        raise Refused(Reason.INVALID, "Too many exceptions to a recurrence")
    if whole.lines > MAX_LINES or whole.dates > MAX_DATES:
        raise Refused(Reason.INVALID, "Too many properties or dates of one event")


def _count_changes(observance: Component, text: _Text) -> None:
    """Raises Refused(INVALID) when a zone changes too often."""
    text.zone_steps += zone_changes(observance)
    if text.zone_steps > MAX_ZONE_STEPS:
        raise Refused(Reason.INVALID, "A time zone that changes too often")


def _check_dates(value: str) -> None:
    for year in map(int, _YEAR.findall(value)):
        if year not in YEARS:
            raise OutOfTime(late=year >= YEARS.stop)
