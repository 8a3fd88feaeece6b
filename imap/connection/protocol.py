"""Octets in and out, TLS, compression, time limits, the end: a Twisted protocol over `transport`.

What the octets mean is the `conversation`'s.
"""

import asyncio
from typing import Any, Protocol

import structlog
from twisted.internet import interfaces, protocol
from twisted.python.failure import Failure
from zope.interface import implementer  # type: ignore[import-untyped]

from imap.connection.conversation import Conversation
from imap.connection.reader import Reader
from imap.connection.scheduler import Scheduler
from imap.connection.writer import Writer
from imap.session.session import Services, Session
from imap.session.states import State, Turn
from imap.wire import codes, framing, responses
from mailserver.foundation.network.peers import Entry
from mailserver.foundation.settings import Limits

log = structlog.get_logger("imap")

LOGIN_SECONDS = 120
"""From the greeting to the end of a login: a stranger does not occupy a connection for long."""
IDLE_SECONDS = 30 * 60 + 30
"""Without input (RFC 3501 section 5.4 demands 30 minutes at least)."""
STALL_SECONDS = 300
"""With output the peer does not read."""
LINGER_SECONDS = 10
"""From our goodbye to pulling the plug, if the peer does not let the connection end."""


class Doorkeeper(Protocol):
    """What a connection knows of the door it came in by."""

    services: Services
    scheduler: Scheduler
    limits: Limits
    stopping: bool

    @property
    def tls(self) -> object:
        """What Twisted makes the server's side of a TLS connection with."""

    def enter(self, connection: "Connection") -> None:
        """Take a new connection in."""

    def forget(self, connection: "Connection") -> None:
        """The connection is gone."""


@implementer(interfaces.IHandshakeListener)
class Connection(protocol.Protocol):
    """One client. Implements `session.Connection`."""

    def __init__(self, door: Doorkeeper, entry: Entry, *, secure: bool) -> None:
        self.door = door
        self._entry = entry
        self.secure = secure
        self.peer = entry.peer
        self.loopback = entry.is_loopback
        self.session = Session(door.services, self)
        self._loop = asyncio.get_running_loop()
        self._virgin = True
        """Nothing was said yet."""
        self.lost = False
        self._leaving = False
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._handshake: asyncio.TimerHandle | None = None
        """Cuts the connection when TLS does not come about in time."""
        self._since = self._loop.time()
        """When the peer last did what we wait for."""

    @property
    def _out(self) -> Any:
        """Twisted's transport: TCP, or TLS over it. Its interfaces are many and typed by none."""
        return self.transport

    # ------------------------------------------------------------------ from Twisted

    def connectionMade(self) -> None:
        self._out.setTcpNoDelay(True)
        self._outlet = Writer(self._out, self._filled, self._drained)
        self._inlet = Reader(self._out, self._spoilt, self._damaged)
        self._conversation = Conversation(self, self.session, self._inlet, self._outlet)
        self._out.registerProducer(self._outlet, True)
        self.door.enter(self)
        if self.door.stopping:
            self._say_goodbye("The service is stopping")
            return
        if self.secure:
            self._await_handshake()
        self._task = self._loop.create_task(self._conversation.serve())
        self.watch_time()

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
        self._conversation.heard()

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        self.lost = True
        self.door.forget(self)
        self.handshakeCompleted()
        self._outlet.close()
        self._inlet.close()
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
        self.session.close()

    def _spoilt(self, line: framing.Rejected) -> None:
        """A line of a dialogue was none."""
        self._conversation.fault(fatal=line.fatal)

    def _damaged(self) -> None:
        self._say_goodbye("This is not DEFLATE")

    # ------------------------------------------------------------------ output

    def _filled(self) -> None:
        """The transport holds much: from now on the peer has to read."""
        self._since = self._loop.time()
        self.watch_time()

    def _drained(self) -> None:
        """The peer has read what the transport held."""
        self._since = max(self._since, self._loop.time())

    def lose(self) -> None:
        """Close once everything is written; a peer that does not read has only so long."""
        if self.lost or self._leaving:
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
        self.lose()

    def stop(self) -> None:
        """The service ends: say so now unless a command is running, else after it."""
        if self._conversation.waits or self._inlet.awaits_line:
            self._say_goodbye("The service is stopping")

    # ------------------------------------------------------------------ for the session

    def account_moved(self) -> None:
        """Do not wait for the peer's next word: the account moved, or there is something to answer."""
        self._conversation.account_moved()

    def reassure(self) -> None:
        """Say that a command is still running that has said nothing for long (RFC 9585)."""
        self._conversation.reassure()

    def line(self) -> "asyncio.Future[bytes]":
        """The next line of a dialogue within a command."""
        return self._inlet.line()

    def take_turn(self, turn: Turn) -> None:
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
        self._await_handshake()
        self._out.startTLS(self.door.tls)
        self._outlet.transport = self._inlet.transport = self._out
        self.secure = True

    def _await_handshake(self) -> None:
        self._handshake = self._loop.call_later(self.door.limits.handshake_seconds, self._out.abortConnection)

    def handshakeCompleted(self) -> None:
        """TLS is there; or nothing is waited for any more."""
        if self._handshake is not None:
            self._handshake.cancel()
            self._handshake = None

    def identify(self, account_id: int) -> bool:
        """The client has proved which account it is; False when that has too many connections."""
        return self._entry.identify(account_id)

    def _forget(self) -> None:
        """A new session, as after the greeting (RFC 8437 section 3); the compression ends (section 4.1)."""
        self._entry.forget()
        self.session.close()
        self.session = self._conversation.session = Session(self.door.services, self)
        self._inlet.limit(framing.BEFORE_LOGIN)
        if self._inlet.compressed:
            dropped = self._inlet.end_deflate()
            if dropped:
                log.warning("commands behind UNAUTHENTICATE dropped", peer=self.peer, octets=len(dropped))
            self._outlet.end_deflate()
        self._since = self._loop.time()
        self.watch_time()

    # ------------------------------------------------------------------ compression (RFC 4978)

    @property
    def compressed(self) -> bool:
        return self._outlet.compressed

    @property
    def resting(self) -> bool:
        """A compressed connection that holds no compressor."""
        return self._outlet.resting

    # ------------------------------------------------------------------ time

    def watch_time(self) -> None:
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
            self._timer = self._loop.call_later(due - now + 0.01, self.watch_time)
        elif not self._outlet.writable.is_set():
            self._out.abortConnection()
        else:
            self._say_goodbye("Nothing was said for too long")
