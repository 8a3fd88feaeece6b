"""Files that are long in the making: few at once in a worker, one of each account.

A place is taken when it is asked for and given back when the answer ends, however it ends. Who reads slowly keeps
their own, and not everybody's; who does not read at all is cut by the server.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from mailserver.model.errors import Temporary


class Turns:
    """The places of one kind of work, in one worker."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._working: set[int] = set()

    def check(self, account_id: int) -> None:
        """Raises Temporary: there is no place, or the account has one."""
        if account_id in self._working or len(self._working) >= self._at_once:
            raise Temporary("too many files are being made")

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
        return _Held(_taken(pieces), fields, lambda: self._working.discard(account_id))

    def _take(self, account_id: int) -> None:
        self.check(account_id)
        self._working.add(account_id)


class _Held(StreamingResponse):
    """An answer that gives its place back, even when nobody waits for it any more."""

    def __init__(self, pieces: AsyncIterator[bytes], fields: Mapping[str, str], end: Callable[[], None]) -> None:
        super().__init__(pieces, 200, fields)
        self._end = end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._end()


async def _taken(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(_next, pieces):
        yield piece


def _next(pieces: Iterator[bytes]) -> bytes:
    """The next piece that is not empty; empty at the end."""
    return next((piece for piece in pieces if piece), b"")
