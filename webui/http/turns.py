"""Files that are long in the making: few at once in a worker, one of each account.

A place is taken when it is asked for and given back when the answer ends, however it ends. Who does not read at all is
cut by the server; who reads slowly keeps their place until somebody else wants one.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping

import structlog
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from mailserver.model.errors import Temporary

log = structlog.get_logger("webui")

PATIENCE_SECONDS = 60.0
"""Of waiting for a reader, however little they take."""
LEAST_RATE = 64 * 1024
"""Octets a second that a reader takes afterwards, or gives way to who waits."""
MOST_SENT = 256 * 1024
"""Octets that are handed to the connection at once."""
WANTED_SECONDS = 600.0
"""For which a place is wanted by whom was told to come again."""


CUT = "connection.cut"
"""Where a request carries what ends its connection: in the `state` of its ASGI scope."""


class _TooSlow(Exception):
    """The reader keeps a place that others want."""


class Turns:
    """The places of one kind of work, in one worker."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._working: set[int] = set()
        self._wanted_until = 0.0

    def check(self, account_id: int) -> None:
        """Raises Temporary: there is no place, or the account has one."""
        if account_id in self._working:
            raise Temporary("a file is being made for this account")
        if len(self._working) >= self._at_once:
            self._wanted_until = time.monotonic() + WANTED_SECONDS
            raise Temporary("too many files are being made")

    @property
    def is_wanted(self) -> bool:
        """Whether somebody was told lately that there is no place, and there still is none."""
        return len(self._working) >= self._at_once and time.monotonic() < self._wanted_until

    @contextlib.contextmanager
    def hold(self, account_id: int) -> Iterator[None]:
        """Work while a place is held. Raises Temporary: there is none, or the account has one."""
        self._take(account_id)
        try:
            yield
        finally:
            self._working.discard(account_id)

    def answer(self, account_id: int, pieces: Iterator[bytes], fields: Mapping[str, str]) -> Response:
        """The pieces as they are made, each in a thread and only when the browser has taken the one before; empty
        ones are left out. Raises Temporary."""
        self._take(account_id)
        return _Held(_taken(pieces), fields, self, lambda: self._working.discard(account_id))

    def _take(self, account_id: int) -> None:
        self.check(account_id)
        self._working.add(account_id)


class _Held(StreamingResponse):
    """An answer that gives its place back, even when nobody waits for it any more."""

    def __init__(
        self, pieces: AsyncIterator[bytes], fields: Mapping[str, str], turns: Turns, end: Callable[[], None]
    ) -> None:
        super().__init__(pieces, 200, fields)
        self._turns = turns
        self._end = end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        waited, taken = 0.0, 0

        async def paced(message: Message) -> None:
            """What it takes to make a piece is not the reader's fault."""
            nonlocal waited, taken
            begun = time.monotonic()
            await send(message)
            waited += time.monotonic() - begun
            taken += len(message.get("body", b""))
            if waited > PATIENCE_SECONDS and taken < LEAST_RATE * waited and self._turns.is_wanted:
                raise _TooSlow("others wait for the place")

        try:
            await super().__call__(scope, receive, paced)
        except _TooSlow:
            log.info("slow reader gives way", octets=taken, seconds=int(waited))
            if (cut := scope.get("state", {}).get(CUT)) is not None:
                cut()
                await receive()  # that it is gone: the server complains of answers that just end
        finally:
            self._end()


async def _taken(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(_next, pieces):
        for start in range(0, len(piece), MOST_SENT):
            yield piece[start : start + MOST_SENT]


def _next(pieces: Iterator[bytes]) -> bytes:
    """The next piece that is not empty; empty at the end."""
    return next((piece for piece in pieces if piece), b"")
