"""Replies to commands that were sent together (RFC 2920), one after the other.

aiosmtplib reads one reply for each command: what else comes is lost. It dials, greets and encrypts; for transactions
its connection is borrowed.
"""

import asyncio
import re
from collections import deque
from types import TracebackType
from typing import Self, cast

import aiosmtplib
from aiosmtplib import SMTPReadTimeoutError, SMTPResponse, SMTPResponseException, SMTPServerDisconnected

from mailserver.texts.causes import Cause

MAX_LINE = 8192
MAX_REPLY = 4 * MAX_LINE
"""Octets of one reply."""
MAX_WAITING = 256
"""Replies that nobody has read yet: more than were asked for."""
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_LINE = re.compile(rb"(\d{3})(?:([ -])(.*))?", re.DOTALL)


class Replies:
    """Cuts what a server says into replies. Knows no connection."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._lines: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[SMTPResponse]:
        """The replies that are whole now. Raises SMTPResponseException: this is not SMTP, or too much of it."""
        self._buffer += data
        found = []
        start = 0
        while (end := self._buffer.find(b"\n", start)) >= 0:
            line = bytes(self._buffer[start:end]).rstrip(b"\r")
            start = end + 1
            reply = self._take(line)
            if reply is not None:
                found.append(reply)
        del self._buffer[:start]
        if len(self._buffer) > MAX_LINE:
            raise SMTPResponseException(-1, "Response too long")
        return found

    def _take(self, line: bytes) -> SMTPResponse | None:
        self._size += len(line)
        if len(line) > MAX_LINE or self._size > MAX_REPLY:
            raise SMTPResponseException(-1, "Response too long")
        parts = _LINE.fullmatch(line)
        if parts is None:
            raise SMTPResponseException(-1, f"Malformed SMTP response line: {line[:200].decode('utf-8', 'replace')}")
        self._lines.append((parts[3] or b"").strip())
        if parts[2] == b"-":
            return None
        text = b"\n".join(self._lines).decode("utf-8", "surrogateescape")
        self._lines, self._size = [], 0
        return SMTPResponse(int(parts[1]), text)


class Pipeline(asyncio.Protocol):
    """The connection of a client while it is borrowed."""

    def __init__(self, client: aiosmtplib.SMTP) -> None:
        self._client = client
        self._lender = client.protocol
        self._transport = cast("asyncio.Transport", client.transport)
        self._replies = Replies()
        self._ready: deque[SMTPResponse] = deque()
        self._end: Exception | None = None
        """Why no more replies come."""
        self._news: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        """Set while the transport has as much as it takes."""

    def __enter__(self) -> Self:
        if self._lender is None or self._transport is None or self._transport.is_closing():
            raise SMTPServerDisconnected("Connection lost")
        self._transport.set_protocol(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._end is None and self._lender is not None:
            self._transport.set_protocol(self._lender)

    @property
    def is_broken(self) -> bool:
        """Nothing more can be said over this connection."""
        return self._end is not None or self._transport.is_closing()

    def send(self, *lines: bytes) -> None:
        """Commands, without their ends. Raises SMTPServerDisconnected, ValueError: a line that would be several."""
        for line in lines:
            if _CONTROL.search(line):
                raise ValueError("Command has a control character")
        self.write(b"".join([line + b"\r\n" for line in lines]))

    def write(self, octets: bytes) -> None:
        """Raises SMTPServerDisconnected."""
        if self.is_broken:
            raise self._end or SMTPServerDisconnected("Connection lost")
        self._transport.write(octets)

    async def reply(self, seconds: float) -> SMTPResponse:
        """The next reply. Raises SMTPException."""
        if not self._ready:
            await self._wait(seconds)
        return self._ready.popleft()

    @property
    def has_reply(self) -> bool:
        return bool(self._ready) or self._end is not None

    async def drain(self, seconds: float) -> None:
        """Return once there is room for more, an answer came already, or the other does not read for so long: then
        nothing more can be said."""
        while self._room is not None and not self.has_reply:
            self._news = asyncio.get_running_loop().create_future()
            some = (self._room, self._news)
            done, _ = await asyncio.wait(some, timeout=max(seconds, 0.0), return_when=asyncio.FIRST_COMPLETED)
            if not done:
                self._break(SMTPReadTimeoutError(Cause("reads-nothing")))
                self._transport.abort()

    async def _wait(self, seconds: float) -> None:
        if self._end is not None:
            raise self._end
        loop = asyncio.get_running_loop()
        self._news = loop.create_future()
        timer = loop.call_later(seconds, self._give_up)
        try:
            await self._news
        finally:
            timer.cancel()
        if not self._ready:
            raise self._end or SMTPServerDisconnected("Connection lost")

    def _give_up(self) -> None:
        self._break(SMTPReadTimeoutError("Timed out waiting for server response"))
        self._transport.abort()

    # ------------------------------------------------------------------ asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        try:
            self._ready.extend(self._replies.feed(data))
        except SMTPResponseException as error:
            self._break(error)
            self._transport.abort()
        if len(self._ready) > MAX_WAITING:
            self._break(SMTPResponseException(-1, "Too many responses"))
            self._transport.abort()
        if self._ready:
            self._wake()

    def eof_received(self) -> bool:
        self._break(SMTPServerDisconnected("Unexpected EOF received"))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._break(SMTPServerDisconnected("Connection lost"))
        if self._lender is not None:
            self._lender.connection_lost(exc)

    def pause_writing(self) -> None:
        self._room = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        self._room = None

    def _break(self, why: Exception) -> None:
        if self._end is None:
            self._end = why
        self.resume_writing()
        self._wake()

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)
