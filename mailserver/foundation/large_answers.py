"""Large answers, over HTTP and IMAP: made a few at a time, then read from the disk at the pace of who asked.

What is made lies in memory while it is made: so one at a time of each account and `MAKERS` of a worker, and the others
wait before they have read anything. Once made it moves to a file without a name, so a slow reader holds a piece of it
in memory and not a message of fifty megabytes. Octets on the disk are bounded for each account and for the worker.
"""

import asyncio
import contextlib
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import IO

from mailserver.model.errors import Temporary

LARGE = 1024 * 1024
"""Octets from which an answer is large."""
PIECE = 256 * 1024
"""Octets that are handed to the connection at once."""
MAKERS = 3
"""Large answers that one worker makes at the same time, of as many accounts."""
MAX_WAITING = 50
"""Requests of one account that wait for their turn."""
MAX_KEPT_EACH = 1024**3
"""Octets of answers on the disk that one account has not taken yet."""
MAX_KEPT = 8 * 1024**3
"""The same of a worker."""


@dataclass(slots=True)
class _Line:
    """The requests of one account: one is being made."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0


class Kept:
    """An answer on the disk. Somebody has to `close` it."""

    def __init__(self, file: IO[bytes], octets: int, release: Callable[[], None]) -> None:
        self._file = file
        self._release: Callable[[], None] | None = release
        self.octets = octets

    async def pieces(self, start: int = 0, octets: int | None = None) -> AsyncIterator[bytes]:
        """Its octets, or so many from `start` on, each piece read when the one before has been taken."""
        stop = self.octets if octets is None else start + octets
        while start < stop and (piece := await asyncio.to_thread(self._read, start, min(PIECE, stop - start))):
            yield piece
            start += len(piece)

    def _read(self, start: int, octets: int) -> bytes:
        self._file.seek(start)
        return self._file.read(octets)

    def close(self) -> None:
        """Give the room back; may be said more than once."""
        if self._release is not None:
            self._file.close()
            self._release()
            self._release = None


class LargeAnswers:
    """What one worker's accounts are being given."""

    def __init__(self) -> None:
        self._makers = asyncio.Semaphore(MAKERS)
        self._lines: dict[int, _Line] = {}
        self._kept: Counter[int] = Counter()

    @contextlib.asynccontextmanager
    async def turn(self, account_id: int, octets: int) -> AsyncIterator[None]:
        """Hold while an answer from so many octets is being made. Raises Temporary: too many of the account wait."""
        if octets < LARGE:
            yield
            return
        line = self._lines.setdefault(account_id, _Line())
        if line.waiting >= MAX_WAITING:
            raise Temporary("too many large answers are waited for")
        line.waiting += 1
        try:
            async with line.lock, self._makers:
                yield
        finally:
            line.waiting -= 1
            if not line.waiting:
                del self._lines[account_id]

    async def keep(self, account_id: int, file: IO[bytes], write: Callable[[IO[bytes]], int]) -> Kept:
        """Let `write` fill a file, in a thread; it returns how many octets there are. Raises Temporary: no room."""
        try:
            octets = await asyncio.to_thread(_fill, file, write)
            if self._kept[account_id] + octets > MAX_KEPT_EACH or self._kept.total() + octets > MAX_KEPT:
                raise Temporary("too many large answers are not taken")
        except BaseException:
            file.close()
            raise
        self._kept[account_id] += octets
        return Kept(file, octets, lambda: self._release(account_id, octets))

    async def keep_octets(self, account_id: int, octets: bytes) -> Kept:
        """Move octets to the disk. Raises Temporary."""
        return await self.keep(account_id, new_file(), lambda file: file.write(octets))

    def _release(self, account_id: int, octets: int) -> None:
        self._kept[account_id] -= octets
        if not self._kept[account_id]:
            del self._kept[account_id]


def new_file() -> IO[bytes]:
    """A file without a name, which goes with its last user."""
    return tempfile.TemporaryFile()


def _fill(file: IO[bytes], write: Callable[[IO[bytes]], int]) -> int:
    octets = write(file)
    file.seek(0)
    return octets
