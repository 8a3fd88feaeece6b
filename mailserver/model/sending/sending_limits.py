"""How much one account may send: marks past which a message waits for IT, or is refused.

Pure: what was counted comes from the store, the marks from the settings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum

MINUTE = 60
HOUR = 3600
DAY = 86400
WINDOWS = (MINUTE, 10 * MINUTE, HOUR, 10 * HOUR)
"""Seconds within which recipients are counted, ending now."""
LONGEST = max(WINDOWS)
WEEKEND = (5, 6)


class What(StrEnum):
    """What is too much."""

    RECIPIENTS = "recipients"
    NEW_OUTSIDE = "new-outside"
    """Addresses elsewhere that the account never wrote to before."""
    FAILURES = "failures"
    """Recipients that other servers refused for good."""


class Course(Enum):
    """What becomes of a message."""

    SEND = "send"
    HOLD = "hold"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Mark:
    """Within so many seconds: past `hold` a message waits for IT, past `refuse` it is refused."""

    seconds: int
    hold: int
    refuse: int

    def times(self, factor: int, divisor: int) -> "Mark":
        """A wider or a narrower one; never below one."""
        return Mark(self.seconds, max(1, self.hold * factor // divisor), max(1, self.refuse * factor // divisor))


@dataclass(frozen=True, slots=True)
class Marks:
    """Those of one account at this moment."""

    recipients: tuple[Mark, ...]
    new_outside: Mark
    failures: Mark


@dataclass(frozen=True, slots=True)
class Minute:
    """What an account sent within one minute."""

    start: int
    """Seconds since 1970, a multiple of 60."""
    recipients: int
    failures: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What an account has sent so far, before the message that is judged."""

    minutes: Sequence[Minute]
    """Those of the longest window, oldest first."""
    new_outside: int = 0
    """In the last 24 hours."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What becomes of a message, and why."""

    course: Course
    what: What = What.RECIPIENTS
    mark: Mark = Mark(0, 0, 0)
    count: int = 0
    """With this message."""
    seconds: int = 0
    """After which it could be sent, if nothing else is; 0: it could be now."""


PASSES = Judged(Course.SEND)


def is_quiet(moment: datetime, night: tuple[int, int]) -> bool:
    """Whether the marks are divided: a week-end, or between the hours of `night` (20, 6: from 20:00 to 06:00)."""
    begins, ends = night
    hour = moment.hour
    is_night = begins <= hour < ends if begins < ends else hour >= begins or hour < ends
    return moment.weekday() in WEEKEND or (is_night and begins != ends)


def judge(marks: Marks, usage: Usage, recipients: int, new_outside: int, now: int) -> Judged:
    """What becomes of a message to so many recipients, so many of them elsewhere and new to the account.

    One message is never refused for its own size alone: it waits.
    """
    found = [_recipients(mark, usage, recipients, now) for mark in marks.recipients]
    found.append(_new_outside(marks.new_outside, usage.new_outside, new_outside))
    found.append(_failures(marks.failures, usage, now))
    refused = [one for one in found if one.course is Course.REFUSE]
    if refused:
        return max(refused, key=lambda one: one.seconds)
    return next((one for one in found if one.course is Course.HOLD), PASSES)


def _recipients(mark: Mark, usage: Usage, more: int, now: int) -> Judged:
    minutes = [one for one in usage.minutes if one.start + MINUTE > now - mark.seconds]
    before = sum(one.recipients for one in minutes)
    count = before + more
    if count <= mark.hold:
        return PASSES
    if count <= mark.refuse or not before:
        return Judged(Course.HOLD, What.RECIPIENTS, mark, count)
    excess = min(count - mark.refuse, before)
    return Judged(
        Course.REFUSE,
        What.RECIPIENTS,
        mark,
        count,
        _until([(m.start, m.recipients) for m in minutes], excess, mark, now),
    )


def _new_outside(mark: Mark, before: int, more: int) -> Judged:
    count = before + more
    if not more or count <= mark.hold:
        return PASSES
    if count <= mark.refuse or not before:
        return Judged(Course.HOLD, What.NEW_OUTSIDE, mark, count)
    return Judged(Course.REFUSE, What.NEW_OUTSIDE, mark, count, mark.seconds)


def _failures(mark: Mark, usage: Usage, now: int) -> Judged:
    minutes = [one for one in usage.minutes if one.start + MINUTE > now - mark.seconds]
    count = sum(one.failures for one in minutes)
    if count <= mark.hold:
        return PASSES
    if count <= mark.refuse:
        return Judged(Course.HOLD, What.FAILURES, mark, count)
    wait = _until([(one.start, one.failures) for one in minutes], count - mark.refuse, mark, now)
    return Judged(Course.REFUSE, What.FAILURES, mark, count, wait)


def _until(minutes: Sequence[tuple[int, int]], excess: int, mark: Mark, now: int) -> int:
    """Seconds until so much of what was counted is older than the window."""
    for start, count in minutes:
        excess -= count
        if excess <= 0:
            return max(1, start + MINUTE + mark.seconds - now)
    return mark.seconds
