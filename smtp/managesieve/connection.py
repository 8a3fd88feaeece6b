"""Octets of one ManageSieve connection: reading, answers in one write, time limits, TLS, commands one at a time."""

import asyncio
import ssl
from typing import cast

import structlog

from mailserver.foundation.network.peers import Entry
from mailserver.foundation.network.starttls import start_tls
from smtp.door import Door
from smtp.managesieve import replies
from smtp.managesieve.framing import Broken, Command, Framer

log = structlog.get_logger("managesieve")

STRANGER_SECONDS = 120.0
"""From the greeting to the end of a login: a stranger does not occupy a connection for long."""
IDLE_SECONDS = 30 * 60.0 + 30
"""Without a command (RFC 5804 section 1.2: 30 minutes at least)."""
STALL_SECONDS = 300.0
"""With answers that the peer does not read."""
READ_AHEAD = 512 * 1024
"""Octets taken from a peer while it waits for an answer; then its TCP window closes."""
ANSWERS = 64 * 1024
"""Octets of answers to pipelined commands that wait; then the peer has to read before more is obeyed."""
BURST = 32
"""Pipelined commands obeyed before others get their turn."""
MAX_FAULTS = 20
"""Commands that make no sense, of one connection."""


class Gone(Exception):
    """The peer has left, or has been asked to."""


class Connection(asyncio.Protocol):
    """Everything of a conversation that is not the meaning of its commands."""

    def __init__(self, *, door: Door, entry: Entry, context: ssl.SSLContext, literal: int) -> None:
        self._door = door
        self._entry = entry
        self._context = context
        self._framer = Framer(literal)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._out: list[bytes] = []
        self._waiting = 0
        """Octets of `_out`."""
        self._waiter: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._paused = self._ended = self._lost = self._ending = False
        self._faults = 0
        self.tls = False
        self.allowed = STRANGER_SECONDS
        """Seconds until the next command has to be there; a stranger's count from the greeting."""
        self._until = self._loop.time() + STRANGER_SECONDS

    # ------------------------------------------------------------------ from the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        first = self._transport is None
        self._transport = cast(asyncio.Transport, transport)
        if first:
            self._task = self._loop.create_task(self._run())

    def data_received(self, data: bytes) -> None:
        self._framer.feed(data)
        self._wake()
        if len(self._framer) > READ_AHEAD + self._framer.literal and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        self._ended = True
        self._wake()
        return not self.tls

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._entry.leave()
        self._door.gone(self)
        self._wake()
        self.resume_writing()

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # ------------------------------------------------------------------ from the door

    def end_soon(self) -> None:
        """The service stops: a silent peer is told so at once, a busy one after its command."""
        self._ending = True
        self._wake()

    def end_now(self) -> None:
        """The service stops and cannot wait."""
        self.abort()

    def abort(self) -> None:
        """Cut the connection without a word."""
        if self._transport is not None:
            self._transport.abort()

    # ------------------------------------------------------------------ the loop of commands

    async def _run(self) -> None:
        try:
            self._door.enter(self)
            await self.greet()
            count = 0
            while not self._ending:
                await self._obey(await self.read())
                if self._waiting > ANSWERS:
                    await self.flush()
                count += 1
                if count % BURST == 0:
                    await asyncio.sleep(0)
            if self._door.stopping:
                self.say(replies.bye("The service is stopping", b"TRYLATER"))
        except Gone:
            if self._door.stopping:
                self.say(replies.bye("The service is stopping", b"TRYLATER"))
        except Exception:
            log.exception("conversation failed", peer=self._entry.peer)
            self.say(replies.bye("Internal error", b"TRYLATER"))
        finally:
            self._finish()

    def _finish(self) -> None:
        self._door.leave(self, closing=not self._lost)
        if not self._lost and self._transport is not None:
            self._transport.write(b"".join(self._out))
            self._transport.close()
        self._out.clear()

    async def _obey(self, line: Command | Broken) -> None:
        if isinstance(line, Command):
            await self.obey(line)
        elif line.fatal:
            self.end(replies.bye(line.text))
        elif line.too_big:
            self.too_big(line)
        else:
            self.fault(line.text)

    async def greet(self) -> None:
        """The first words."""
        raise NotImplementedError

    async def obey(self, command: Command) -> None:
        """One command. Raises Gone."""
        raise NotImplementedError

    def too_big(self, line: Broken) -> None:
        """A command whose literal is larger than it may be."""
        raise NotImplementedError

    # ------------------------------------------------------------------ reading and writing

    async def read(self) -> Command | Broken:
        """The next line. Raises Gone."""
        if self.allowed != STRANGER_SECONDS:
            self._until = self._loop.time() + self.allowed
        while True:
            found = self._framer.next()
            if found is not None:
                return found
            await self._more()

    async def _more(self) -> None:
        """Send what is to be said and wait for more from the peer. Raises Gone."""
        await self.flush()
        if self._ended or self._ending:
            raise Gone
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        self._waiter = self._loop.create_future()
        try:
            async with asyncio.timeout_at(self._until):
                await self._waiter
        except TimeoutError:
            self.say(replies.bye("You have been silent for too long", b"TRYLATER"))
            raise Gone from None
        if self._ending:
            raise Gone

    def say(self, reply: bytes) -> None:
        """Answer; it leaves when there is nothing more to obey, or when much of it waits."""
        self._out.append(reply)
        self._waiting += len(reply)

    async def flush(self) -> None:
        """Write, and wait while the peer does not read. Raises Gone."""
        if self._out and not self._lost and self._transport is not None:
            self._transport.write(b"".join(self._out))
        self._out.clear()
        self._waiting = 0
        if self._writable is not None:
            until = self._loop.time() + STALL_SECONDS
            if self.allowed == STRANGER_SECONDS:  # who reads slowly is no less a stranger
                until = min(until, self._until)
            try:
                async with asyncio.timeout_at(until):
                    await self._writable
            except TimeoutError:
                self.abort()
                raise Gone from None
        if self._lost:
            raise Gone

    def fault(self, text: str) -> None:
        """Answer a command that makes no sense; too many of them end the connection."""
        self._faults += 1
        if self._faults >= MAX_FAULTS:
            self.end(replies.bye("Too many errors"))
        else:
            self.say(replies.no(text))

    def end(self, reply: bytes) -> None:
        """The last words."""
        self.say(reply)
        self._ending = True

    def begin_again(self, seconds: float) -> None:
        """The peer is a stranger again, with a stranger's time."""
        self.allowed = seconds
        self._until = self._loop.time() + seconds

    async def start_tls(self) -> None:
        """Answer OK and turn the connection into TLS; nothing said before counts after. Raises Gone."""
        self.say(replies.ok("Begin TLS negotiation now"))
        if self._lost or self._transport is None:
            raise Gone
        # STARTTLS injection: what stands behind the command, or comes while the peer does not read the answer, is from
        # whoever sits on the wire. What is not read now meets TLS, which takes it for a broken handshake.
        self._transport.pause_reading()
        await self.flush()
        self._framer.drop()
        self._paused = False
        try:
            transport = await start_tls(
                self._loop, self._transport, self, self._context, self._door.limits.handshake_seconds
            )
        except (OSError, ssl.SSLError) as error:
            log.info("tls failed", peer=self._entry.peer, error=type(error).__name__)
            raise Gone from None
        if self._lost:
            raise Gone
        self._transport = transport
        self.tls = True
