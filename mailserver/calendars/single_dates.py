"""Dates that a series names one by one: RDATE and EXDATE (RFC 5545 sections 3.8.5.1 and 3.8.5.2), read and written."""

import datetime
from collections.abc import Callable, Iterable
from typing import Any

import icalendar

Period = tuple[datetime.datetime, datetime.datetime | datetime.timedelta]
Single = datetime.date | Period
"""A date, a time, or (of RDATE) a time that says how long this occurrence lasts."""


def listed(event: Any, name: str) -> list[Single]:
    """Those of a property, which may come in several lists."""
    values = event.get(name, [])
    lists = values if isinstance(values, list) else [values]
    return [one.dt for value in lists for one in value.dts]


def begin(one: Single) -> datetime.date:
    """When it begins."""
    return one[0] if isinstance(one, tuple) else one


def length(one: Single) -> datetime.timedelta | None:
    """How long it lasts by itself; None: as long as the others."""
    if not isinstance(one, tuple):
        return None
    return one[1] if isinstance(one[1], datetime.timedelta) else one[1] - one[0]


def begins(event: Any, name: str) -> list[datetime.date]:
    """When those of a property begin."""
    return [begin(one) for one in listed(event, name)]


def put(event: Any, name: str, those: Iterable[Single]) -> None:
    """Let a property name these."""
    event.pop(name, None)
    for one in those:
        event.add(name, _period(one) if isinstance(one, tuple) else one)


def moved(one: Single, shift: Callable[[datetime.date], datetime.date]) -> Single:
    """It, with its length, at another time; without one where that is a whole day."""
    if not isinstance(one, tuple):
        return shift(one)
    start, last = shift(one[0]), one[1]
    if not isinstance(start, datetime.datetime):
        return start
    if isinstance(last, datetime.timedelta):
        return start, last
    end = shift(last)
    return (start, end) if isinstance(end, datetime.datetime) else start


def _period(period: Period) -> Any:
    """A value that says what it is: the library takes the parameters of what it adds from the value's list."""
    value = icalendar.vPeriod(period)
    made: Any = icalendar.vDDDLists([period[0]])
    made.dts, made.params = [value], value.params
    return made
