"""Where pure work is done: on the event loop while it is small, in a thread when it is not."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

INLINE_OCTETS = 48 * 1024
"""What text work reads on the loop: a few milliseconds at most. The loop is shared with SMTP and IMAP."""


async def computed(octets: int, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The function's result; `octets` says how much it has to read."""
    if octets <= INLINE_OCTETS:
        return function(*args, **kwargs)
    return await asyncio.to_thread(function, *args, **kwargs)
