"""Whose turn it is when many clients ask at once: in the order in which they asked, a little at a time.

Between two turns of the loop sockets are looked at and other doors are served. Without this, a hundred commands that
came together would all run before any of that, and a message that arrives by SMTP, one step a turn, would wait for
hundreds of them.

What is answered without waiting goes before what takes a task: it is short, and has its share of each turn.
"""

import asyncio
from collections import deque
from time import monotonic
from typing import Protocol

SLICE_SECONDS = 0.001
"""When it has passed, nobody further is answered without waiting until the loop turns. The last one may take longer:
what one client pipelined has a bound of its own (`conversation.TURN_SECONDS`)."""


class Asking(Protocol):
    """A client that has said something."""

    def answer_now(self) -> bool:
        """Answer if that takes no waiting; False: its task is to `go_on`."""

    def go_on(self) -> None:
        """Wake its task."""


class Scheduler:
    """The clients of one worker that wait to be served."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._new: deque[Asking] = deque()
        """Clients whose words nobody has looked at."""
        self._tasks: deque[Asking] = deque()
        """Clients whose tasks are to be woken."""
        self._turning = False
        """`_turn` will be called when the loop has turned."""
        self._woken = False
        """One task was woken in this turn: it runs in the next, and nobody knows for how long."""
        self._until = 0.0
        """The end of this turn's slice."""

    def enter(self, client: Asking) -> None:
        """Serve this client now if there is time and nobody before, else as soon as that is so."""
        if not self._turning:
            self._begin()
        if self._new or monotonic() > self._until:
            self._new.append(client)
        elif not client.answer_now():
            self._call(client)
        if not self._turning:
            self._turn_later()

    def _begin(self) -> None:
        self._woken = False
        self._until = monotonic() + SLICE_SECONDS

    def _call(self, client: Asking) -> None:
        if self._woken:
            self._tasks.append(client)
        else:
            self._woken = True
            client.go_on()

    def _turn_later(self) -> None:
        self._turning = True
        self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._turning = False
        self._begin()
        try:
            if self._tasks:
                self._call(self._tasks.popleft())
            while self._new and monotonic() < self._until:
                client = self._new.popleft()
                if not client.answer_now():
                    self._call(client)
        finally:
            if self._new or self._tasks:
                self._turn_later()
