"""How long clients waited, by kind of request and by stretch of the run."""

import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass

STRETCHES = 10
"""The run is told in so many parts."""


@dataclass(frozen=True, slots=True)
class Waits:
    """Of one kind of request in one stretch, in milliseconds."""

    count: int
    middle: float
    slowest: float
    """Of the quickest 99 in a hundred."""


class Timings:
    """What the clients' threads tell. `seconds`: how long the run is to be."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._waits: dict[tuple[str, int], list[float]] = defaultdict(list)
        self.broken: Counter[str] = Counter()
        """Requests that ended with their connection, and were made again."""

    def begin(self) -> None:
        """The first stretch, once all is prepared."""
        self._began = time.monotonic()

    def took(self, kind: str, seconds: float) -> None:
        at = int((time.monotonic() - self._began) / self._seconds * STRETCHES)
        with self._lock:
            self._waits[kind, min(at, STRETCHES - 1)].append(seconds)

    def broke(self, kind: str) -> None:
        with self._lock:
            self.broken[kind] += 1

    def of(self, kind: str) -> list[Waits]:
        """Stretch by stretch; those in which nothing was asked have a count of 0."""
        return [_waits(self._waits.get((kind, at), [])) for at in range(STRETCHES)]

    @property
    def kinds(self) -> list[str]:
        return sorted({kind for kind, _ in self._waits})


def _waits(seconds: list[float]) -> Waits:
    ordered = sorted(1000 * one for one in seconds)
    if not ordered:
        return Waits(0, 0.0, 0.0)
    return Waits(len(ordered), ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)])
