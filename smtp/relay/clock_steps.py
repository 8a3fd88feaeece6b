"""A wall clock that was set back: what was put off by the time before waits no longer than it was meant to."""

from mailserver.foundation.settings import Outbound
from mailserver.model.clock import Clock
from mailserver.store.engine.transactions import Store
from mailserver.store.queue import spool

STEP = 60.0
"""Seconds that a time server takes back in small steps without anybody noticing."""


class ClockSteps:
    """Compares the wall clock with one that cannot be set. One per relay."""

    def __init__(self, store: Store, clock: Clock, outbound: Outbound) -> None:
        self._store = store
        self._clock = clock
        self._longest = max(outbound.retry)
        self._ahead = float("inf")
        """Of the other clock; what happened before this process began nobody knows."""

    async def follow(self) -> None:
        """Rows that would wait for longer than any attempt is put off are due, if the clock went back.

        Raises Temporary.
        """
        ahead = self._clock.now() - self._clock.monotonic()
        if ahead < self._ahead - STEP:
            await self._store.write(spool.bring_forward, self._longest)
        self._ahead = ahead
