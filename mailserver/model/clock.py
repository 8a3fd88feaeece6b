"""Time and randomness as an argument, so that tests own both."""

import secrets
import time
from typing import Protocol

DAY = 86400
"""Seconds."""
HOUR = 3600


class Clock(Protocol):
    """What the service asks of the world: the time, and bytes nobody can guess."""

    def now(self) -> float:
        """Seconds since the Unix epoch."""

    def monotonic(self) -> float:
        """Seconds that never go back, for intervals."""

    def token(self, nbytes: int) -> bytes:
        """Random bytes fit for secrets."""

    def wall(self) -> float:
        """What this host's own clock says: for what else goes by it, as the times of its files."""

    def follow(self, told: float, took: float) -> None:
        """A database that hosts share said what time it is, at most so many seconds ago: `now` says the same."""

    @property
    def skew(self) -> float:
        """Seconds that this host's own clock is ahead of `now`."""


class SystemClock:
    """The real clock and the operating system's randomness.

    Hosts that share a database all say what its clock does: what one of them writes another compares with its own time.
    Between two answers of the database the monotonic clock counts on: whoever sets the host's clock moves nothing.
    """

    _ahead: float | None = None
    """Of the monotonic clock; None: no database has told the time."""

    def now(self) -> float:
        return self._time()

    def _time(self) -> float:
        ahead = self._ahead
        return self.wall() if ahead is None else time.monotonic() + ahead

    def wall(self) -> float:
        return time.time()

    def follow(self, told: float, took: float) -> None:
        # Moved no further than the answer proves, so that a slow one spoils nothing.
        self._ahead = min(max(self._time(), told), told + took) - time.monotonic()

    @property
    def skew(self) -> float:
        return 0.0 if self._ahead is None else self.wall() - self._time()

    def monotonic(self) -> float:
        return time.monotonic()

    def token(self, nbytes: int) -> bytes:
        return secrets.token_bytes(nbytes)
