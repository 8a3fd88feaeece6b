"""What a piece of work costs: by the clock, and in processor time of everything that a side runs."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from tests.bench.incoming import processes

REST_SECONDS = 30.0
"""The most to wait until nothing is left to do."""
REPEATED = 5
"""Calls of a command, after one that warms up."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measure of one round."""

    value: float
    """By its measure's unit."""
    cpu: float
    """Milliseconds of processor an operation."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What is measured; `french` and `english` say it in tables."""

    name: str
    french: str
    english: str
    is_rate: bool = False
    """The value is operations a second, of which more are better; else milliseconds."""


class Meter:
    """Counts from when it is made."""

    def __init__(self, roots: Sequence[int]) -> None:
        self._roots = roots
        self._cpu = processes.cpu(roots).total()
        self._began = time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._began

    @property
    def cpu(self) -> float:
        """Seconds of processor."""
        return processes.cpu(self._roots).total() - self._cpu

    def rate(self, count: int) -> Figure:
        """So many operations until now."""
        return Figure(count / self.seconds, 1000 * self.cpu / count)

    async def whole_rate(self, count: int) -> Figure:
        """The same, with the processor time of what was put off: a search index, a queue that is tidied."""
        took = self.seconds
        await asyncio.to_thread(processes.wait_until_quiet, self._roots, REST_SECONDS)
        return Figure(count / took, 1000 * self.cpu / count)


async def repeated(
    roots: Sequence[int], call: Callable[[], Awaitable[bytes]], check: Callable[[bytes], bool]
) -> Figure:
    """A command, several times: the median, and the mean of its processor time. Its answer has to be right."""
    answer = await call()
    assert check(answer), answer[-300:]
    meter, times = Meter(roots), []
    for _ in range(REPEATED):
        began = time.perf_counter()
        await call()
        times.append(1000 * (time.perf_counter() - began))
    return Figure(statistics.median(times), 1000 * meter.cpu / REPEATED)
