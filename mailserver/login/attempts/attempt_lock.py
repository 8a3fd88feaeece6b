"""One attempt at a time for one login: a burst of guesses meets the count of the one before."""

import asyncio
import contextlib
from collections.abc import AsyncIterator


class AttemptLock:
    """Queues by name. One per process; a name that nobody waits for takes no room."""

    def __init__(self) -> None:
        self._turns: dict[str, _Turn] = {}

    @contextlib.asynccontextmanager
    async def of(self, name: str) -> AsyncIterator[None]:
        """Wait until everybody who came before for this name is done."""
        turn = self._turns.setdefault(name, _Turn())
        turn.users += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.users -= 1
            if not turn.users:
                del self._turns[name]


class _Turn:
    """A queue of attempts for one login."""

    __slots__ = ("lock", "users")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.users = 0
