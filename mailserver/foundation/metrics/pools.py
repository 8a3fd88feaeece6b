"""How busy the thread pools of a process are, looked at each second."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

from mailserver.foundation.metrics import catalogue

PERIOD = 1.0


@dataclass(frozen=True, slots=True)
class Load:
    """One pool now."""

    threads: int
    busy: int
    waiting: int


def load_of(pool: ThreadPoolExecutor) -> Load:
    """What the pool knows of itself and does not promise to tell: see `tests/test_library_internals.py`."""
    inside = cast(Any, pool)
    started = len(inside._threads)
    idle = inside._idle_semaphore._value
    return Load(inside._max_workers, max(0, started - idle), inside._work_queue.qsize())


async def watch(loads: Callable[[], Mapping[str, Load]]) -> None:
    """Write down what is found until cancelled."""
    while True:
        for name, load in loads().items():
            catalogue.POOL_THREADS.set(float(load.threads), name)
            catalogue.POOL_BUSY.set(float(load.busy), name)
            catalogue.POOL_WAITING.set(float(load.waiting), name)
        await asyncio.sleep(PERIOD)
