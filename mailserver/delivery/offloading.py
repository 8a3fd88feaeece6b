"""What is done with very many accounts at once, apart from the loop."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

LARGE = 20_000
"""Accounts: what is done with more of them takes the loop too long."""


async def at_leisure(count: int, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What is done with so many accounts: in a thread where they are very many, since the loop has others to serve."""
    return await asyncio.to_thread(function, *args, **kwargs) if count > LARGE else function(*args, **kwargs)
