"""Whether the database answers from memory, so that the event loop may ask it a small question itself."""

import resource
import time

SLOW_SECONDS = 0.003
"""A small question that takes this long, and had the disk asked, was slow: it takes a twentieth otherwise."""
AWAY_SECONDS = 0.5
"""How long the threads are asked instead after that."""


class Nearness:
    """Remembers whether the last small questions waited for the disk. Belongs to the event loop's thread.

    `with nearness:` takes the time of a question; one is asked at a time.
    """

    __slots__ = ("_away_until", "_began", "_reads")

    def __init__(self, *, local: bool) -> None:
        """`local`: the database is a file of this machine, in reach without a round trip."""
        self._away_until = 0.0 if local else float("inf")
        self._began = 0.0
        self._reads = 0

    def ready(self) -> bool:
        """True when a small question is answered faster than a thread is woken."""
        return time.monotonic() >= self._away_until

    def __enter__(self) -> None:
        self._reads, self._began = _disk_reads(), time.monotonic()

    def __exit__(self, *_: object) -> None:
        """A question that a busy machine alone made slow does not count."""
        ended = time.monotonic()
        if ended - self._began > SLOW_SECONDS and _disk_reads() > self._reads:
            self._away_until = ended + AWAY_SECONDS


def _disk_reads() -> int:
    """What this thread has waited for the disk so far: pages of mapped files, and blocks."""
    used = resource.getrusage(resource.RUSAGE_THREAD)
    return used.ru_majflt + used.ru_inblock
