"""How much each account may send: one function for every door and path that sends in somebody's name.

What is counted are the recipients that a message names, those elsewhere that a list adds, and what other servers
refused for good. `postmaster@` and `abuse@` count for nothing: whoever is held can ask why.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from mailserver.foundation.settings import SendingMarks, Settings
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Population
from mailserver.model.rules.sentences import SentTooMuch, sent_too_much
from mailserver.model.sending.sending_limits import (
    DAY,
    HOUR,
    LONGEST,
    MINUTE,
    PASSES,
    WINDOWS,
    Course,
    Judged,
    Mark,
    Marks,
    Usage,
    What,
    is_quiet,
    judge,
)
from mailserver.store.engine.statements import Tx
from mailserver.store.queue import sent_counts


@dataclass(frozen=True, slots=True)
class Sent:
    """What a message counts for."""

    account_id: int
    population: Population
    recipients: int
    outside: frozenset[str] = frozenset()
    """Addresses elsewhere, of these recipients."""


class Waits(Refused):
    """Raised within the unit that would send a message: it has to wait for IT."""

    def __init__(self, judged: Judged) -> None:
        super().__init__(Reason.LIMIT, "Too many recipients in too short a time")
        self.judged = judged


class SendingLimits:
    """Judges and counts, within units of the store. One per worker."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._zone = ZoneInfo(settings.web.timezone)

    def marks(self, population: Population, factor: int, now: float) -> Marks:
        """Those of an account of this population that may send `factor` times as much as others."""
        sending = self._settings.sending
        chosen = self._of(population)
        quiet = is_quiet(datetime.fromtimestamp(now, self._zone), sending.night)
        divisor = sending.quiet_divisor if quiet else 1
        pairs = (chosen.minute, chosen.ten_minutes, chosen.hour, chosen.ten_hours)
        recipients = tuple(
            Mark(seconds, *pair).times(factor, divisor) for seconds, pair in zip(WINDOWS, pairs, strict=True)
        )
        return Marks(
            recipients,
            Mark(DAY, *chosen.new_outside_per_day).times(factor, 1),
            Mark(HOUR, *chosen.failures_per_hour).times(factor, 1),
        )

    def foresee(self, tx: Tx, sent: Sent) -> Judged:
        """What would become of a message now; nothing is counted. Raises SentTooMuch."""
        if not self._settings.sending.limits:
            return PASSES
        new = sent_counts.unknown(tx, sent.account_id, sent.outside)
        return self._judged(tx, sent, new)

    def count(self, tx: Tx, sent: Sent, *, waits: bool = False) -> None:
        """Count a message in the unit that sends it, or (`waits`) lets it wait. Raises SentTooMuch, Waits."""
        if not self._settings.sending.limits:
            return
        # First, so that on PostgreSQL nobody else counts for this account until this unit ends; an error undoes it.
        sent_counts.add(tx, sent.account_id, sent.recipients)
        new = sent_counts.unknown(tx, sent.account_id, sent.outside)
        judged = self._judged(tx, sent, new, counted=sent.recipients)
        if judged.course is Course.HOLD and not waits:
            raise Waits(judged)
        sent_counts.remember(tx, sent.account_id, sent.outside, new, waits=waits)

    def count_automatic(self, tx: Tx, sent: Sent) -> bool:
        """Count what a filter sends in somebody's name, if it may be sent: such a message neither waits nor fails."""
        try:
            if self.foresee(tx, sent).course is not Course.SEND:
                return False
        except SentTooMuch:
            return False
        sent_counts.add(tx, sent.account_id, sent.recipients)
        return True

    def _judged(self, tx: Tx, sent: Sent, new: Mapping[bytes, bool], counted: int = 0) -> Judged:
        factor = sent_counts.factor(tx, sent.account_id)
        marks = self.marks(sent.population, factor, tx.clock.now())
        usage = sent_counts.usage(tx, sent.account_id, counted, sum(new.values()))
        judged = judge(marks, usage, sent.recipients, len(new), tx.now)
        if judged.course is Course.REFUSE:
            again = self._again(judged, sent, factor, usage, tx.now)
            raise sent_too_much(judged, datetime.fromtimestamp(again, self._zone))
        return judged

    def _again(self, judged: Judged, sent: Sent, factor: int, usage: Usage, now: int) -> int:
        """When what is refused now will not be: from the evening on, and from the morning, the marks are others."""
        at = now
        while judged.course is Course.REFUSE and at <= now + LONGEST + MINUTE:
            if judged.what is What.NEW_OUTSIDE:
                return at + judged.seconds
            at = min(at + judged.seconds, self._change(at))
            judged = judge(self.marks(sent.population, factor, at), usage, sent.recipients, 0, at)
        return at

    def _change(self, at: int) -> int:
        """When night or a week-end begins, or ends, as long as that may matter; zones differ by half hours."""
        night, halves = self._settings.sending.night, HOUR // 2
        quiet = is_quiet(datetime.fromtimestamp(at, self._zone), night)
        steps = range(at // halves * halves + halves, at + LONGEST + HOUR, halves)
        ends = (one for one in steps if is_quiet(datetime.fromtimestamp(one, self._zone), night) is not quiet)
        return next(ends, at + LONGEST + HOUR)

    def _of(self, population: Population) -> SendingMarks:
        sending = self._settings.sending
        match population:
            case Population.PUPIL:
                return sending.pupils
            case Population.TEACHER:
                return sending.teachers
            case _:
                return sending.staff
