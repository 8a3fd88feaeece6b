"""Date-time of header fields (RFC 5322 section 3.3 and 4.3), read leniently and written strictly."""

import re
import time
from datetime import date, datetime, tzinfo
from typing import NamedTuple

_DATE = re.compile(
    r"\s*+(?:[^\W\d_]{2,12}\.?\s*+,?)?\s*+(\d{1,2})[\s\-]++([A-Za-z]{3})[A-Za-z]{0,8}\.?[\s\-,]++(\d{2,4}),?\s++"
    r"(\d{1,2})[:.](\d{1,2})(?:[:.](\d{1,2})(?:\.\d{1,9})?)?\s*+([+\-]\d{4}|[+\-]\d{2}:\d{2}|[A-Za-z]{1,5})?"
)
# C's asctime, and what some programs make of it: `Wed Feb  7 21:52:25 [+0100] 1994`.
_ASCTIME = re.compile(
    r"\s*+[A-Za-z]{3,9},?\s++([A-Za-z]{3})[A-Za-z]{0,6}\s++(\d{1,2}),?\s++(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?\s++"
    r"(?:([+\-]\d{4}|[A-Z]{1,4})\s++)?(\d{4})"
)
_ISO = re.compile(
    r"\s*+(\d{4})-(\d{1,2})-(\d{1,2})[T\s]++(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.\d{1,9})?)?\s*+([+\-]\d{2}:?\d{2}|[A-Za-z]{1,5})?"
)
_MONTHS = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6,
    "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
}  # fmt: skip
_ZONES = {"est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7, "cet": 1, "cest": 2}
MAX_PLAIN = 300
"""Characters of a value that are read without its comments."""
_COMMENT = re.compile(r"\([^()\\]*+(?:\\.[^()\\]*+)*+\)", re.DOTALL)
_AROUND_COLON = re.compile(r"\s*+:\s*+")
_EPOCH = date(1970, 1, 1).toordinal()
_FIRST, _AFTER = (1 - _EPOCH) * 86400, (date.max.toordinal() + 1 - _EPOCH) * 86400
"""The calendar in UTC: what a zone shifts out of it is no date."""
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_NAMES = tuple(name.capitalize() for name in _MONTHS)


class Moment(NamedTuple):
    """A date as written: the instant, and the day in the zone of who wrote it."""

    instant: int
    """Seconds since the Unix epoch."""
    day: int
    """Proleptic ordinal of the written day (`date.fromordinal`)."""
    offset: int = 0
    """Seconds east of Greenwich of the zone it is written in."""


def parse(value: str) -> Moment | None:
    """The moment a value tells, blanks around colons and comments anywhere (RFC 5322 section 4.3); None when it tells
    none."""
    moment = _read(value)
    if moment is not None and ("(" not in value or value.rstrip().endswith(")")):
        return moment
    plain = _without_comments(value[:MAX_PLAIN])
    return (_read(plain) if plain != value else None) or moment


def _without_comments(value: str) -> str:
    """Also those within comments, as far as anybody writes them."""
    for _ in range(5):
        value, count = _COMMENT.subn(" ", value)
        if not count:
            break
    return _AROUND_COLON.sub(":", value)


def _read(value: str) -> Moment | None:
    found = _DATE.match(value)
    if found:
        day, name, year, hour, minute, second, zone = found.groups()
        month = _MONTHS.get(name.lower())
        return _moment(year, month, day, hour, minute, second, zone) if month else None
    found = _ASCTIME.match(value)
    if found:
        name, day, hour, minute, second, zone, year = found.groups()
        month = _MONTHS.get(name.lower())
        return _moment(year, month, day, hour, minute, second, zone) if month else None
    found = _ISO.match(value)
    if found:
        year, number, day, hour, minute, second, zone = found.groups()
        return _moment(year, int(number), day, hour, minute, second, zone)
    return None


def _moment(
    year: str, month: int, day: str, hour: str, minute: str, second: str | None, zone: str | None
) -> Moment | None:
    number = int(year)
    if len(year) == 2:  # RFC 5322 section 4.3
        number += 2000 if number < 50 else 1900
    elif len(year) == 3:
        number += 1900
    try:
        ordinal = date(number, month, int(day)).toordinal()
    except ValueError:
        return None
    hours, minutes, seconds = int(hour), int(minute), int(second or 0)
    if hours > 24 or minutes > 59 or seconds > 60:
        return None
    offset = _offset(zone)
    instant = (ordinal - _EPOCH) * 86400 + hours * 3600 + minutes * 60 + seconds - offset
    return Moment(instant, ordinal, offset) if _FIRST <= instant < _AFTER else None


def _offset(zone: str | None) -> int:
    """Seconds east of Greenwich; unknown names count as UTC (RFC 5322 section 4.3)."""
    if not zone:
        return 0
    if zone[0] in "+-":
        digits = zone[1:].replace(":", "")
        seconds = int(digits[:2]) * 3600 + int(digits[2:]) * 60
        return -seconds if zone[0] == "-" else seconds
    return _ZONES.get(zone.lower(), 0) * 3600


def offset(instant: float, zone: tzinfo) -> int:
    """Seconds east of Greenwich of a zone at an instant."""
    found = datetime.fromtimestamp(instant, zone).utcoffset()
    return int(found.total_seconds()) if found is not None else 0


def write(instant: float, offset: int = 0) -> str:
    """A date-time as RFC 5322 section 3.3 wants it; `offset` is seconds east of Greenwich."""
    moment = time.gmtime(int(instant) + offset)
    sign = "-" if offset < 0 else "+"
    hours, minutes = divmod(abs(offset) // 60, 60)
    return (
        f"{_DAYS[moment.tm_wday]}, {moment.tm_mday:02d} {_NAMES[moment.tm_mon - 1]} {moment.tm_year:04d} "
        f"{moment.tm_hour:02d}:{moment.tm_min:02d}:{moment.tm_sec:02d} {sign}{hours:02d}{minutes:02d}"
    )
