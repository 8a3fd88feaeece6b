"""A scanner that fails several times in a row is left alone for a while: nobody waits for it message after message.

What a scanner does not manage while it goes on answering is one message's own fault, and never counts: else whoever
sends a few that are slow to scan would have the others pass unscanned.
"""

from collections.abc import Awaitable

import structlog

from mailserver.model.clock import Clock

log = structlog.get_logger("junk")

FAILURES, REST = 3, 30.0
"""After so many failures in a row it is left alone for so many seconds."""
PING_SECONDS = 5


class Away(Exception):
    """The scanner cannot be reached, is too slow, or answers what nobody understands."""


class Unscanned(Away):
    """It cannot scan this one message, but answers."""


class Patience:
    """How often one scanner has failed."""

    def __init__(self, name: str, clock: Clock) -> None:
        self._name = name
        self._clock = clock
        self._failures = 0
        self._rests_until = 0.0

    def check(self) -> None:
        """Raises Away while it is left alone."""
        if self._failures >= FAILURES and self._clock.monotonic() < self._rests_until:
            raise Away("left alone after failures")

    async def failed(self, error: Exception, answers: Awaitable[bool]) -> Away:
        """It did not answer; what to raise. `answers`: whether it does when nothing is asked of it."""
        why = str(error) or type(error).__name__
        if await answers:
            log.warning("a message could not be scanned", scanner=self._name, why=why)
            return Unscanned(why)
        self._failures += 1
        self._rests_until = self._clock.monotonic() + REST
        log.warning("scanner is away", scanner=self._name, why=why, failures=self._failures)
        return Away(why)

    def answered(self) -> None:
        self._failures = 0
