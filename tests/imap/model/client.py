"""One connection to the server: octets out, responses in, and a trace of the last of them."""

import asyncio
import zlib
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.imap.model import reading
from tests.imap.model.reading import Response, Violation

PATIENCE = 60.0
"""Seconds a response may take."""


class Disconnected(Exception):
    """The server closed the connection."""


class Connection:
    """Lines and literals over a socket, deflated once that was agreed (RFC 4978)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, trace: deque[str]) -> None:
        self._reader, self._writer, self._trace = reader, writer, trace
        self._buffer = bytearray()
        self._inflater: zlib._Decompress | None = None
        self._deflater: zlib._Compress | None = None

    def compress(self) -> None:
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)

    def send(self, octets: bytes) -> None:
        self._trace.append(f"C: {octets[:300]!r}")
        if self._deflater is not None:
            octets = self._deflater.compress(octets) + self._deflater.flush(zlib.Z_SYNC_FLUSH)
        self._writer.write(octets)

    async def read(self, patience: float = PATIENCE) -> Response | None:
        """The next response; None after `patience` seconds without one. `+` is a response without a tag."""
        try:
            async with asyncio.timeout(patience):
                line = await self._line()
        except TimeoutError:
            return None
        self._trace.append(f"S: {line[:300]!r}")
        return reading.parse(line)

    async def _line(self) -> bytes:
        """A response without its CRLF; literals stay in it."""
        start = 0
        while True:
            while (end := self._buffer.find(b"\r\n", start)) < 0:
                await self._more()
            size = reading.literal_size(bytes(self._buffer[start:end]))
            if size is None:
                line = bytes(self._buffer[:end])
                del self._buffer[: end + 2]
                return line
            start = end + 2 + size
            while len(self._buffer) < start:
                await self._more()

    async def _more(self) -> None:
        octets = await self._reader.read(65_536)
        if not octets:
            raise Disconnected
        self._buffer += self._inflater.decompress(octets) if self._inflater is not None else octets

    def drop(self) -> None:
        """Without a word."""
        self._writer.transport.abort()


@asynccontextmanager
async def connected(port: int, trace: deque[str]) -> AsyncIterator[Connection]:
    """A connection that has been greeted."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    connection = Connection(reader, writer, trace)
    try:
        if await connection.read() is None:
            raise Violation("no greeting")
        yield connection
    finally:
        connection.drop()
