"""One at a time of a person: whatever reads their agendas as a whole, which may be a hundred megabytes.

Whoever asks again and again waits for their own requests, with nothing read: neither the memory fills with them nor
are all threads that read at work for one person.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from weakref import WeakValueDictionary

_TURNS: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
"""Who is at it, or waits for it, by account."""


@contextlib.asynccontextmanager
async def alone(account_id: int) -> AsyncIterator[None]:
    """Hold from before they are read until they are let go of."""
    turn = _TURNS.setdefault(account_id, asyncio.Lock())
    async with turn:
        yield
