"""What a worker was told lately, for a while, of so many at most."""

from collections import OrderedDict
from typing import Generic, TypeVar

from mailserver.model.clock import Clock

MOST = 10_000

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Values by key, each until its time is over; those put in first go first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def get(self, key: K) -> tuple[V] | None:
        """The value, which may itself be None."""
        found = self._kept.get(key)
        return (found[1],) if found is not None and found[0] > self._clock.monotonic() else None

    def put(self, key: K, value: V, seconds: float) -> None:
        self._kept.pop(key, None)
        self._kept[key] = (self._clock.monotonic() + seconds, value)
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)

    def drop(self, key: K) -> None:
        self._kept.pop(key, None)
