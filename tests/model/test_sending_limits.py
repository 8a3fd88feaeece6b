"""Marks of sending: where a message waits, where it is refused, and that the time to try again is told right."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.model.sending.sending_limits import (
    DAY,
    HOUR,
    LONGEST,
    MINUTE,
    WINDOWS,
    Course,
    Mark,
    Marks,
    Minute,
    Usage,
    What,
    is_quiet,
    judge,
)

NOW = 1_800_000_030
PAIRS = ((5, 7), (8, 10), (20, 40), (50, 80))
MARKS = Marks(
    tuple(Mark(seconds, *pair) for seconds, pair in zip(WINDOWS, PAIRS, strict=True)),
    Mark(DAY, 10, 20),
    Mark(HOUR, 3, 6),
)

minutes = st.dictionaries(st.integers(0, LONGEST // MINUTE + 2), st.tuples(st.integers(0, 12), st.integers(0, 2)))


def used(of: dict[int, tuple[int, int]], new: int = 0) -> Usage:
    """So many recipients and failures, so many minutes ago."""
    start = NOW - NOW % MINUTE
    return Usage([Minute(start - ago * MINUTE, *of[ago]) for ago in sorted(of, reverse=True)], new)


@pytest.mark.parametrize(
    ("of", "more", "course"),
    [
        ({}, 5, Course.SEND),
        ({}, 6, Course.HOLD),
        ({}, 500, Course.HOLD),  # alone: its size is no reason to refuse it
        ({0: (5, 0)}, 0, Course.SEND),
        ({0: (5, 0)}, 1, Course.HOLD),
        ({0: (6, 0)}, 2, Course.REFUSE),
        ({1: (5, 0)}, 1, Course.HOLD),  # of the minute before, half is within the last sixty seconds
        ({2: (5, 0)}, 3, Course.SEND),
        ({2: (5, 0)}, 4, Course.HOLD),
        ({0: (0, 4)}, 1, Course.HOLD),
        ({0: (0, 7)}, 1, Course.REFUSE),
        ({0: (0, 7)}, 0, Course.REFUSE),
    ],
)
def test_where_the_marks_are(of: dict[int, tuple[int, int]], more: int, course: Course) -> None:
    assert judge(MARKS, used(of), more, 0, NOW).course is course


def test_new_correspondents_elsewhere_are_counted_by_the_day() -> None:
    assert judge(MARKS, used({}, 10), 1, 0, NOW).course is Course.SEND
    held = judge(MARKS, used({}, 10), 1, 1, NOW)
    assert (held.course, held.what, held.count) == (Course.HOLD, What.NEW_OUTSIDE, 11)
    assert judge(MARKS, used({}, 20), 1, 1, NOW).course is Course.REFUSE


@given(minutes, st.integers(0, 30), st.integers(0, 5))
def test_more_is_never_judged_milder(of: dict[int, tuple[int, int]], more: int, extra: int) -> None:
    order = list(Course)
    first, second = (order.index(judge(MARKS, used(of), count, 0, NOW).course) for count in (more, more + extra))
    assert first <= second


@given(minutes, st.integers(1, 30))
def test_who_waits_as_told_is_not_refused(of: dict[int, tuple[int, int]], more: int) -> None:
    judged = judge(MARKS, used(of), more, 0, NOW)
    if judged.course is not Course.REFUSE:
        assert judged.seconds == 0
        return
    assert 0 < judged.seconds <= LONGEST + MINUTE
    assert judge(MARKS, used(of), more, 0, NOW + judged.seconds).course is not Course.REFUSE


@pytest.mark.parametrize(
    ("day", "hour", "night", "quiet"),
    [
        (3, 12, (20, 6), False),
        (3, 20, (20, 6), True),
        (3, 5, (20, 6), True),
        (3, 6, (20, 6), False),
        (3, 3, (1, 5), True),
        (3, 6, (1, 5), False),
        (3, 3, (0, 0), False),
        (7, 12, (20, 6), True),
        (8, 12, (0, 0), True),
    ],
)
def test_nights_and_week_ends(day: int, hour: int, night: tuple[int, int], quiet: bool) -> None:
    """The third of November 2026 is a Tuesday, the seventh a Saturday."""
    assert is_quiet(datetime(2026, 11, day, hour), night) is quiet


def test_marks_never_vanish() -> None:
    assert Mark(60, 1, 1).times(1, 100) == Mark(60, 1, 1)
    assert Mark(60, 10, 20).times(3, 2) == Mark(60, 15, 30)
