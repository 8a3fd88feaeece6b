"""A client of clamd: one message, one INSTREAM, bounded in time and size whatever answers.

What is in archives, how deep and how large, is clamd's own business, and bounded by its settings.
"""

import asyncio
import contextlib
import re
import struct
from collections.abc import AsyncIterator, Iterator

import structlog

from mailserver.foundation.settings import Junk
from mailserver.inbound.junk.patience import PING_SECONDS, Away, Patience, Unscanned
from mailserver.model.clock import Clock

log = structlog.get_logger("junk")

CHUNK = 64 * 1024
MAX_ANSWER = 4096
MAX_NAME = 100
UNIX = "unix:"
_FOUND = re.compile(r"stream: (.{1,300}?)(?:\([0-9a-f]{32}:\d+\))? FOUND")
_TOO_LARGE = "INSTREAM size limit exceeded"


class Clamd:
    """One per worker."""

    def __init__(self, settings: Junk, clock: Clock) -> None:
        self._settings = settings
        self._patience = Patience("clamd", clock)

    async def scan(self, octets: bytes) -> str | None:
        """The name of the virus in a message; empty: it has none. None: no clamd is set, or nobody knows, since the
        message is too large to be scanned whole and there is none in its beginning.

        Raises Away, Unscanned.
        """
        if not self._settings.clamd:
            return None
        most = self._settings.scanned_octets
        if len(octets) <= most:
            return await self._scan(octets)
        log.info("only the beginning of a message is scanned", size=len(octets), scanned=most)
        try:
            return await self._scan(octets[:most]) or None
        except Unscanned:  # half a message need not be one that can be scanned
            return None

    async def _scan(self, octets: bytes) -> str | None:
        self._patience.check()
        try:
            async with asyncio.timeout(self._settings.scanner_seconds):
                answer = await self._ask(octets)
            found = read(answer)
        except (OSError, EOFError, TimeoutError, Away) as error:
            raise await self._patience.failed(error, self.answers()) from None
        self._patience.answered()
        return found

    async def answers(self) -> bool:
        """Whether it is there, though something went wrong."""
        if not self._settings.clamd:  # turned off meanwhile
            return False
        try:
            async with asyncio.timeout(min(PING_SECONDS, self._settings.scanner_seconds)), self._connected() as streams:
                reader, writer = streams
                writer.write(b"zPING\0")
                return (await reader.read(MAX_ANSWER)).startswith(b"PONG")
        except (OSError, TimeoutError):
            return False

    async def _ask(self, octets: bytes) -> bytes:
        async with self._connected() as (reader, writer):
            answering = asyncio.ensure_future(reader.read(MAX_ANSWER))
            try:
                for piece in _stream(octets):
                    writer.write(piece)
                    await writer.drain()
                    if answering.done():  # it has heard enough
                        break
                return await answering
            finally:
                answering.cancel()

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        place = self._settings.clamd
        if place.startswith(UNIX):
            reader, writer = await asyncio.open_unix_connection(place.removeprefix(UNIX), limit=MAX_ANSWER)
        else:
            host, _, port = place.rpartition(":")
            reader, writer = await asyncio.open_connection(host.strip("[]"), int(port), limit=MAX_ANSWER)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()


def _stream(octets: bytes) -> Iterator[bytes]:
    yield b"zINSTREAM\0"
    view = memoryview(octets)
    for start in range(0, len(view), CHUNK):
        piece = view[start : start + CHUNK]
        yield struct.pack("!I", len(piece))
        yield bytes(piece)
    yield struct.pack("!I", 0)


def read(answer: bytes) -> str | None:
    """The virus that an answer names; empty: none; None: it was too large. Raises Away: it is no answer."""
    text = answer.rstrip(b"\0\n").decode("ascii", "replace")
    if text == "stream: OK":
        return ""
    if _TOO_LARGE in text:
        return None
    found = _FOUND.fullmatch(text)
    if found is None:
        raise Away(f"answers {text[:80]!r}")
    return "".join(char for char in found[1] if char.isprintable())[:MAX_NAME] or "?"
