"""Clocks that a test puts forward."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from mailserver.model.clock import SystemClock

PARIS = ZoneInfo("Europe/Paris")


class MovingClock(SystemClock):
    """The real clock, which a test can put forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead

    def forward_to(self, hour: int, minute: int = 0) -> datetime:
        """The next time that clocks in Paris show this: for what is otherwise at another hour, or on another day."""
        here = datetime.fromtimestamp(self.now(), PARIS)
        when = datetime.combine(here.date(), time(hour, minute), PARIS)
        if when <= here:
            when += timedelta(days=1)
        self.ahead += when.timestamp() - self.now()
        return when

    @contextmanager
    def at(self, when: datetime) -> Iterator[None]:
        """It is that moment; afterwards time goes on from where it was."""
        ahead = self.ahead
        self.ahead += when.timestamp() - self.now()
        yield
        self.ahead = ahead


class SteppedClock(SystemClock):
    """The real clock; a test lets more time pass at once, also between two moments of an interval."""

    def __init__(self) -> None:
        self.offset = 0.0

    def now(self) -> float:
        return super().now() + self.offset

    def monotonic(self) -> float:
        return super().monotonic() + self.offset

    def step(self, seconds: float) -> None:
        self.offset += seconds


class StandingClock(SystemClock):
    """Time stands still until a test moves it: however slow the machine is, nothing runs out meanwhile."""

    def __init__(self) -> None:
        self._now = float(int(super().now()))  # whole seconds: what is told in seconds is told exactly
        self._jumped = 0.0

    def now(self) -> float:
        return self._now + self._jumped

    def monotonic(self) -> float:
        return self._now

    def step(self, seconds: float) -> None:
        """Let so much time pass at once."""
        self._now += seconds

    def jump(self, seconds: float) -> None:
        """Somebody sets the wall clock; no time passes."""
        self._jumped += seconds
