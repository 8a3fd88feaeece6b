"""Whose turn it is when many clients ask at once: in the order in which they asked, a little at a time.

Between two turns of the loop sockets are looked at and other doors are served. Without this, a hundred commands that
came together would all run before any of that, and a message that arrives by SMTP, one step a turn, would wait for
hundreds of them.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic

SLICE_SECONDS = 0.002
"""What is answered at once, by all clients together, until the loop turns."""

Step = Callable[[], bool]
"""Serves one client. False: it is not served yet, its task was woken for that."""


class Turnstile:
    """The clients of one worker that wait to be served."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Step] = deque()
        self._turning = False
        """`_turn` will be called when the loop has turned."""
        self._full = False
        """Enough was done until then."""
        self._until = 0.0

    def enter(self, step: Step) -> None:
        """Take this step now if there is nobody before, else as soon as it is due."""
        if not self._turning:
            self._begin()
            self._turn_later()
        if self._full or self._waiting:
            self._waiting.append(step)
        else:
            self._take(step)

    def _begin(self) -> None:
        self._full = False
        self._until = monotonic() + SLICE_SECONDS

    def _take(self, step: Step) -> None:
        # A task that was woken runs when the loop turns, and nobody knows for how long.
        self._full = not step() or monotonic() > self._until

    def _turn_later(self) -> None:
        self._turning = True
        self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._turning = False
        self._begin()
        try:
            while self._waiting and not self._full:
                self._take(self._waiting.popleft())
        finally:
            if self._waiting:
                self._turn_later()
