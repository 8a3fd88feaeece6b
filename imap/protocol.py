"""Octets in and out, TLS, timeouts, back-pressure, one command at a time: a Twisted protocol over `transport`.

A connection has one task. It takes an event from the inlet, runs the command, writes what it yields and
waits while the peer does not read; meanwhile input waits in the framer and, when there is much of it, in the
kernel. Nothing else writes.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from time import monotonic
from typing import Any, Protocol

import structlog
from twisted.internet import protocol
from twisted.python.failure import Failure

from imap import commands
from imap.appends import AHEAD
from imap.commands import beforehand, prompt
from imap.inlet import Inlet
from imap.outlet import Outlet
from imap.peers import is_loopback
from imap.session import Ended, Services, Session
from imap.states import State, Turn
from imap.welcome import PAUSE
from imap.wire import codes, framing, responses, syntax
from imap.wire.commands import Append, Tagged
from imap.wire.deflate import Damaged
from imap.wire.grammar import BadCharset, BadCommand
from mailserver.errors import Temporary

log = structlog.get_logger("imap")

LOGIN_SECONDS = 120
"""From the greeting to the end of a login: a stranger does not occupy a connection for long."""
IDLE_SECONDS = 30 * 60 + 30
"""Without input (RFC 3501 section 5.4 demands 30 minutes at least)."""
TURN_SECONDS = 0.005
"""Pipelined commands run one behind the other without the loop turning; what one of them waits for does not count."""
STALL_SECONDS = 300
"""With output the peer does not read."""
LINGER_SECONDS = 10
"""From our goodbye to pulling the plug, if the peer does not let the connection end."""
PROGRESS_SECONDS = 10
"""In silence, until a client that waits is told that its command is still running (RFC 9585 section 4)."""
FAULTS_BEFORE_LOGIN = 5
FAULTS = 20
"""Commands in a row that may be answered BAD: whoever sends more is no mail client."""

HTTP = {"GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "PRI"}
FOREIGN = frozenset({*HTTP, "EHLO", "HELO", "LHLO", "MAIL"})
"""First words of other protocols. A browser made to post here would have its body run as commands."""


class Doorkeeper(Protocol):
    """What a connection knows of the door it came in by."""

    services: Services
    stopping: bool

    @property
    def tls(self) -> object:
        """What Twisted makes the server's side of a TLS connection with."""

    def admit(self, connection: "Connection") -> str:
        """Take a new connection in; the text of its refusal, or nothing."""

    def forget(self, connection: "Connection") -> None:
        """The connection is gone."""


class Connection(protocol.Protocol):
    """One client. Implements `session.Connection`."""

    def __init__(self, door: Doorkeeper, *, secure: bool) -> None:
        self.door = door
        self.secure = secure
        self.peer = ""
        self.loopback = False
        self.session = Session(door.services, self)
        self._loop = asyncio.get_running_loop()
        self._input: asyncio.Future[None] | None = None
        self._next: framing.Event | Tagged | None = None
        """What was taken from the inlet already, and is the task's to answer."""
        self._ahead: deque[Tagged] = deque()
        """APPENDs before that, which may have begun."""
        self._virgin = True
        """Nothing was said yet."""
        self._first = True
        """The first command is still to come, or is running."""
        self._lost = False
        self._leaving = False
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._quiet_since: float | None = None
        """Since when a command has run without saying anything."""
        self._since = self._loop.time()
        """When the peer last did what we wait for."""
        self._began = monotonic()
        """Since when commands may have run without the loop turning."""

    @property
    def _out(self) -> Any:
        """Twisted's transport: TCP, or TLS over it. Its interfaces are many and typed by none."""
        return self.transport

    # ------------------------------------------------------------------ from Twisted

    def connectionMade(self) -> None:
        self._out.setTcpNoDelay(True)
        self._outlet = Outlet(self._out, self._filled, self._drained)
        self._inlet = Inlet(self._out, self._spoilt, self._damaged)
        self._out.registerProducer(self._outlet, True)
        self.peer = getattr(self._out.getPeer(), "host", "")
        self.loopback = is_loopback(self.peer)
        refusal = self.door.admit(self)
        if refusal:
            self._say_goodbye(refusal)
            return
        self._task = self._loop.create_task(self._serve())
        self._watch_time()

    def dataReceived(self, data: bytes) -> None:
        if self.session.state is not State.NOT_AUTHENTICATED:
            self._since = self._loop.time()
        virgin, self._virgin = self._virgin, False
        if virgin and data[0] < 32:
            # No command begins so, but a TLS handshake on the wrong port does, which has no line end to wait for.
            self._say_goodbye("This port begins without TLS")
            return
        dialogue = self._inlet.awaits_line
        self._inlet.hear(data)
        if dialogue:
            return
        if self._input is not None:
            if not self._input.done() and not self._answer_promptly(self._input):
                self.stir()  # unless what was asked meanwhile has woken the task already
        else:
            self._inlet.hold_back()

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        self._lost = True
        self.door.forget(self)
        self._outlet.close()
        self._inlet.close()
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
        self.session.close()

    def _answer_promptly(self, waiting: "asyncio.Future[None]") -> bool:
        """Answer what has come as far as nothing has to be waited for (`commands.prompt`); False: the task is to go on.

        Called only while the task is `waiting` for input, so nothing else runs or writes.
        """
        if self.door.stopping:
            return False
        began = monotonic()
        if self._inlet.compressed:
            with suppress(Damaged):  # the task meets it again
                self._inlet.inflate()
        while (event := self._inlet.next()) is not None:
            if not self._say_promptly(event) or waiting.done() or monotonic() - began > TURN_SECONDS:
                return False
            if not self._outlet.writable.is_set():
                return False
        self._outlet.flush()
        return not self._inlet.holds_more

    def _say_promptly(self, event: framing.Event) -> bool:
        """Answer one command if that takes no waiting, or ask for its literal; else it is the task's to answer."""
        self._next = event
        if type(event) is framing.LiteralWanted:
            if not beforehand.is_plain(self.session, event):
                return False
            self._next = None
            self._outlet.write(responses.continuation())
            return True
        if not isinstance(event, framing.CommandLine):
            return False
        try:
            self._next = self._parse(event)
        except BadCommand:
            return False
        octets = prompt.answer(self.session, self._next)
        if octets is None:
            return False
        self._next = None
        self._outlet.write(octets)
        return True

    # ------------------------------------------------------------------ the task

    async def _serve(self) -> None:
        try:
            code = codes.capability(self.session.capabilities())
            self._outlet.write(responses.ok(f"{self.door.services.settings.name} ready", code).encode())
            while self.session.state is not State.LOGOUT and not self.door.stopping:
                await self._respond(await self._event())
                if self.session.turn is not None:
                    self._take_turn(self.session.turn)
                if monotonic() - self._began > TURN_SECONDS:
                    await asyncio.sleep(0)
                    self._began = monotonic()
        except Ended as end:
            self._outlet.write(commands.farewell(self.session, end))
        except Damaged:
            self._outlet.write(responses.bye("This is not DEFLATE").encode())
        except Exception:
            log.exception("connection failed", peer=self.peer)
        finally:
            if self.session.state is not State.LOGOUT and self.door.stopping:
                self._outlet.write(responses.bye("The service is stopping").encode())
            self._lose()

    async def _event(self) -> framing.Event | Tagged:
        """The next thing the peer said, whole. Raises Ended when the account is shut while the peer is silent."""
        while (event := self._taken()) is None:
            if self._inlet.inflate():
                await asyncio.sleep(0)  # a bomb must not keep the loop
                continue
            self._inlet.read_on()
            self._outlet.flush()
            self._input = self._loop.create_future()
            try:
                await self._something()
            finally:
                self._input = None
                self._began = monotonic()
            if self.session.suspect:
                await self._look_again()
            notifier = self.session.notifier
            if notifier is not None and notifier.due and not self._lost:
                await self._send(commands.push(self.session))
        return event

    def _taken(self) -> framing.Event | Tagged | None:
        """What waits to be answered."""
        if self._ahead:
            return self._ahead.popleft()
        taken, self._next = self._next, None
        return taken or self._inlet.next()

    async def _something(self) -> None:
        """Wait for input, or for what else stirs; not for ever while the account is still to be looked at."""
        assert self._input is not None
        if not self.session.suspect:
            await self._input
            return
        alarm = self._loop.call_later(PAUSE, self.stir)
        try:
            await self._input
        finally:
            alarm.cancel()

    async def _look_again(self) -> None:
        """The account moved while nothing ran. A store out of reach ends no session: it is asked again later."""
        with suppress(Temporary):
            await self.session.check_welcome()

    async def _respond(self, event: framing.Event | Tagged) -> None:
        match event:
            case Tagged():
                await self._obey(event)
            case framing.LiteralWanted():
                refused = await self._refusal(event)
                if refused is None:
                    await self._say(responses.continuation())
                    return
                await self._obey(refused)
            case framing.Rejected():
                self._fault(fatal=event.fatal or (self._first and event.tag is None))
                await self._say(responses.rejection(event))
            case framing.CommandLine():
                await self._read(event)
        self._first = False
        limit = FAULTS_BEFORE_LOGIN if self.session.state is State.NOT_AUTHENTICATED else FAULTS
        if self.session.faults > limit and self.session.state is not State.LOGOUT:
            await self._say(responses.bye("Too many errors").encode())
            self.session.close()

    async def _refusal(self, wanted: framing.LiteralWanted) -> Tagged | None:
        """What is to be run instead of a command whose literal the client need not send."""
        if wanted.begun is None or beforehand.is_plain(self.session, wanted):
            return None
        with suppress(BadCommand):  # it is answered when it is complete
            refused = await beforehand.refusal(self.session, self._parse(wanted.begun), wanted)
            return refused if refused is not None and self._inlet.decline() else None
        return None

    def _parse(self, line: framing.CommandLine) -> Tagged:
        return syntax.parse(line, utf8=self.session.utf8, charset="UTF8=ACCEPT" not in self.session.enabled)

    async def _read(self, line: framing.CommandLine) -> None:
        """Parse and answer one command."""
        try:
            tagged = self._parse(line)
        except BadCommand as bad:
            if isinstance(bad, BadCharset) and bad.saves:
                self.session.forget_result()
            self._fault(fatal=self._first and (bad.tag is None or bad.tag.upper() in FOREIGN))
            await self._say(responses.malformed(bad))
            return
        said = prompt.answer(self.session, tagged)
        if said is not None:
            await self._say(said)
        else:
            await self._obey(tagged)

    async def _obey(self, tagged: Tagged) -> None:
        """Run one command; the limits follow the session's state."""
        before = self.session.state
        if isinstance(tagged.command, Append):
            self._look_ahead()
        elif isinstance(tagged.command, beforehand.UNSETTLING):
            self.session.appends.open_to = b""
        await self._send(commands.run(self.session, tagged))
        if before is State.NOT_AUTHENTICATED and self.session.state is State.AUTHENTICATED:
            self._inlet.limit(framing.after_login(self.door.services.settings.limits.message_size))
            self._watch_time()

    def _look_ahead(self) -> None:
        """Take the APPENDs that have come whole behind the one that runs (`imap.appends`)."""
        while self._next is None and len(self._ahead) < AHEAD and (event := self._inlet.next()) is not None:
            self._next = event
            if isinstance(event, framing.CommandLine):
                with suppress(BadCommand):  # it is answered in its turn
                    self._next = self._parse(event)
            if isinstance(self._next, Tagged) and isinstance(self._next.command, Append):
                self._ahead.append(self._next)
                self._next = None
        self.session.appends.waiting = [tagged.command for tagged in self._ahead if isinstance(tagged.command, Append)]

    def _spoilt(self, line: framing.Rejected) -> None:
        """A line of a dialogue was none."""
        self._fault(fatal=line.fatal)

    def _damaged(self) -> None:
        self._say_goodbye("This is not DEFLATE")

    def _fault(self, *, fatal: bool) -> None:
        self.session.faults += FAULTS + 1 if fatal else 1

    # ------------------------------------------------------------------ output

    async def _send(self, answer: AsyncGenerator[bytes, None]) -> None:
        """Write an answer; wait whenever the peer has not read what was written before."""
        self._quiet_since = self._loop.time()
        async with aclosing(answer) as pieces:
            async for octets in pieces:
                if octets:
                    await self._say(octets)
        self._quiet_since = None

    async def _say(self, octets: bytes) -> None:
        """Write a piece of an answer; wait until the peer has read enough."""
        self._quiet_since = None
        await self._put(octets)
        if not self._outlet.writable.is_set():
            await self._outlet.writable.wait()

    def reassure(self) -> None:
        """Say that a command is still running that has said nothing for long (RFC 9585). An answer that has begun is
        left alone: a line in the middle of its literals would be taken for their octets."""
        quiet = self._quiet_since
        if quiet is None or self._inlet.awaits_line or self.session.state is State.NOT_AUTHENTICATED:
            return
        if self._loop.time() - quiet >= PROGRESS_SECONDS and self._outlet.writable.is_set():
            self._quiet_since = self._loop.time()
            self._outlet.write(responses.ok("Still working on it", codes.in_progress(self.session.tag)).encode())

    async def _put(self, octets: bytes) -> None:
        """Write a piece of an answer; the last one of a session that becomes nobody's ends the compressed stream."""
        if self.session.turn is Turn.STRANGER:
            self._outlet.finish(octets)
        else:
            await self._outlet.put(octets)

    def _filled(self) -> None:
        """The transport holds much: from now on the peer has to read."""
        self._since = self._loop.time()
        self._watch_time()

    def _drained(self) -> None:
        """The peer has read what the transport held."""
        self._since = max(self._since, self._loop.time())

    def _lose(self) -> None:
        """Close once everything is written; a peer that does not read has only so long."""
        if self._lost or self._leaving:
            return
        self._leaving = True
        self._outlet.flush()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(LINGER_SECONDS, self._out.abortConnection)
        self._out.unregisterProducer()  # TLS says nothing of the end while there is a producer
        self._out.loseConnection()

    def _say_goodbye(self, why: str) -> None:
        self._outlet.write(responses.bye(why, codes.Code(codes.CodeName.UNAVAILABLE)).encode())
        self._lose()

    def stop(self) -> None:
        """The service ends: say so now unless a command is running, else after it."""
        if self._input is not None or self._inlet.awaits_line:
            self._say_goodbye("The service is stopping")

    # ------------------------------------------------------------------ for the session

    def stir(self) -> None:
        """Do not wait for the peer's next word: the account moved, or there is something to answer."""
        if self._input is not None and not self._input.done():
            self._input.set_result(None)

    def line(self) -> "asyncio.Future[bytes]":
        """The next line of a dialogue within a command."""
        return self._inlet.line()

    def _take_turn(self, turn: Turn) -> None:
        """After the tagged OK."""
        self.session.turn = None
        match turn:
            case Turn.TLS:
                self._start_tls()
            case Turn.DEFLATE:
                self._inlet.start_deflate()
                self._outlet.start_deflate()
            case Turn.STRANGER:
                self._forget()

    def _start_tls(self) -> None:
        """What was read before is dropped: it was said in clear (STARTTLS injection)."""
        dropped = self._inlet.drop()
        if dropped:
            log.warning("plain text behind STARTTLS dropped", peer=self.peer, octets=len(dropped))
        self._outlet.flush()
        self._out.startTLS(self.door.tls)
        self._outlet.transport = self._inlet.transport = self._out
        self.secure = True

    def _forget(self) -> None:
        """A new session, as after the greeting (RFC 8437 section 3); the compression ends (section 4.1)."""
        self.session.close()
        self.session = Session(self.door.services, self)
        self._inlet.limit(framing.BEFORE_LOGIN)
        if self._inlet.compressed:
            dropped = self._inlet.end_deflate()
            if dropped:
                log.warning("commands behind UNAUTHENTICATE dropped", peer=self.peer, octets=len(dropped))
            self._outlet.end_deflate()
        self._since = self._loop.time()
        self._watch_time()

    # ------------------------------------------------------------------ compression (RFC 4978)

    @property
    def compressed(self) -> bool:
        return self._outlet.compressed

    @property
    def resting(self) -> bool:
        """A compressed connection that holds no compressor."""
        return self._outlet.resting

    # ------------------------------------------------------------------ time

    def _watch_time(self) -> None:
        """Close a connection that for too long did not do what we wait for; else look again when it is due.

        Input only moves `_since`, so an active connection costs no timer. Called when what we wait for changes.
        """
        if self._timer is not None:
            self._timer.cancel()
        now = self._loop.time()
        if not self._outlet.writable.is_set():
            due = self._since + STALL_SECONDS
        elif self.session.state is State.NOT_AUTHENTICATED:
            due = self._since + LOGIN_SECONDS
        else:
            due = self._since + IDLE_SECONDS
        if now < due:
            self._timer = self._loop.call_later(due - now + 0.01, self._watch_time)
        elif not self._outlet.writable.is_set():
            self._out.abortConnection()
        else:
            self._say_goodbye("Nothing was said for too long")
