"""The dates that a text may mean: what a birth date, of which only a keyed hash is known, is looked for among.

Every common writing counts: with or without separators and leading zeros, day or month or year first, a year
of two digits or none, months as words of both languages, o and l for 0 and 1. The number is bounded: a text that
means more dates than anybody's password would is refused as if it held the right one.
"""

import datetime
import re
import unicodedata
from collections.abc import Iterable, Iterator

from mailserver.model.folding import strip_marks

MOST = 12_000
"""Dates that one text may mean: 15 ms of hashing."""
CENTURIES = (1900, 2000)
YEARS = range(1920, 2040)
"""Years of birth when none is written."""

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "janvier janv january jan",
            "fevrier fevr fev february feb",
            "mars march mar",
            "avril avr april apr",
            "mai may",
            "juin june jun",
            "juillet juil july jul",
            "aout august aug",
            "septembre september sept sep",
            "octobre october oct",
            "novembre november nov",
            "decembre december dec",
        ),
        start=1,
    )
    for name in names.split()
}
_NAME = "|".join(sorted(_MONTHS, key=len, reverse=True))
_GAP = r"[^a-z0-9]{0,3}"
_DAY_MONTH = re.compile(rf"(?=(\d{{1,2}})(?:er|st|nd|rd|th)?{_GAP}({_NAME})(?:{_GAP}(\d{{2}})(?!\d))?)")
_MONTH_DAY = re.compile(rf"(?=({_NAME}){_GAP}(\d{{1,2}})(?!\d)(?:(?:st|nd|rd|th)?{_GAP}(\d{{2}})(?!\d))?)")
_YEAR = re.compile(r"(?=((?:19|20)\d\d))")
_RUN = re.compile(r"\d+")
_PAIR = re.compile(r"(?=(?<!\d)(\d{1,2})[^a-z0-9]{1,3}(\d{1,2})(?!\d))")
_DIGITS = str.maketrans({"o": "0", "l": "1", "i": "1", "!": "1", "|": "1"})

Triple = tuple[int, int, int]


class TooMany(Exception):
    """The text means more dates than are looked at."""


def meant(text: str) -> Iterable[str]:
    """Every date the text may mean, in ISO form, none twice. Raises TooMany."""
    plain = _ascii_digits(strip_marks(text).casefold())
    found: dict[Triple, None] = {}
    for reading in dict.fromkeys((plain, plain.translate(_DIGITS))):
        for triple in _triples(reading):
            found[triple] = None
            if len(found) > MOST:
                raise TooMany
    return [iso for iso in map(_iso, found) if iso]


def _ascii_digits(text: str) -> str:
    """Digits of every script as our own."""
    if text.isascii():
        return text
    return "".join(str(unicodedata.digit(char)) if char.isdigit() else char for char in text)


def _triples(text: str) -> Iterator[Triple]:
    """Year, month and day, which need not be a date."""
    yield from _named(text)
    runs = _RUN.findall(text)
    joined = "".join(runs)
    # Whatever stands around a year, its owner may be born in it.
    for year in dict.fromkeys(int(match[1]) for match in _YEAR.finditer(joined)):
        yield from _days_of(year)
    for start in range(len(joined)):
        for length in (6, 5, 4):
            if start + length <= len(joined):
                yield from _short(joined[start : start + length])
    pairs = [(run[:2], run[2:]) for run in runs if len(run) == 4] + [match.groups() for match in _PAIR.finditer(text)]
    for one, other in dict.fromkeys(pairs):
        yield from _two(int(one), int(other))


def _named(text: str) -> Iterator[Triple]:
    """`14 juillet 85`, `July 14th`, `14juil`: without a year, of every year; a long year is found by itself."""
    mentions = [(match[1], match[2], match[3]) for match in _DAY_MONTH.finditer(text)]
    mentions += [(match[2], match[1], match[3]) for match in _MONTH_DAY.finditer(text)]
    for day, name, year in dict.fromkeys(mentions):
        month = _MONTHS[name]
        yield from ((full, month, int(day)) for full in YEARS)
        # `juillet 85` names a month of a year.
        yield from _month_of(month, int(day))
        if year:
            yield from ((century + int(year), month, int(day)) for century in CENTURIES)


def _short(digits: str) -> Iterator[Triple]:
    """A year of two digits, last or first, and day and month with or without leading zeros."""
    rest = len(digits) - 2
    for year, others in ((digits[rest:], digits[:rest]), (digits[:2], digits[2:])):
        for cut in range(1, len(others)):
            if cut <= 2 and len(others) - cut <= 2:
                one, other = int(others[:cut]), int(others[cut:])
                for century in CENTURIES:
                    yield century + int(year), other, one
                    yield century + int(year), one, other


def _two(one: int, other: int) -> Iterator[Triple]:
    """Two numbers that stand alone: day and month of any year, or month and year."""
    for year in YEARS:
        yield year, other, one
        yield year, one, other
    yield from _month_of(one, other)
    yield from _month_of(other, one)


def _month_of(month: int, year: int) -> Iterator[Triple]:
    for century in CENTURIES:
        yield from ((century + year, month, day) for day in range(1, 32))


def _days_of(year: int) -> Iterator[Triple]:
    for month in range(1, 13):
        yield from ((year, month, day) for day in range(1, 32))


def _iso(triple: Triple) -> str:
    try:
        return datetime.date(*triple).isoformat()
    except ValueError:
        return ""
