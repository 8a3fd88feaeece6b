"""The rules between populations as this worker knows them: from memory, read again when news or time say so."""

from mailserver.foundation.changes import Changes
from mailserver.model.clock import Clock
from mailserver.model.rules import Rules
from mailserver.store.account import rules
from mailserver.store.engine.transactions import Store

BELIEVED_SECONDS = 2.0
"""Should news get lost, a rule counts after this long all the same."""


class PolicyCache:
    """One per worker. Asking costs nothing while nothing moves."""

    def __init__(self, *, store: Store, clock: Clock, changes: Changes) -> None:
        self._store = store
        self._clock = clock
        self._rules = Rules()
        self._until = 0.0
        self._heard = 0
        changes.subscribe("mailbox", rules.NEWS, self._forget)

    def _forget(self) -> None:
        self._until = 0.0
        self._heard += 1

    async def rules(self) -> Rules:
        """What is forbidden now. Raises Temporary when it was never read and the store is out of reach."""
        now = self._clock.monotonic()
        if now < self._until:
            return self._rules
        heard = self._heard
        found = await self._store.read(rules.load)
        # What was read before a change that was heard of meanwhile may be old: it is not kept, nor in the place of what
        # somebody else has read since.
        if heard == self._heard:
            self._rules, self._until = found, now + BELIEVED_SECONDS
        return found
