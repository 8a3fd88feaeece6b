"""Events in days: which day shows what, and where within it when several overlap. Pure: dates in, places out."""

import datetime
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mailserver.calendars.occurrences import DAY, Occurrence

STEP = 5
"""Minutes of the finest mark."""
LEAST = 25
"""Minutes an event takes up at least: a line of text must fit."""
WIDE_DAY = 8
NARROW_DAY = 4
CROWDED_WEEK = 3
"""Events beside each other in a day of its own, in a week, and in a week of more than five days."""

FOLDED = 3
"""Hours without anything, outside the working ones, that are folded into one row."""
MAX_GROUP = 60
"""Events that overlap one after another, whose width is looked for: each is compared with all."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an event stands in its day: minutes from the top of the axis, and its lane among `lanes`."""

    one: Occurrence
    start: int
    length: int
    lane: int
    lanes: int
    width: int
    """Lanes it takes: those beside it that are free."""
    more: bool = False
    """Beside it is the mark of those that found no room."""


@dataclass(frozen=True, slots=True)
class More:
    """So many events found no room there."""

    count: int
    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Laid:
    """One day laid out."""

    day: datetime.date
    whole: tuple[Occurrence, ...]
    """All day, or a day and longer."""
    places: tuple[Place, ...]
    more: tuple[More, ...]


@dataclass(frozen=True, slots=True)
class Axis:
    """The hours of a day from top to bottom, in rows of one height; a row of several hours is folded."""

    edges: tuple[int, ...]
    """The hour at which each row begins, and the one at which the last ends."""

    @property
    def rows(self) -> tuple[tuple[int, int], ...]:
        """First hour of each, and how many it has."""
        return tuple((one, after - one) for one, after in itertools.pairwise(self.edges))

    @property
    def is_whole(self) -> bool:
        return len(self.edges) == 25

    def at(self, minute: int) -> int:
        """Where a minute of the day is, in minutes from the top as if each row were an hour; at most the last."""
        for number, (first, count) in enumerate(self.rows):
            if minute < (first + count) * 60:
                return number * 60 + max(0, minute - first * 60) // count
        return len(self.rows) * 60


WHOLE_DAY = Axis(tuple(range(25)))


def axis(days: Sequence[datetime.date], found: Sequence[Occurrence], first: int, last: int) -> Axis:
    """The working hours, and further as far as events of these days go, folded where nothing happens on the way."""
    shown = set(range(first, max(last, first + 1)))
    for day in days:
        for one in timed(found, day):
            start, end = span(one, day)
            shown.update(range(start // 60, min(24, -(-max(end, start + LEAST) // 60))))
    edges: list[int] = []
    for hour, after in itertools.pairwise((*sorted(shown), max(shown) + 1)):
        edges.append(hour)
        if after - hour > 1:
            edges += [hour + 1] if after - hour - 1 >= FOLDED else range(hour + 1, after)
    return Axis((*edges, max(shown) + 1))


def timed(found: Sequence[Occurrence], day: datetime.date) -> Iterator[Occurrence]:
    """The events of a day that have their hours in it."""
    return (one for one in found if not is_whole(one) and one.on(day))


def is_whole(one: Occurrence) -> bool:
    """True for what belongs above the hours."""
    return one.all_day or one.end - one.start >= DAY


def span(one: Occurrence, day: datetime.date) -> tuple[int, int]:
    """Minutes of a day an event takes, from midnight on the clock, cut at both ends of the day."""
    start = one.start.hour * 60 + one.start.minute if one.start.date() == day else 0
    end = one.end.hour * 60 + one.end.minute if one.end.date() == day else 24 * 60
    return start, max(start, end)


def lay(day: datetime.date, found: Sequence[Occurrence], hours: Axis, lanes: int) -> Laid:
    """Lay out one day, at most so many events beside each other."""
    whole = tuple(one for one in found if is_whole(one) and one.on(day))
    places: list[Place] = []
    more: list[More] = []
    group: list[tuple[int, int, Occurrence]] = []
    until = -1
    for one in sorted(timed(found, day), key=lambda one: span(one, day)):
        start, end = span(one, day)
        if group and start >= until:
            _close(group, hours, lanes, places, more)
            group = []
        group.append((start, end, one))
        until = max(until if len(group) > 1 else -1, end, start + LEAST)
    if group:
        _close(group, hours, lanes, places, more)
    return Laid(day, whole, tuple(places), tuple(more))


def _close(
    group: Sequence[tuple[int, int, Occurrence]],
    hours: Axis,
    most: int,
    places: list[Place],
    more: list[More],
) -> None:
    """Share the width among events that overlap; those beyond `most` are counted."""
    free: list[int] = []
    put: list[tuple[int, int, Occurrence, int]] = []
    left: list[tuple[int, int]] = []
    for start, end, one in group:
        lane = next((number for number, until in enumerate(free) if until <= start), len(free))
        if lane >= most:
            left.append((start, end))
            continue
        until = max(end, start + LEAST)
        if lane == len(free):
            free.append(until)
        free[lane] = until
        put.append((start, end, one, lane))
    for start, end, one, lane in put:
        at, length = _rounded(hours.at(start)), _rounded(max(end - start, LEAST))
        width = _free_lanes(put, start, max(end, start + LEAST), lane, len(free)) if len(put) <= MAX_GROUP else 1
        places.append(Place(one, at, length, lane, len(free), width, bool(left)))
    if left:
        start, end = min(left)[0], max(end for _, end in left)
        more.append(More(len(left), _rounded(hours.at(start)), _rounded(max(end - start, 60))))


def _free_lanes(put: Sequence[tuple[int, int, Occurrence, int]], start: int, until: int, lane: int, lanes: int) -> int:
    """The lane and those to its right that nothing takes meanwhile."""
    beside = [other for begin, after, _, other in put if other > lane and begin < until and start < after]
    return min(beside, default=lanes) - lane


def _rounded(minutes: int) -> int:
    return max(0, minutes) // STEP * STEP


def weeks(month: datetime.date, begins: int) -> list[list[datetime.date]]:
    """The weeks that a month touches, from the weekday `begins` (0 is Monday) on."""
    first = month.replace(day=1)
    day = first - datetime.timedelta(days=(first.weekday() - begins) % 7)
    after = (first + datetime.timedelta(days=32)).replace(day=1)
    found = []
    while day < after:
        found.append([day + datetime.timedelta(days=number) for number in range(7)])
        day += datetime.timedelta(days=7)
    return found
