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


class SystemClock:
    """The real clock and the operating system's randomness."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def token(self, nbytes: int) -> bytes:
        return secrets.token_bytes(nbytes)
