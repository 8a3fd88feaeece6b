"""Whether the database answers from memory, so that the event loop may ask it a small question itself."""

import contextlib
import resource
import time
from collections.abc import Iterator

SLOW_SECONDS = 0.003
"""A small question that takes this long, and had the disk asked, was slow: it takes a twentieth otherwise."""
AWAY_SECONDS = 0.5
"""How long the threads are asked instead after that."""


class Nearness:
    """Remembers whether the last small questions waited for the disk. Belongs to the event loop's thread."""

    def __init__(self, *, local: bool) -> None:
        """`local`: the database is a file of this machine, in reach without a round trip."""
        self._away_until = 0.0 if local else float("inf")

    def ready(self) -> bool:
        """True when a small question is answered faster than a thread is woken."""
        return time.monotonic() >= self._away_until

    @contextlib.contextmanager
    def timed(self) -> Iterator[None]:
        """Take the time of a question. One that a busy machine alone made slow does not count."""
        reads, began = _disk_reads(), time.monotonic()
        try:
            yield
        finally:
            ended = time.monotonic()
            if ended - began > SLOW_SECONDS and _disk_reads() > reads:
                self._away_until = ended + AWAY_SECONDS


def _disk_reads() -> int:
    """What this thread has waited for the disk so far: pages of mapped files, and blocks."""
    used = resource.getrusage(resource.RUSAGE_THREAD)
    return used.ru_majflt + used.ru_inblock
