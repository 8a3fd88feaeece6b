"""The HTTP doors: one uvicorn server per socket on the loop of the whole service.

What one connection may send and hold is the `http_connection`'s.
"""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from socket import socket
from typing import Any, cast

import uvicorn
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from mailserver.delivery import Delivery
from mailserver.foundation.network.listeners import Listener, Sockets
from mailserver.foundation.network.peers import Entry, Peers
from mailserver.foundation.network.safe_fetch import SafeFetch
from mailserver.foundation.served_certificates import Certificate
from mailserver.foundation.settings import Settings
from mailserver.login import Login
from mailserver.model.clock import Clock
from mailserver.model.identity import Directory
from mailserver.outbound.submission.submit import Submission
from mailserver.store.engine.transactions import Store
from webui.app import asgi as app
from webui.http import assets
from webui.http.http_connection import BoundedProtocol
from webui.http.redirect import Redirect
from webui.page import rendering

KEEP_ALIVE_SECONDS = 30
TICK_SECONDS = 1.0


class Door:
    """The running servers of this worker."""

    def __init__(
        self, servers: Sequence[tuple["_Server", "asyncio.Task[None]"]], application: app.Front, peers: Peers
    ) -> None:
        self._servers = servers
        self._application = application
        self.peers = peers

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """Every address of the pages."""
        return self._application.routes

    def leave_ports(self) -> None:
        """Let nobody else in."""
        for server, _ in self._servers:
            server.leave_ports()

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

    def __init__(self, config: uvicorn.Config, name: str, settings: Settings, peers: Peers) -> None:
        super().__init__(config)
        self._name = name
        self._settings = settings
        self._peers = peers
        self._leaving = asyncio.Event()
        self._listener: Listener | None = None

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Listen, with connections counted from when they are accepted (uvicorn would only hear of them after TLS)."""
        await self.lifespan.startup()
        self.servers = []
        self._listener = Listener(
            sockets or [],
            name=self._name,
            limits=self._settings.limits,
            proxy=self._settings.proxy,
            peers=self._peers,
            make=self._connection,
            context=self.config.ssl,
            is_web=True,
        )
        self._listener.open()
        self.started = True

    def leave_ports(self) -> None:
        """Let nobody else in."""
        if self._listener is not None:
            self._listener.leave()

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Listen no more, and let answers under way end."""
        if self._listener is not None:
            self._listener.close()
        await super().shutdown(sockets)

    def _connection(self, entry: Entry) -> asyncio.Protocol:
        protocol: Any = self.config.http_protocol_class
        return cast(
            asyncio.Protocol,
            protocol(entry, config=self.config, server_state=self.server_state, app_state=self.lifespan.state),
        )

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


def read_files() -> None:
    """Templates and static files, once for every process that is forked afterwards."""
    rendering.templates()
    assets.shipped()


async def start(
    *,
    settings: Settings,
    store: Store,
    clock: Clock,
    directory: Directory,
    login: Login,
    delivery: Delivery,
    submission: Submission,
    dav: ASGIApp | None = None,
    outside: SafeFetch | None = None,
    certificate: Certificate,
    sockets: Sockets,
) -> Door:
    """Serve the web interface on the sockets `http` (loopback), `https` and `redirect` that there are (`dav`,
    `outside`: `app`)."""
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
        {"limits": settings.limits, "proxy": settings.proxy},
    )
    peers = Peers(settings.limits)
    servers = []
    for name, own in sockets.items():
        if name in ("http", "https", "redirect"):
            served = Redirect(application, settings) if name == "redirect" else application
            config = _config(served, protocol, settings, certificate if name == "https" else None)
            server = _Server(config, name, settings, peers)
            servers.append((server, asyncio.create_task(server.serve(list(own)), name=f"webui {name}")))
    while not all(server.started for server, _ in servers):
        for _, task in servers:
            if task.done():
                await task
        await asyncio.sleep(0.01)
    return Door(servers, application, peers)


def _config(
    application: ASGIApp, protocol: type[asyncio.Protocol], settings: Settings, certificate: Certificate | None
) -> uvicorn.Config:
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
    if certificate is not None:
        config.ssl = certificate.context
    return config
