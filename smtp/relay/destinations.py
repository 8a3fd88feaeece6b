"""Which of the rows that this relay has leased is sent next: destinations take turns, and each has its bound.

How many connections a destination gets grows with what it takes and is halved when it fails, so that one host that is
slow or dead costs its own mail only. Knows neither store nor network.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mailserver.model.clock import Clock
from mailserver.store.queue.spool import Leased
from mailserver.texts.causes import NOTHING, Cause

FIRST_WINDOW = 2.0
"""Messages at once to a destination that nothing is known of."""
RECENT = 4
"""Messages after which a destination is believed to take longer; that it is quicker, at once: some of the time is our
own, while there is much to do."""
FIRST_SHARE, SHARE = 1, 20
"""Rows of one destination that are leased together: to one that nothing is known of, so that those which take their
time are found out early, and then, over connections that are there."""
WORTH_SECONDS = 1.0
"""What there is for a destination goes over the connections that there are, if that takes no longer: dialling costs
both sides more than a message does."""
MORE = SHARE
"""Rows that are taken to wait in the store where more were due than one share."""
MOST_FIRST = 3
"""Slow destinations whose rows are leased before others' at a time."""
MAX_KNOWN = 10_000
"""Destinations that are remembered; beyond, those that nothing waits for are forgotten."""


@dataclass(slots=True)
class Destination:
    """A domain, and what this relay found out about it."""

    window: float
    active: int = 0
    waiting: deque[Leased] = field(default_factory=deque)
    has_more: bool = False
    """There were more due rows than were leased."""
    is_left_out: bool = False
    """Its rows were passed over when the queue was last looked at, and some may be due."""
    failures: int = 0
    """In a row."""
    has_failed: bool = False
    """Its bound has been found: from then on it grows slowly."""
    has_taken: bool = False
    """It was reached once, and did not fail since."""
    seconds: float = 0.0
    """That a message takes there, once it has been greeted."""
    until: float = 0.0
    """By the monotonic clock: not dialled before."""
    status: str = ""
    why: Cause = NOTHING

    @property
    def room(self) -> int:
        return int(self.window) - self.active

    @property
    def is_slow(self) -> bool:
        """A share takes long over one connection."""
        return self.has_taken and SHARE * self.seconds > WORTH_SECONDS

    @property
    def has_turn(self) -> bool:
        """Something waits that is to begin now."""
        if not self.waiting or self.room <= 0:
            return False
        if not self.has_taken:  # nothing is known of its speed yet
            return True
        rows = len(self.waiting) + self.active + (MORE if self.has_more else 0)
        return self.active < 1 + int(rows * self.seconds / WORTH_SECONDS)


class Destinations:
    """Those of one relay."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, Destination] = {}
        self._turns: deque[str] = deque()
        """Destinations with a row to send and room for it, the next one first; some may have neither any more."""
        self.waiting = 0
        """Rows that are leased and not begun."""
        self._emptied: dict[str, None] = {}
        """Slow ones all of whose rows have begun, and that may have more."""
        self._away: set[str] = set()
        """Destinations that were not dialled for a while, which may be over."""

    @property
    def away(self) -> int:
        """How many destinations are not dialled now."""
        now = self._clock.monotonic()
        self._away = {name for name in self._away if name in self._known and self._known[name].until > now}
        return len(self._away)

    @property
    def proven(self) -> set[str]:
        """Those that get `SHARE` rows together."""
        return {name for name, one in self._known.items() if one.has_taken}

    def add(self, rows: Sequence[Leased], *, is_cut: bool = False) -> None:
        """Rows that were leased, at most as many of a domain as its share is; `is_cut`: the last one's may have been
        more.
        """
        counts: dict[str, int] = {}
        for row in rows:
            self._of(row.domain).waiting.append(row)
            counts[row.domain] = counts.get(row.domain, 0) + 1
        self.waiting += len(rows)
        for domain, count in counts.items():
            one = self._known[domain]
            one.has_more = count >= (SHARE if one.has_taken else FIRST_SHARE) or (is_cut and domain == rows[-1].domain)
            self._turns.append(domain)

    def busy(self) -> list[str]:
        """Destinations that need no more rows for now."""
        found = []
        for name, one in self._known.items():
            one.is_left_out = bool(one.waiting) or one.room <= 0
            if one.is_left_out:
                found.append(name)
        return found

    def forget_left_out(self) -> None:
        """Nothing is due for those that were passed over."""
        for one in self._known.values():
            one.is_left_out = False

    def next(self) -> Leased | None:
        """The row to send next; None: nothing waits whose destination has room."""
        if not self.has_turn:
            return None
        name = self._turns.popleft()
        one = self._known[name]
        one.active += 1
        self.waiting -= 1
        row = one.waiting.popleft()
        if one.has_turn:
            self._turns.append(name)
        return row

    def done(self, domain: str) -> bool:
        """An attempt has ended; True: its destination could take more rows than are here."""
        one = self._known[domain]
        one.active -= 1
        if one.waiting:
            self._turns.append(domain)
            return False
        has_more = one.has_more or one.is_left_out
        one.has_more = one.is_left_out = False
        if has_more and one.is_slow:
            self._emptied[domain] = None
        return has_more

    def first(self) -> list[str]:
        """Whose rows are to be leased before others', each once: they take nothing but their time, and more of it than
        what stands before them in the queue."""
        names = list(self._emptied)[:MOST_FIRST]
        for name in names:
            del self._emptied[name]
        return names

    @property
    def has_turn(self) -> bool:
        """Whether a row can be begun."""
        while self._turns:
            one = self._known.get(self._turns[0])
            if one is not None and one.has_turn:
                return True
            self._turns.popleft()
        return False

    def give_up(self, is_late: Callable[[Leased], bool] = lambda _: True) -> list[Leased]:
        """Rows that were not begun, which are not here any more."""
        rows = []
        for one in self._known.values():
            late = [row for row in one.waiting if is_late(row)]
            if late:
                rows += late
                one.has_more = True
                one.seconds = max(one.seconds, WORTH_SECONDS)
                one.waiting = deque(row for row in one.waiting if row not in late)
        self.waiting -= len(rows)
        return rows

    # ------------------------------------------------------------------ what was found out

    def succeeded(self, domain: str, most: int, seconds: float) -> None:
        """It was reached, and was done with a message in so many seconds."""
        one = self._of(domain)
        one.seconds += (seconds - one.seconds) / (RECENT if one.has_taken and seconds > one.seconds else 1)
        one.failures, one.until, one.has_taken = 0, 0.0, True
        one.window = min(float(most), one.window + (1 / max(1.0, one.window) if one.has_failed else 1))

    def failed(self, domain: str) -> int:
        """A connection broke, or there was none; how often in a row."""
        one = self._of(domain)
        one.window = max(1.0, one.window / 2)
        one.has_failed, one.has_taken = True, False
        one.failures += 1
        return one.failures

    def keep_away(self, domain: str, seconds: float, status: str, why: Cause) -> None:
        """Do not dial it for so long."""
        one = self._of(domain)
        one.until, one.status, one.why = self._clock.monotonic() + seconds, status, why
        self._away.add(domain)

    def kept_away(self, domain: str) -> tuple[float, str, Cause]:
        """For how many seconds it is not dialled, and why; 0: it may be."""
        one = self._known.get(domain)
        left = one.until - self._clock.monotonic() if one is not None else 0.0
        return (left, one.status, one.why) if one is not None and left > 0 else (0.0, "", NOTHING)

    def forget(self) -> None:
        """The operator wants another try of everything."""
        for one in self._known.values():
            one.until, one.failures = 0.0, 0

    def _of(self, domain: str) -> Destination:
        found = self._known.get(domain)
        if found is None:
            if len(self._known) >= MAX_KNOWN:
                self._known = {name: one for name, one in self._known.items() if one.waiting or one.active}
            found = self._known[domain] = Destination(FIRST_WINDOW)
        return found
