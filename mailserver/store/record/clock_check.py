"""Asks whether the clock can be believed, for everything that erases or sends mail because a time has come."""

from mailserver.model.clock import Clock
from mailserver.store.engine.transactions import Store
from mailserver.store.record import trusted_clock

PERIOD = 60.0
"""Seconds between two looks that are recorded."""


class Upkeep:
    """One for each kind of background work of a worker."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._looked = clock.monotonic()
        self._first = True

    async def may_go_on(self) -> bool:
        """False while a clock that jumped waits for its second look. Raises Temporary."""
        now = self._clock.monotonic()
        elapsed = now - self._looked
        if self._first or elapsed >= PERIOD or await self._store.read(trusted_clock.is_news):
            found = await self._store.write(trusted_clock.look, elapsed, first=self._first)
            self._looked, self._first = now, False
        else:
            found = await self._store.read(trusted_clock.doubt)
        return found is None
