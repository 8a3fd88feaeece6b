"""The listening sockets of any door: accept, count, and make TLS before the door's protocol hears of the connection.

A connection counts from the moment it was accepted (`peers`), whether or not it ever begins its handshake: event loops
tell a protocol of a connection only after that. A handshake that is not over within `[limits] handshake_seconds` ends
the connection, here as after STARTTLS. Doors that make TLS themselves (IMAP) take the connection plain and hold
themselves to the same setting.

A connection from one of `[proxy] networks` begins with a PROXY header, before TLS and all else, and counts where the
header says that it comes from; from anywhere else such a header is no header but a fault of the door's protocol.
"""

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import structlog

from mailserver.foundation.metrics import catalogue
from mailserver.foundation.network import proxy_protocol
from mailserver.foundation.network.peers import Crowd, Crowded, Entry, Peers, is_within
from mailserver.foundation.settings import Limits, Proxy
from mailserver.model.errors import BadSyntax

log = structlog.get_logger("listener")

BACKLOG = 4096
"""Connections that the kernel keeps for us to accept."""
ACCEPTED_AT_ONCE = 64
"""Before the loop turns."""
PAUSE_SECONDS = 1.0
"""Without files or memory for another connection."""
_SHORT = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))

Sockets = Mapping[str, Sequence[socket.socket]]
"""By the name of their door: one for each address, and more where fewer workers share those of more."""
Make = Callable[[Entry], asyncio.BaseProtocol]
"""The protocol of an accepted connection. It says `leave` to the entry when the connection is lost."""


class Listener:
    """The sockets of one name. `context`: TLS from the first octet; `refusals`: what a crowd is told in clear;
    `is_web`: proxies may speak in header fields of requests instead (`[proxy] web`), which the door reads itself."""

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        *,
        name: str,
        limits: Limits,
        proxy: Proxy,
        peers: Peers,
        make: Make,
        context: ssl.SSLContext | None = None,
        refusals: Callable[[Crowd], bytes] | None = None,
        is_web: bool = False,
    ) -> None:
        self._sockets = sockets
        self._name = name
        self._limits = limits
        self._proxy = proxy
        self._is_web = is_web
        self._peers = peers
        self._make = make
        self._context = context
        self._refusals = refusals
        self._loop = asyncio.get_running_loop()
        self._arrivals: set[asyncio.Task[None]] = set()
        self._pauses: dict[socket.socket, asyncio.TimerHandle] = {}
        self._closed = False

    def open(self) -> None:
        """Accept from now on. Raises OSError."""
        for sock in self._sockets:
            sock.setblocking(False)
            sock.listen(BACKLOG)
            self._resume(sock)

    def leave(self) -> None:
        """Accept no more, and let go of the ports; connections stay, also those whose handshake is under way."""
        if self._closed:
            return
        self._closed = True
        for pause in self._pauses.values():
            pause.cancel()
        for sock in self._sockets:
            self._loop.remove_reader(sock)
            sock.close()

    def close(self) -> None:
        """Leave, and cut handshakes that are under way."""
        self.leave()
        for task in self._arrivals:
            task.cancel()

    def _resume(self, listening: socket.socket) -> None:
        self._pauses.pop(listening, None)
        self._loop.add_reader(listening, self._accept, listening)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                sock, _address = listening.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                if error.errno not in _SHORT:
                    raise
                # The connection stays in the kernel's queue: to ask again at once would be a busy loop.
                log.error("cannot accept", door=self._name, error=error.strerror)
                self._loop.remove_reader(listening)
                self._pauses[listening] = self._loop.call_later(PAUSE_SECONDS, self._resume, listening)
                return
            self._take(sock)

    def _take(self, sock: socket.socket) -> None:
        address = address_of(sock)
        try:
            entry = self._peers.admit(address, is_proxy=is_within(address, self._proxy.networks))
        except Crowded as crowded:
            catalogue.TURNED_AWAY.add(self._name)
            log.warning("connection refused", door=self._name, peer=address, why=crowded.crowd.name.lower())
            self._turn_away(sock, crowded.crowd)
            return
        catalogue.CONNECTIONS.add(self._name)
        entry.opens(self._name)
        with contextlib.suppress(OSError):
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = self._loop.create_task(self._receive(sock, entry))
        self._arrivals.add(task)
        task.add_done_callback(partial(self._arrived, sock, entry))

    def _arrived(self, sock: socket.socket, entry: Entry, task: asyncio.Task[None]) -> None:
        self._arrivals.discard(task)
        if task.cancelled():  # perhaps before it began, then nobody else has closed it
            entry.leave()
            sock.close()

    def _turn_away(self, sock: socket.socket, crowd: Crowd) -> None:
        """Say why, unless it would have to be said in TLS, and hold nothing."""
        with sock, contextlib.suppress(OSError):
            sock.setblocking(False)
            if self._refusals is not None and self._context is None:
                sock.send(self._refusals(crowd))
                sock.shutdown(socket.SHUT_WR)

    async def _receive(self, sock: socket.socket, entry: Entry) -> None:
        """Hear whom a proxy speaks for, make TLS where it is due, and hand the connection to its protocol."""
        if (
            entry.is_proxy
            and (not self._is_web or self._proxy.web == "protocol")
            and not await self._heard(sock, entry)
        ):
            entry.leave()
            return
        seconds = self._limits.handshake_seconds if self._context is not None else None
        try:
            await self._loop.connect_accepted_socket(
                partial(self._make, entry), sock, ssl=self._context, ssl_handshake_timeout=seconds
            )
        except OSError as error:
            log.info("connection failed", door=self._name, peer=entry.peer, error=type(error).__name__)
            entry.leave()
            sock.close()
        except BaseException:
            entry.leave()
            sock.close()
            raise

    async def _heard(self, sock: socket.socket, entry: Entry) -> bool:
        """True once the PROXY header has been read and counted; else the connection is closed."""
        try:
            async with asyncio.timeout(self._limits.handshake_seconds):
                entry.speak_for(proxy_protocol.source(await self._header(sock)))
        except Crowded as crowded:
            catalogue.TURNED_AWAY.add(self._name)
            log.warning("connection refused", door=self._name, peer=entry.peer, why=crowded.crowd.name.lower())
            self._turn_away(sock, crowded.crowd)
        except (BadSyntax, OSError) as error:  # TimeoutError is an OSError
            why = str(error) or type(error).__name__
            log.warning("proxy not understood", door=self._name, proxy=entry.peer, error=why)
            sock.close()
        except BaseException:
            entry.leave()
            sock.close()
            raise
        else:
            return True
        return False

    async def _header(self, sock: socket.socket) -> bytes:
        """Raises BadSyntax, OSError."""
        header = b""
        while count := proxy_protocol.wanted(header):
            data = await self._loop.sock_recv(sock, count)
            if not data:
                raise BadSyntax("the connection ended within the PROXY header")
            header += data
        return header


def address_of(sock: socket.socket) -> str:
    """The address at the other end; empty when there is none (any more)."""
    try:
        name = sock.getpeername()
    except OSError:
        return ""
    return str(name[0]) if isinstance(name, tuple) and name else ""
