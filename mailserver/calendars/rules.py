"""Recurrence rules as people choose them: the part of RFC 5545 section 3.3.10 that a form can show.

A rule beyond it (several days of a month, by week number, EXRULE …) is kept as it is and said to be "personalised".
"""

import datetime
import itertools
from dataclasses import dataclass, replace
from typing import Any, Final

import icalendar
from dateutil.rrule import rrulestr  # type: ignore[import-untyped]

DAILY, WEEKLY, MONTHLY, YEARLY = "DAILY", "WEEKLY", "MONTHLY", "YEARLY"
FREQUENCIES: Final = (DAILY, WEEKLY, MONTHLY, YEARLY)
WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
ORDINALS: Final = (1, 2, 3, 4, -1)
MAX_INTERVAL = 99
MAX_COUNT = 999
MAX_COUNTED = 20_000
"""Occurrences that are walked to find out what became of the exceptions."""
_KNOWN: Final = frozenset({"FREQ", "INTERVAL", "BYDAY", "UNTIL", "COUNT", "WKST", "BYMONTHDAY", "BYMONTH"})


@dataclass(frozen=True, slots=True)
class Rule:
    """How an event recurs."""

    frequency: str
    interval: int = 1
    days: tuple[int, ...] = ()
    """Weekly: the days, Monday is 0."""
    ordinal: int = 0
    """Monthly: the so-many-th weekday of the start, -1 the last; 0: the day of the month."""
    until: datetime.date | None = None
    """The last day it may happen on."""
    count: int = 0
    """How often it happens; 0: no such end."""


def read(recur: Any, start: datetime.date) -> Rule | None:
    """The rule of an event that starts then; None when a form cannot show it."""
    parts = {name.upper(): value for name, value in recur.items()}
    frequency = str(_first(parts.get("FREQ"))).upper()
    if frequency not in FREQUENCIES or not parts.keys() <= _KNOWN:
        return None
    ends = _first(parts.get("UNTIL"))
    until = _day(ends, start) if ends is not None else None
    interval, count = (int(_first(parts.get(name)) or least) for name, least in (("INTERVAL", 1), ("COUNT", 0)))
    rule = Rule(frequency, interval, until=until, count=count)
    names = [str(name).upper() for name in parts.get("BYDAY", [])]
    if not _fits(rule, parts, start):
        return None
    if rule.frequency == WEEKLY:
        if not set(names) <= set(WEEKDAYS):
            return None
        return replace(rule, days=tuple(sorted({WEEKDAYS.index(name) for name in names})) or (start.weekday(),))
    if not names:
        return rule
    ordinal = _ordinal(names, start) if rule.frequency == MONTHLY else 0
    return replace(rule, ordinal=ordinal) if ordinal else None


def _fits(rule: Rule, parts: dict[str, Any], start: datetime.date) -> bool:
    """True when what selects days within the period says no more than the start itself."""
    if not 1 <= rule.interval <= MAX_INTERVAL or rule.count > MAX_COUNT:
        return False
    of_month = [int(number) for number in parts.get("BYMONTHDAY", [])]
    months = [int(number) for number in parts.get("BYMONTH", [])]
    if of_month and (rule.frequency not in (MONTHLY, YEARLY) or of_month != [start.day] or "BYDAY" in parts):
        return False
    return not months or (rule.frequency == YEARLY and months == [start.month])


def _ordinal(names: list[str], start: datetime.date) -> int:
    """2 for the second Tuesday when the start is a Tuesday, -1 for the last; 0 for anything else."""
    if len(names) != 1 or names[0][-2:] != WEEKDAYS[start.weekday()]:
        return 0
    number = names[0][:-2].lstrip("+")
    return int(number) if number in [str(ordinal) for ordinal in ORDINALS] else 0


def written(rule: Rule, start: datetime.date) -> icalendar.vRecur:
    """The rule as a property of an event with that DTSTART (RFC 5545 section 3.3.10: UNTIL is of its kind)."""
    parts: dict[str, Any] = {"FREQ": rule.frequency}
    if rule.interval > 1:
        parts["INTERVAL"] = rule.interval
    if rule.frequency == WEEKLY:
        parts["BYDAY"] = [WEEKDAYS[day] for day in sorted({*rule.days, start.weekday()})]
    if rule.frequency == MONTHLY and rule.ordinal:
        parts["BYDAY"] = [f"{rule.ordinal}{WEEKDAYS[start.weekday()]}"]
    if rule.count:
        parts["COUNT"] = rule.count
    elif rule.until is not None:
        parts["UNTIL"] = last_moment(rule.until, start)
    return icalendar.vRecur(parts)


def last_moment(day: datetime.date, start: datetime.date) -> datetime.date:
    """UNTIL for a last day, of the kind of the start: a date, a floating time, or UTC."""
    if not isinstance(start, datetime.datetime):
        return day
    latest = datetime.datetime.combine(day, datetime.time(23, 59, 59))
    return latest if start.tzinfo is None else latest.replace(tzinfo=start.tzinfo).astimezone(datetime.UTC)


def before(occurrence: datetime.date) -> datetime.date:
    """UNTIL that leaves out this occurrence and all that follow."""
    if not isinstance(occurrence, datetime.datetime):
        return occurrence - datetime.timedelta(days=1)
    moment = occurrence - datetime.timedelta(seconds=1)
    return moment if moment.tzinfo is None else moment.astimezone(datetime.UTC)


def turned(recur: Any, days: int) -> bool:
    """Turn the weekday of a weekly rule by so many days, in place; False when the rule cannot be moved so.

    With several weekdays nobody could tell whether the others are to move too.
    """
    parts = {name.upper(): value for name, value in recur.items()}
    names = [str(name).upper() for name in parts.get("BYDAY", [])]
    selects = [name for name in parts if name.startswith("BY")]
    if not days or not selects:
        return True
    if (
        str(_first(parts.get("FREQ"))).upper() != WEEKLY
        or selects != ["BYDAY"]
        or names[1:]
        or names[0] not in WEEKDAYS
    ):
        return False
    recur["BYDAY"] = [WEEKDAYS[(WEEKDAYS.index(name) + days) % 7] for name in names]
    return True


def walked(recur: Any, start: datetime.date, until: datetime.datetime) -> list[datetime.datetime]:
    """The naive wall clock times a rule gives from its start on, up to `until`, at most MAX_COUNTED."""
    naive = naive_of(start)
    kept = {name: value for name, value in recur.items() if name.upper() != "UNTIL"}
    text = icalendar.vRecur(kept).to_ical().decode()  # type: ignore[no-untyped-call]
    times: list[datetime.datetime] = []
    for moment in rrulestr(text, dtstart=naive):
        if moment > until or len(times) >= MAX_COUNTED:
            break
        times.append(moment)
    return times


def first_from(recur: Any, start: datetime.date, since: datetime.datetime) -> datetime.datetime | None:
    """The first that a rule gives from a naive wall clock time on, of its first MAX_COUNTED; None: it gives none."""
    naive = naive_of(start)
    kept = {name: value for name, value in recur.items() if name.upper() != "UNTIL"}
    text = icalendar.vRecur(kept).to_ical().decode()  # type: ignore[no-untyped-call]
    given = itertools.islice(rrulestr(text, dtstart=naive), MAX_COUNTED)
    found = next((moment for moment in given if moment >= since), None)
    if found is None or "UNTIL" not in recur:
        return found
    return found if found.date() <= _day(_first(recur["UNTIL"]), start) else None


def naive_of(when: datetime.date) -> datetime.datetime:
    """A date or time on its own wall clock."""
    if isinstance(when, datetime.datetime):
        return when.replace(tzinfo=None)
    return datetime.datetime.combine(when, datetime.time())


def _day(until: datetime.date, start: datetime.date) -> datetime.date:
    """The last day on which an UNTIL lets it happen, on the wall clock of the event: before its hour it is the eve."""
    if not isinstance(until, datetime.datetime):
        return until
    if not isinstance(start, datetime.datetime):
        return until.date()
    if until.tzinfo is not None and start.tzinfo is not None:
        until = until.astimezone(start.tzinfo)
    elif until.tzinfo is not None:
        return until.date()  # of a floating time nobody knows
    is_early = until.time() < start.time()
    return until.date() - datetime.timedelta(days=is_early)


def _first(value: Any) -> Any:
    """Rule parts are lists even when there is one."""
    if isinstance(value, list):
        return value[0] if value else None
    return value
