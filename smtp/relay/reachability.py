"""Which servers did not take us in lately: others are tried before them, until one attempt finds them back."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.model.clock import Clock
from smtp.relay.routing import Exchanger

FIRST_SECONDS = 15.0
LONGEST_SECONDS = 300.0
LOGIN_SECONDS = 120.0
"""After a password that was refused: servers lock accounts that are tried again and again."""
LOGIN_LONGEST_SECONDS = 900.0
MOST_SERVERS = 10_000


@dataclass(slots=True)
class _Absence:
    until: float
    pause: float


class Reachability:
    """Of one relay."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._away: dict[Exchanger, _Absence] = {}

    def ordered(self, exchangers: Sequence[Exchanger]) -> list[Exchanger]:
        """Those that are believed to be there before the others. Of whoever was away for its time it is found out by
        this attempt; meanwhile other attempts go on without."""
        there: list[Exchanger] = []
        away: list[Exchanger] = []
        for one in exchangers:
            (away if self.is_away(one) else there).append(one)
        for one in there:
            if (absence := self._away.get(one)) is not None:
                absence.until = self._clock.monotonic() + absence.pause
        return there + away

    def is_away(self, exchanger: Exchanger) -> bool:
        absence = self._away.get(exchanger)
        return absence is not None and absence.until > self._clock.monotonic()

    def lost(self, exchanger: Exchanger, *, login: bool = False) -> None:
        """It was not reached, or (`login`) refuses our login."""
        first, longest = (LOGIN_SECONDS, LOGIN_LONGEST_SECONDS) if login else (FIRST_SECONDS, LONGEST_SECONDS)
        if len(self._away) >= MOST_SERVERS:
            self._away.clear()
        known = self._away.get(exchanger)
        pause = min(max(first, 2 * known.pause), longest) if known is not None else first
        self._away[exchanger] = _Absence(self._clock.monotonic() + pause, pause)

    def found(self, exchanger: Exchanger) -> None:
        """It took us in."""
        self._away.pop(exchanger, None)

    def forget(self) -> None:
        """The operator wants another try."""
        self._away.clear()
