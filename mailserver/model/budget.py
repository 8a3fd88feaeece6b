"""The processor time one request may use."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from mailserver.model.errors import Reason, Refused

MAX_SECONDS = 20.0
"""Of CPU in the request's thread. A report over a full collection needs about a third of it."""


class Budget:
    """Counts the CPU time of the thread that made it."""

    __slots__ = ("_end",)

    def __init__(self, seconds: float = MAX_SECONDS) -> None:
        self._end = time.thread_time() + seconds

    def check(self) -> None:
        """Raises Refused(LIMIT) when the request has used its time: asked between items, rules, lines."""
        if time.thread_time() > self._end:
            raise Refused(Reason.LIMIT, "The request needs too much computing")

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What is done inside does not count: it must be done whatever was asked for."""
        begun = time.thread_time()
        try:
            yield
        finally:
            self._end += time.thread_time() - begun
