"""The octets of one connection: reading in blocks, replies in one write, time limits, TLS, the loop of commands.

Subclasses aiosmtpd's protocol for its life cycle (`connection_made`, session and envelope factories, the
table of `smtp_…` methods) and puts its own reading and writing in the place of the stream reader's.
"""

import asyncio
import ssl
from typing import ClassVar, cast

import structlog
from aiosmtpd.smtp import SMTP

from mailserver.delivery import key_of
from mailserver.foundation.metrics import catalogue
from mailserver.foundation.network.peers import Entry
from mailserver.foundation.network.starttls import start_tls
from mailserver.foundation.structured_logs import logs
from mailserver.model.errors import BadSyntax, RateExceeded, Refused, Temporary
from smtp.door import SMALL_OCTETS, Door
from smtp.roles import Role
from smtp.session import Accepted, Client, Transaction
from smtp.wire import framing, replies
from smtp.wire.framing import Content, Fault, Framer

log = structlog.get_logger("smtp")

IDLE_SECONDS = 300.0
"""RFC 5321 section 4.5.3.2.7: at least five minutes."""
MESSAGE_SECONDS = 3600.0
"""For one message to arrive, however steadily it drips (slow senders that hold connections)."""
READ_AHEAD = 512 * 1024
"""Octets taken from a peer while it waits for an answer; then its TCP window closes."""
BURST = 64
"""Pipelined commands obeyed before others get their turn."""
MAX_FAULTS = 20
"""Commands that make no sense, of one connection."""
MAX_REFUSALS = 100
"""Recipients refused of one connection, more than different people accepted (address harvesting)."""
MOST_KNOWN = 2000
"""Different people of one connection."""
MAX_DEFERRALS = 20
"""Commands of one connection that came too fast."""
MAX_IDLE_COMMANDS = 200
"""Commands in a row that bring no message nearer."""

IDLE_VERBS = frozenset(("NOOP", "VRFY", "EXPN", "HELP", "RSET", "HELO", "EHLO", "LHLO"))
HTTP_VERBS = frozenset(("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PATCH", "PRI"))
"""A browser was lured into speaking to us: what follows may be commands in a form's body (cross-protocol attack)."""


_NO_HOOKS = object()
"""aiosmtpd's own commands would call them; all commands here are ours."""


class Gone(Exception):
    """The peer has left, or has been asked to."""


class Connection(SMTP):
    """Everything of a conversation that is not the meaning of its commands."""

    _commands: ClassVar[tuple[str, ...]] = ()
    """The names of its methods that are commands."""

    def __init_subclass__(cls) -> None:
        cls._commands = tuple(name for name in dir(cls) if name.startswith("smtp_"))

    def __init__(
        self, *, door: Door, entry: Entry, role: Role, host: str, tls_context: ssl.SSLContext, size_limit: int
    ) -> None:
        self._client: Client
        self._transaction: Transaction
        self._framer = Framer()
        self._out: list[bytes] = []
        self._waiter: asyncio.Future[None] | None = None
        self._pause: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._deadline = 0.0
        self._reading_paused = self._ended_by_peer = self._busy = self._lost = False
        self._ending = False
        """End after the command under way, the message it is receiving included."""
        self._cut = False
        """End at once."""
        self._in_message = False
        self._faults = self._refusals = self._idle_commands = self._deferrals = 0
        self._held = 0
        self._payer = ""
        """For whom they count."""
        self._known: set[int] = set()
        """Who was accepted."""
        self._door = door
        self._entry = entry
        self._role = role
        self._size_limit = size_limit
        super().__init__(
            _NO_HOOKS,
            data_size_limit=size_limit,
            enable_SMTPUTF8=True,
            hostname=host,
            tls_context=tls_context,
            timeout=IDLE_SECONDS,
            loop=asyncio.get_running_loop(),
        )

    def __dir__(self) -> tuple[str, ...]:
        """Where aiosmtpd looks for commands, at each connection: among all names that took a tenth of what a message
        costs."""
        return self._commands

    # ------------------------------------------------------------------ life cycle

    def _create_session(self) -> Client:
        self._client = Client(self.loop, self._entry.peer)
        return self._client

    def _create_envelope(self) -> Transaction:
        self._release()
        if (before := getattr(self, "_transaction", None)) is not None:
            before.span.end()
        self._transaction = Transaction()
        logs.bind(message="")
        return self._transaction

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._describe_tls(transport)

    def _describe_tls(self, transport: asyncio.BaseTransport) -> None:
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            cipher = tls.cipher()
            self._client.tls = f"{tls.version()} with cipher {cipher[0] if cipher else 'unknown'}"

    def connection_lost(self, error: Exception | None) -> None:
        """The peer is gone. What it has asked for ends by itself: a delivery is never cut in the middle."""
        self._lost = True
        self._entry.leave()
        self._door.gone(self)
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()
        asyncio.StreamReaderProtocol.connection_lost(self, error)
        self._wake()
        self._go_on()
        self.resume_writing()

    def eof_received(self) -> bool:
        """The peer sends no more; it may still read our replies, except under TLS."""
        self._ended_by_peer = True
        self._wake()
        self._go_on()
        return not self._client.tls

    def end_soon(self) -> None:
        """The service stops: a silent peer is told so at once, a busy one after its command."""
        self._ending = True
        self._go_on()
        if self._waiter is not None and not self._in_message:
            self._say(replies.STOPPING)
            self._wake()

    def end_now(self) -> None:
        """The service stops and cannot wait: a message that has not ended is not taken, and its sender keeps it."""
        if self._waiter is None or not self._in_message:
            self.abort()
            return
        self._cut = True
        self._say(replies.STOPPING)
        self._wake()

    def abort(self) -> None:
        """Cut the connection without a word."""
        if self.transport is not None:
            cast(asyncio.Transport, self.transport).abort()

    # ------------------------------------------------------------------ time

    def _reset_timeout(self, duration: float | None = None) -> None:
        """Move the deadline; one timer looks after it, instead of a new one for every command."""
        self._deadline = self.loop.time() + (duration or IDLE_SECONDS)
        if self._timeout_handle is None:
            self._timeout_handle = self.loop.call_at(self._deadline, self._timeout_cb)

    def _timeout_cb(self) -> None:
        now = self.loop.time()
        if self._busy:
            self._deadline = now + IDLE_SECONDS
        if now < self._deadline:
            self._timeout_handle = self.loop.call_at(self._deadline, self._timeout_cb)
            return
        if self._cut or self._writable is not None:  # it does not even read
            self.abort()
            return
        self._cut = True
        self._say(replies.IDLE)
        self._wake()

    async def _hold_up(self, seconds: float) -> None:
        """Let the peer wait, on a timer: that costs no thread. A stop, or its leaving, ends the wait. Raises Gone."""
        await self._flush()
        if not self._ending and not self._lost and not self._ended_by_peer:
            self._pause = self.loop.create_future()
            timer = self.loop.call_later(seconds, self._go_on)
            self._door.waiting += 1
            try:
                await self._pause
            finally:
                timer.cancel()
                self._door.waiting -= 1
        if self._lost or self._ended_by_peer:
            raise Gone

    def _go_on(self) -> None:
        pause, self._pause = self._pause, None
        if pause is not None and not pause.done():
            pause.set_result(None)

    # ------------------------------------------------------------------ reading

    def data_received(self, data: bytes) -> None:
        self._framer.feed(data)
        self._deadline = self.loop.time() + IDLE_SECONDS
        if self._waiter is not None:
            self._wake()
        elif len(self._framer) > READ_AHEAD and not self._reading_paused:
            self._reading_paused = True
            cast(asyncio.Transport, self.transport).pause_reading()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def _more(self) -> None:
        """Send what is to be said and wait for more from the peer. Raises Gone."""
        await self._flush()
        if self._lost or self._ended_by_peer or self._must_end():
            raise Gone
        if self._reading_paused:
            self._reading_paused = False
            cast(asyncio.Transport, self.transport).resume_reading()
        self._waiter = self.loop.create_future()
        self._busy = False
        await self._waiter
        self._busy = True
        if self._must_end():
            raise Gone

    def _must_end(self) -> bool:
        return self._cut or (self._ending and not self._in_message)

    async def _read_line(self, limit: int) -> bytes:
        """The next line. Raises BadSyntax for one that must not be obeyed, Gone."""
        while True:
            line = self._framer.line(limit)
            if line is not None:
                return line
            await self._more()

    async def _read_content(self) -> Content:
        """What follows 354, to its end. Raises Gone."""
        content = Content(self._size_limit)
        self._framer.begin_data()
        end = self._end_of_message()
        self._in_message = True
        while not self._framer.data(content):
            self._hold(content)
            await self._more()
            self._check_pace(end)
        self._in_message = False
        return content

    async def _read_chunk(self, content: Content | None, size: int, end: float) -> None:
        """A chunk, into `content` or away, until the loop's clock says `end`. Raises Gone."""
        self._in_message = True
        while size := self._framer.chunk(content, size):
            if content is not None:
                self._hold(content)
            await self._more()
            self._check_pace(end)
        if content is not None:
            self._hold(content)
        self._in_message = False

    def _end_of_message(self) -> float:
        """When one that begins now has to be there."""
        return self.loop.time() + MESSAGE_SECONDS

    def _check_pace(self, end: float) -> None:
        if self.loop.time() > end:
            self._say(replies.TOO_SLOW)
            raise Gone

    def _hold(self, content: Content) -> None:
        """Account for octets in memory; when all connections hold too many, or this peer does, a message that is more
        than small is deferred."""
        if not self._held:
            self._payer = self._entry.payer
        self._count_held(content.held)
        if content.held > SMALL_OCTETS and self._door.is_full(self._payer, content.held):
            content.spoil(Fault.NO_ROOM)
            self._count_held(0)

    def _release(self) -> None:
        self._count_held(0)

    def _count_held(self, octets: int) -> None:
        if octets != self._held:
            self._door.hold(self._payer, octets - self._held)
            self._held = octets

    # ------------------------------------------------------------------ writing

    def _say(self, reply: bytes) -> None:
        """Add a reply to those that will leave together (RFC 2920 section 3.2)."""
        self._out.append(reply)
        if reply >= b"4":
            catalogue.SMTP_ERRORS.add(self._role.door, reply[:3].decode())

    async def push(self, status: str | bytes) -> None:
        """aiosmtpd's way to reply."""
        self._say((status.encode() if isinstance(status, str) else status) + b"\r\n")

    async def _flush(self) -> None:
        """Write every reply; wait when the peer does not read."""
        if self._out and not self._lost:
            cast(asyncio.Transport, self.transport).write(b"".join(self._out))
        self._out.clear()
        if self._writable is not None:
            self._busy = False
            await self._writable
            self._busy = True

    def pause_writing(self) -> None:
        if self._writable is None:
            self._writable = self.loop.create_future()

    def resume_writing(self) -> None:
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    # ------------------------------------------------------------------ the loop

    async def _handle_client(self) -> None:
        """One connection, from greeting to goodbye. aiosmtpd starts it as a task."""
        self._busy = True
        try:
            self._door.enter(self)
            if self._door.stopping:
                self._say(replies.STOPPING)
            else:
                self._role.admit(self._client)
                self._say(f"220 {self.hostname} {'LMTP' if self._role.is_lmtp else 'ESMTP'}\r\n".encode())
                await self._converse()
        except Gone:
            pass
        except RateExceeded as error:
            self._say(replies.goodbye(error))
        except Exception:
            log.exception("conversation failed", peer=self._client.address, door=self._role.door)
            self._say(replies.LOCAL_FAULT)
        finally:
            self._finish()

    def _finish(self) -> None:
        self._release()
        self._door.leave(self, closing=not self._lost)
        self._busy, self._cut = False, True
        if not self._lost and self.transport is not None:
            transport = cast(asyncio.Transport, self.transport)
            if self._out:
                transport.write(b"".join(self._out))
            transport.close()
        self._out.clear()
        # aiosmtpd's tables hold bound methods; without them the connection is freed at once.
        self._smtp_methods = {}
        self._auth_methods = {}

    async def _converse(self) -> None:
        limit = framing.AUTH_LINE if self._role.is_submission else framing.COMMAND_LINE
        count = 0
        while not self._ending:
            try:
                line = await self._read_line(limit)
            except BadSyntax as error:
                self._fault(replies.reply(500, "5.5.2", str(error)))
                continue
            await self._obey(line)
            count += 1
            if count % BURST == 0:
                await asyncio.sleep(0)
        if self._door.stopping:
            self._say(replies.STOPPING)

    async def _obey(self, line: bytes) -> None:
        """One command. Raises Gone."""
        if self._transaction.ends:
            self._check_pace(self._transaction.ends)
        try:
            verb, _, argument = line.decode().partition(" ")
        except UnicodeDecodeError:
            self._fault(replies.NOT_UTF8)
            return
        verb = verb.upper()
        method = self._smtp_methods.get(verb)
        if method is None:
            self._refuse_unknown(verb)
        elif len(line) > framing.COMMAND_LINE and verb != "AUTH":
            self._fault(replies.LINE_TOO_LONG)
        elif not self._wastes_time(verb):
            try:
                await method(argument.strip(" "))
            except BadSyntax as error:
                self._fault(replies.reply(501, "5.5.4", str(error)))
            except Refused as refusal:
                self._say(replies.refusal(refusal))
            except Temporary as error:
                self._defer(error)

    def _defer(self, error: Temporary) -> None:
        """Asked to come later again and again, a peer shall go."""
        self._deferrals += isinstance(error, RateExceeded)
        if self._deferrals < MAX_DEFERRALS or not isinstance(error, RateExceeded):
            self._say(replies.deferral(error))
        else:
            self._say(replies.goodbye(error))
            self._ending = True

    def _refuse_unknown(self, verb: str) -> None:
        if verb in HTTP_VERBS:
            self._say(replies.NOT_HTTP)
            self._ending = True
        else:
            self._fault(replies.UNKNOWN_COMMAND)

    def _wastes_time(self, verb: str) -> bool:
        self._idle_commands = self._idle_commands + 1 if verb in IDLE_VERBS else self._idle_commands
        if self._idle_commands <= MAX_IDLE_COMMANDS:
            return False
        self._say(replies.TOO_MANY_COMMANDS)
        self._ending = True
        return True

    def _fault(self, reply: bytes) -> None:
        """Answer a command that makes no sense; too many of them end the connection."""
        self._say(reply)
        self._faults += 1
        if self._faults >= MAX_FAULTS:
            self._give_up()

    def _count_refusal(self) -> None:
        self._refusals += 1
        if self._refusals >= MAX_REFUSALS:
            self._give_up()

    def _count_accepted(self, one: Accepted) -> None:
        """The same again, or `postmaster@`, shows nothing where whoever asks has proved nothing."""
        if self._role.door == "smtp" and one.recipient is not None:
            key = key_of(one.recipient)
            if key is None or key in self._known or len(self._known) >= MOST_KNOWN:
                return
            self._known.add(key)
        self._refusals = max(0, self._refusals - 1)

    def _give_up(self) -> None:
        self._say(replies.TOO_MANY_ERRORS)
        self._ending = True

    # ------------------------------------------------------------------ TLS

    async def _start_tls(self, context: ssl.SSLContext) -> None:
        """Answer 220 and turn the connection into TLS; nothing said before counts after. Raises Gone."""
        self._say(replies.START_TLS)
        if self._lost:
            raise Gone
        plain = cast(asyncio.Transport, self.transport)
        # STARTTLS injection: what stands behind the command, or comes while the peer does not read the answer, is from
        # whoever sits on the wire. What is not read now meets TLS, which takes it for a broken handshake.
        plain.pause_reading()
        await self._flush()
        if self._lost:
            raise Gone
        self._framer.drop()
        self._reading_paused = False
        try:
            transport = await start_tls(self.loop, plain, self, context, self._door.limits.handshake_seconds)
        except (OSError, ssl.SSLError) as error:
            log.info("tls failed", peer=self._client.address, door=self._role.door, error=type(error).__name__)
            raise Gone from None
        if self._lost:
            raise Gone
        self.transport = transport
        self.envelope = self._create_envelope()
        self.session = self._create_session()
        self._describe_tls(transport)
