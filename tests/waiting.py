"""Waiting for something to happen, with a bound that a busy machine meets."""

import asyncio
import time
from collections.abc import Callable

PATIENCE = 60.0
"""Seconds: only what never happens is waited for so long."""
FELT = 30.0
"""Seconds within which a busy machine has felt at every door what an idle one feels there within five."""


def until(holds: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Return as soon as it holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


async def becomes(holds: Callable[[], object], seconds: float = PATIENCE) -> None:
    """`until`, while the loop runs."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.005)
