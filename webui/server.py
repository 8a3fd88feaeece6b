"""The HTTP doors: one uvicorn server per socket on the loop of the whole service.

uvicorn bounds neither the size of a request's header, nor the time it may take to arrive, nor the connections of
one peer. `BoundedProtocol` does (slow-header and endless-header attacks), refuses a body that goes on after its
answer, and cuts whoever stops reading: an export under way is one of few, a stream as well.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from socket import socket
from typing import Any, ClassVar

import structlog
import uvicorn
from starlette.routing import BaseRoute
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mailserver.changes import Changes
from mailserver.clock import Clock
from mailserver.deliver import Delivery
from mailserver.identity import Directory
from mailserver.login import Login
from mailserver.outside import Outside
from mailserver.settings import Settings
from mailserver.store.transactions import Store
from mailserver.submit import Submission
from mailserver.tls import server_context
from webui import app
from webui.visit import is_loopback

log = structlog.get_logger("webui")

MAX_HEADER = 64 * 1024
"""Octets of a request's line and header fields."""
HEADER_SECONDS = 15.0
"""From the first octet (or the connection) until the header is complete."""
IDLE_BODY_SECONDS = 60.0
"""Between two pieces of a request's body."""
STALL_SECONDS = 60.0
"""A peer that does not take what we hold for it (some ten kilobytes) in this time is cut."""
KEEP_ALIVE_SECONDS = 30
TICK_SECONDS = 1.0
IGNORED_FACTOR = 4
"""Times the largest message that a refused body may go on for: a browser reads the answer only once it has sent all."""


class Door:
    """The running servers of this worker."""

    def __init__(self, servers: Sequence[tuple["_Server", "asyncio.Task[None]"]], application: app.Front) -> None:
        self._servers = servers
        self._application = application

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """Every address of the pages."""
        return self._application.routes

    async def stop(self, grace: float) -> None:
        """Stop listening, let answers under way end within `grace` seconds, cut the rest."""
        self._application.hush()
        for server, _ in self._servers:
            server.config.timeout_graceful_shutdown = max(1, round(grace))
            server.leave()
        tasks = [task for _, task in self._servers]
        _, late = await asyncio.wait(tasks, timeout=grace + 1)
        for task in late:
            task.cancel()
        for server, _ in self._servers:
            for connection in list(server.server_state.connections):
                if connection.transport is not None:
                    connection.transport.abort()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._application.close(grace)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the application stops its doors itself. And with one look at the clock a
    second instead of ten: idle processes add up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._leaving = asyncio.Event()

    def leave(self) -> None:
        """Stop listening, and end once answers under way have ended."""
        self.should_exit = True
        self._leaving.set()

    async def main_loop(self) -> None:
        """Renew the Date header until told to leave."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_SECONDS):
                    await self._leaving.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class BoundedProtocol(HttpToolsProtocol):
    """HTTP/1.1 with bounds on the header, on time, on peers, on who does not read and on what follows an answer."""

    per_peer: ClassVar[int] = 0
    max_ignored: ClassVar[int] = 0
    """Octets of a body that may still come once the answer is out; then the connection ends."""
    peers: ClassVar[Counter[str]] = Counter()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._header_octets = 0
        self._in_header = True
        self._ignored = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._peer = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        host = self.client[0] if self.client else ""
        if self.per_peer and host and not is_loopback(host):
            if self.peers[host] >= self.per_peer:
                log.warning("too many connections of one peer", peer=host)
                transport.abort()
                return
            self._peer = host
            self.peers[host] += 1
        self._watch(HEADER_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        self._flowing()
        if self._peer:
            self.peers[self._peer] -= 1
            if not self.peers[self._peer]:
                del self.peers[self._peer]
            self._peer = ""
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.cycle is None or self.cycle.response_complete:
            if self._in_header:
                if self._deadline is None:
                    self._watch(HEADER_SECONDS)
            else:
                self._ignored += len(data)
                if self._ignored > self.max_ignored:
                    self.transport.abort()
                    return
        if self._in_header:
            self._header_octets += len(data)
        super().data_received(data)
        if self._in_header and self._header_octets > MAX_HEADER:
            self.transport.abort()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_header = True
        self._header_octets = 0
        self._ignored = 0

    def on_headers_complete(self) -> None:
        self._in_header = False
        self._watch(IDLE_BODY_SECONDS)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._watch(IDLE_BODY_SECONDS)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unwatch()
        self._in_header = True
        self._header_octets = 0
        super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._flowing()
        self._stalled = self.loop.call_later(STALL_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        self._flowing()
        super().resume_writing()

    def _flowing(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _watch(self, seconds: float) -> None:
        self._unwatch()
        self._deadline = self.loop.call_later(seconds, self._late)

    def _unwatch(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        """A body that is not read because we are busy is not the peer's fault: reading was paused by us."""
        self._deadline = None
        if self.flow is not None and self.flow.read_paused and not self._in_header:
            self._watch(IDLE_BODY_SECONDS)
        else:
            self.transport.abort()


async def start(
    *,
    settings: Settings,
    store: Store,
    changes: Changes,
    clock: Clock,
    directory: Directory,
    login: Login,
    delivery: Delivery,
    submission: Submission,
    dav: ASGIApp | None = None,
    outside: Outside | None = None,
    sockets: Mapping[str, socket],
) -> Door:
    """Serve the web interface on the sockets `http` (loopback) and `https` that there are (`dav`, `outside`: `app`)."""
    application = app.create(
        settings=settings,
        store=store,
        clock=clock,
        directory=directory,
        login=login,
        delivery=delivery,
        submission=submission,
        dav=dav,
        outside=outside,
    )
    protocol = type(
        "Protocol",
        (BoundedProtocol,),
        {
            "per_peer": settings.limits.connections_per_peer,
            "peers": Counter(),
            "max_ignored": IGNORED_FACTOR * settings.limits.message_size,
        },
    )
    servers = []
    for name, sock in sockets.items():
        if name in ("http", "https"):
            config = _config(application, protocol, settings, tls=name == "https")
            server = _Server(config)
            servers.append((server, asyncio.create_task(server.serve([sock]), name=f"webui {name}")))
    while not all(server.started for server, _ in servers):
        for _, task in servers:
            if task.done():
                await task
        await asyncio.sleep(0.01)
    return Door(servers, application)


def _config(application: ASGIApp, protocol: type[asyncio.Protocol], settings: Settings, *, tls: bool) -> uvicorn.Config:
    config = uvicorn.Config(
        application,
        http=protocol,
        ws="none",
        lifespan="off",
        loop="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        limit_concurrency=settings.limits.connections,
    )
    config.load()
    if tls:
        config.ssl = server_context(settings.certificate, settings.private_key)
    return config
