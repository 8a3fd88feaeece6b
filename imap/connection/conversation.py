"""What a client asks and is answered: its commands, one at a time.

A connection has one task. It takes an event from the reader, runs the command, writes what it yields and waits while
the peer does not read; meanwhile input waits in the framer and, when there is much of it, in the kernel. Nothing else
writes, but for what needs no waiting while the task waits for input (`commands.fast_path`).
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from time import monotonic
from typing import Protocol

import structlog

from imap import commands
from imap.commands import early_refusal, fast_path
from imap.connection.reader import Reader
from imap.connection.scheduler import Scheduler
from imap.connection.writer import Writer
from imap.session.account_check import PAUSE
from imap.session.appends import AHEAD
from imap.session.session import Ended, Services, Session
from imap.session.states import State, Turn
from imap.wire import codes, framing, responses, syntax
from imap.wire.commands import Append, Idle, Tagged, name_of
from imap.wire.deflate import Damaged
from imap.wire.grammar import BadCharset, BadCommand
from mailserver.foundation.metrics import catalogue
from mailserver.foundation.tracing import TRACES
from mailserver.model.errors import Temporary
from mailserver.store.mail.access import annotations

log = structlog.get_logger("imap")

TURN_SECONDS = 0.005
"""Pipelined commands run one behind the other without the loop turning; what one of them waits for does not count."""
PROGRESS_SECONDS = 10
"""In silence, until a client that waits is told that its command is still running (RFC 9585 section 4)."""
FAULTS_BEFORE_LOGIN = 5
FAULTS = 20
"""Commands in a row that may be answered BAD: whoever sends more is no mail client."""

HTTP = {"GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "PRI"}
FOREIGN = frozenset({*HTTP, "EHLO", "HELO", "LHLO", "MAIL"})
"""First words of other protocols. A browser made to post here would have its body run as commands."""


class AcceptingDoor(Protocol):
    """What a conversation knows of the door that it came in by."""

    services: Services
    scheduler: Scheduler
    stopping: bool


class Connected(Protocol):
    """What a conversation knows of its connection."""

    @property
    def door(self) -> AcceptingDoor:
        """The door it came in by."""

    peer: str
    lost: bool

    def take_turn(self, turn: Turn) -> None:
        """What the last command asked of the connection is to be done."""

    def watch_time(self) -> None:
        """What the connection waits for has changed."""

    def lose(self) -> None:
        """Close once everything is written."""


class Conversation:
    """One client's commands and their answers."""

    __slots__ = (
        "_ahead",
        "_began",
        "_connection",
        "_first",
        "_inlet",
        "_input",
        "_loop",
        "_next",
        "_outlet",
        "_queues",
        "_quiet_since",
        "session",
    )

    def __init__(self, connection: Connected, session: Session, reader: Reader, writer: Writer) -> None:
        self.session = session
        """The connection replaces it when the client becomes a stranger (RFC 8437)."""
        self._connection = connection
        self._inlet = reader
        self._outlet = writer
        self._loop = asyncio.get_running_loop()
        self._input: asyncio.Future[None] | None = None
        """What the task waits for while there is nothing to do."""
        self._next: framing.Event | Tagged | None = None
        """What was taken from the reader already, and is the task's to answer."""
        self._ahead: deque[Tagged] = deque()
        """APPENDs before that, which may have begun."""
        self._first = True
        """The first command is still to come, or is running."""
        self._queues = False
        """It waits at the scheduler."""
        self._quiet_since: float | None = None
        """Since when a command has run without saying anything."""
        self._began = monotonic()
        """Since when commands may have run without the loop turning."""

    @property
    def waits(self) -> bool:
        """True while the task waits for the peer, or for something to tell."""
        return self._input is not None

    def heard(self) -> None:
        """Something has come in."""
        if self._input is None or self._queues:
            self._inlet.hold_back()
        elif not self._input.done():
            self._queues = True
            self._connection.door.scheduler.enter(self)

    def answer_now(self) -> bool:
        """It is this client's turn at the scheduler. False: it stays there until its task may `go_on`."""
        waiting = self._input
        self._queues = False
        if waiting is None or waiting.done():  # the task has what there is
            return True
        self._queues = not self._answer_promptly(waiting)
        if not self._queues:
            self._inlet.read_on()  # the rest of a literal, perhaps, which was held back meanwhile
        return not self._queues

    def go_on(self) -> None:
        """It is the task's turn."""
        self._queues = False
        self.account_moved()

    def account_moved(self) -> None:
        """Do not wait for the peer's next word: the account moved, or there is something to answer.

        Whoever waits at the scheduler keeps the place there, once.
        """
        if self._input is not None and not self._input.done():
            self._input.set_result(None)

    def _answer_promptly(self, waiting: "asyncio.Future[None]") -> bool:
        """Answer what has come as far as nothing has to be waited for (`commands.fast_path`); False: the task is to go
        on.

        Called only while the task is `waiting` for input, so nothing else runs or writes.
        """
        if self._connection.door.stopping:
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
            if not early_refusal.is_plain(self.session, event):
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
        octets = fast_path.answer(self.session, self._next)
        if octets is None:
            return False
        self._next = None
        self._outlet.write(octets)
        return True

    # ------------------------------------------------------------------ the task

    async def serve(self) -> None:
        try:
            code = codes.capability(self.session.capabilities())
            self._outlet.write(responses.ok(f"{self._connection.door.services.settings.name} ready", code).encode())
            while self.session.state is not State.LOGOUT and not self._connection.door.stopping:
                await self._respond(await self._event())
                if self.session.turn is not None:
                    self._connection.take_turn(self.session.turn)
                if monotonic() - self._began > TURN_SECONDS:
                    await asyncio.sleep(0)
                    self._began = monotonic()
        except Ended as end:
            self._outlet.write(commands.farewell(self.session, end))
        except Damaged:
            self._outlet.write(responses.bye("This is not DEFLATE").encode())
        except Exception:
            log.exception("connection failed", peer=self._connection.peer)
        finally:
            if self.session.state is not State.LOGOUT and self._connection.door.stopping:
                self._outlet.write(responses.bye("The service is stopping").encode())
            self._connection.lose()

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
            if self.session.account_changed:
                await self._look_again()
            notifier = self.session.notifier
            if notifier is not None and notifier.due and not self._connection.lost:
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
        if not self.session.account_changed:
            await self._input
            return
        alarm = self._loop.call_later(PAUSE, self.account_moved)
        try:
            await self._input
        finally:
            alarm.cancel()

    async def _look_again(self) -> None:
        """The account moved while nothing ran. A store out of reach ends no session: it is asked again later."""
        with suppress(Temporary):
            await self.session.check_account()

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
                self.fault(fatal=event.fatal or (self._first and event.tag is None))
                catalogue.IMAP_ANSWERS.add("BAD")
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
        if wanted.begun is None or early_refusal.is_plain(self.session, wanted):
            return None
        with suppress(BadCommand):  # it is answered when it is complete
            refused = await early_refusal.refusal(self.session, self._parse(wanted.begun), wanted)
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
            self.fault(fatal=self._first and (bad.tag is None or bad.tag.upper() in FOREIGN))
            catalogue.IMAP_ANSWERS.add("BAD")
            await self._say(responses.malformed(bad))
            return
        said = fast_path.answer(self.session, tagged)
        if said is not None:
            await self._say(said)
        else:
            await self._obey(tagged)

    async def _obey(self, tagged: Tagged) -> None:
        """Run one command; the limits follow the session's state."""
        before = self.session.state
        if isinstance(tagged.command, Append):
            self._look_ahead()
        elif isinstance(tagged.command, early_refusal.UNSETTLING):
            self.session.appends.open_to = b""
        began = monotonic()
        with TRACES.span("imap.command", command=name_of(tagged.command)):
            await self._send(commands.run(self.session, tagged))
        if not isinstance(tagged.command, Idle):
            catalogue.IMAP_SECONDS.observe(monotonic() - began, name_of(tagged.command))
        if before is State.NOT_AUTHENTICATED and self.session.state is State.AUTHENTICATED:
            most = self._connection.door.services.settings.limits.message_size
            self._inlet.limit(framing.after_login(most, annotations.MAX_VALUE))
            self._connection.watch_time()

    def _look_ahead(self) -> None:
        """Take the APPENDs that have come whole behind the one that runs (`imap.session.appends`)."""
        while self._next is None and len(self._ahead) < AHEAD and (event := self._inlet.next()) is not None:
            self._next = event
            if isinstance(event, framing.CommandLine):
                with suppress(BadCommand):  # it is answered in its turn
                    self._next = self._parse(event)
            if isinstance(self._next, Tagged) and isinstance(self._next.command, Append):
                self._ahead.append(self._next)
                self._next = None
        self.session.appends.waiting = [tagged.command for tagged in self._ahead if isinstance(tagged.command, Append)]

    def fault(self, *, fatal: bool) -> None:
        """The client made a mistake."""
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
