"""One TCP connection: octets in and out, TLS, queue, back-pressure and time-outs.

Requests are carried out one after another. Reading stops while the queue is full, sending waits while
the peer does not read, and whoever says nothing whole for long enough is closed.
"""

import asyncio
import collections
import contextlib
import ssl
from typing import Protocol, cast

import structlog

from directory.server.session import Channel, Ended, Services, Session
from directory.server.wire import ber, messages
from directory.server.wire.messages import RESPONSES, Abandon, Code, Extended, Malformed, Request, Tag, Unbind
from mailserver.foundation.metrics import catalogue
from mailserver.foundation.network.peers import Entry
from mailserver.foundation.network.starttls import start_tls
from mailserver.foundation.settings import Limits
from mailserver.model.errors import BadSyntax, Temporary

log = structlog.get_logger("ldap")

MAX_STRANGER = 16 * 1024
"""Octets of one message before a bind."""
MAX_MESSAGE = 256 * 1024
"""And after it: the largest filter that our own bounds allow fits."""
MAX_ADMINISTRATOR = 1024 * 1024
"""The administrator's: a list of ten thousand members fits (`updates.MAX_VALUES`)."""
MAX_QUEUE = 32
"""Requests that wait on one connection; further octets stay in the kernel."""
STRANGER_TIMEOUT = 60.0
"""Seconds without a whole request before a bind (slowloris)."""
IDLE_TIMEOUT = 900.0
LINGER = 5.0
"""Seconds a closed connection may take to deliver its last octets."""
WRITE_TIMEOUT = 60.0
"""Seconds a peer may leave its answers unread."""


class AcceptingDoor(Protocol):
    """What a connection asks of the door that owns it."""

    services: Services
    context: ssl.SSLContext
    limits: Limits

    def enter(self, connection: "Connection") -> None:
        """A connection begins, which leaves through `leave`."""

    def leave(self, connection: "Connection") -> None:
        """Forget it."""


class Connection(asyncio.Protocol):
    """Drives one session."""

    def __init__(self, door: AcceptingDoor, entry: Entry, *, tls: bool) -> None:
        self._door = door
        self._entry = entry
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._queue: collections.deque[Request | Malformed] = collections.deque()
        self._arrived = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._upgrading = False
        self._closing = False
        self._entered = False
        self._operation: asyncio.Task[None] | None = None
        self._current = 0
        """Message id of the request being carried out."""

    # ------------------------------------------------------------------ called by the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._door.enter(self)
        self._entered = True
        channel = Channel(self._entry, self._send, self._start_tls)
        self._session = Session(self._door.services, channel, tls=self._tls)
        self._heard = self._loop.time()
        self._watch = self._loop.call_later(STRANGER_TIMEOUT, self._look_at_clock)
        self._task = self._loop.create_task(self._run())

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        self._entry.leave()
        if self._entered:
            self._entered = False
            self._door.leave(self)
            self._watch.cancel()
            self._task.cancel()
            self._session.close()
        self._writable.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def eof_received(self) -> bool:
        return False

    def data_received(self, data: bytes) -> None:
        # STARTTLS injection: what was sent in the clear behind the request is never read as if it had
        # come through TLS.
        if self._upgrading or self._closing:
            return
        self._buffer += data
        self._parse()

    # ------------------------------------------------------------------ requests

    def _parse(self) -> None:
        """Take whole messages out of the buffer while there is room for them."""
        try:
            while len(self._queue) < MAX_QUEUE and not self._upgrading:
                size = ber.frame(self._buffer, self._limit())
                if not size:
                    break
                octets = bytes(self._buffer[:size])
                del self._buffer[:size]
                self._heard = self._loop.time()
                if not self._accept(octets):
                    return
        except BadSyntax as error:
            self._end(Code.PROTOCOL_ERROR, str(error))
            return
        self._arrived.set()
        if len(self._queue) >= MAX_QUEUE:
            self._transport.pause_reading()

    def _limit(self) -> int:
        """Octets of one message from who is at the other end now."""
        viewer = self._session.viewer
        if viewer.administrator:
            return MAX_ADMINISTRATOR
        return MAX_MESSAGE if viewer.known else MAX_STRANGER

    def _accept(self, octets: bytes) -> bool:
        """Queue a request, or act at once on the two that have no answer; False: the end."""
        try:
            request = messages.decode(octets)
        except Malformed as malformed:
            self._queue.append(malformed)
            return True
        match request.operation:
            case Unbind():
                self._close()
                return False
            case Abandon(message_id):
                self._abandon(message_id)
            case Extended(messages.START_TLS, _) if not self._session.tls:
                self._upgrading = True
                self._buffer.clear()
                self._transport.pause_reading()
                self._queue.append(request)
            case _:
                self._queue.append(request)
        return True

    def _abandon(self, message_id: int) -> None:
        """RFC 4511 section 4.11: binds and StartTLS cannot be abandoned; there is no answer to any."""
        for waiting in list(self._queue):
            if isinstance(waiting, Request) and waiting.id == message_id and waiting.tag in _ABANDONABLE:
                self._queue.remove(waiting)
        if self._operation is not None and self._current == message_id:
            self._operation.cancel()

    async def _run(self) -> None:
        """Answer requests in their order until the connection ends."""
        try:
            while not self._closing:
                if not self._queue:
                    self._arrived.clear()
                    await self._arrived.wait()
                    continue
                await self._answer(self._queue.popleft())
                if self._closing:
                    self._end(Code.UNAVAILABLE, "the service is stopping")
                elif not self._upgrading:
                    self._parse()
                    # While the queue is full nothing more is read: who sends faster than we answer would fill memory.
                    if len(self._queue) < MAX_QUEUE and not self._upgrading:
                        self._transport.resume_reading()
        except Ended as end:
            self._end(end.code, end.text)
        except (ConnectionError, TimeoutError, ssl.SSLError, OSError) as error:
            log.info("connection broken", peer=self._entry.peer, error=type(error).__name__)
            self._transport.abort()

    async def _answer(self, request: Request | Malformed) -> None:
        if isinstance(request, Malformed):
            tag = RESPONSES[request.tag]
            await self._send(messages.result(request.message_id, tag, Code.PROTOCOL_ERROR, request.text))
            return
        began = self._loop.time()
        try:
            if request.tag in _ABANDONABLE:
                await self._abandonable(request)
            else:
                await self._session.perform(request)
                if self._upgrading and not self._queue and not self._session.tls:
                    # StartTLS, behind which nothing is queued, was refused: what comes next is read as it is.
                    self._upgrading = False
        except Temporary as error:
            await self._fail(request, Code.UNAVAILABLE, str(error))
        except (Ended, ConnectionError, TimeoutError, OSError):
            raise
        except Exception:
            # A defect of ours costs its operation, not the server.
            log.exception("operation failed", peer=self._entry.peer, operation=request.tag.name)
            await self._fail(request, Code.OTHER, "internal error")
        finally:
            catalogue.LDAP_SECONDS.observe(self._loop.time() - began, request.tag.name.lower())

    async def _abandonable(self, request: Request) -> None:
        """Run as a task of its own, which an Abandon cancels; then nothing is answered."""
        self._current = request.id
        self._operation = self._loop.create_task(self._session.perform(request))
        try:
            await asyncio.wait({self._operation})
            if not self._operation.cancelled():
                self._operation.result()
        finally:
            self._operation.cancel()
            self._operation = None

    async def _fail(self, request: Request, code: Code, text: str) -> None:
        catalogue.LDAP_ANSWERS.add(code.name.lower())
        await self._send(messages.result(request.id, RESPONSES[request.tag], code, text))

    # ------------------------------------------------------------------ octets out

    async def _send(self, octets: bytes) -> None:
        """Write, and wait until the peer has read most of it. Raises TimeoutError when it does not."""
        if self._transport.is_closing():
            raise ConnectionResetError
        self._transport.write(octets)
        if not self._writable.is_set():
            async with asyncio.timeout(WRITE_TIMEOUT):
                await self._writable.wait()

    async def _start_tls(self, answer: bytes) -> None:
        self._transport.write(answer)
        await self._upgrade()

    async def _upgrade(self) -> None:
        transport = await start_tls(
            self._loop, self._transport, self, self._door.context, self._door.limits.handshake_seconds
        )
        self._transport = transport
        self._heard = self._loop.time()
        self._upgrading = False

    # ------------------------------------------------------------------ endings

    def _look_at_clock(self) -> None:
        known = self._session.viewer.known
        limit = IDLE_TIMEOUT if known else STRANGER_TIMEOUT
        left = self._heard + limit - self._loop.time()
        if left <= 0 and self._operation is None:
            self._end(Code.UNAVAILABLE, "idle for too long")
        else:
            self._watch = self._loop.call_later(max(left, 1.0), self._look_at_clock)

    def _end(self, code: Code, text: str) -> None:
        """Notice of Disconnection, then close (RFC 4511 section 4.4.1)."""
        if not self._transport.is_closing() and not self._upgrading:
            self._transport.write(messages.disconnection(code, text))
        self._close()

    def _close(self) -> None:
        """Close once what was written is read, and in any case soon."""
        self._closing = True
        self._arrived.set()
        if not self._transport.is_closing():
            self._transport.close()
            self._loop.call_later(LINGER, self.abort)

    def finish(self) -> None:
        """Stop after the operation under way."""
        if self._operation is None and not self._queue:
            self._end(Code.UNAVAILABLE, "the service is stopping")
        self._closing = True

    def abort(self) -> None:
        with contextlib.suppress(OSError):
            self._transport.abort()


_ABANDONABLE = frozenset({Tag.SEARCH, Tag.COMPARE})
