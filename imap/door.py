"""The door: its ports, its certificate, who is connected; `start` opens it."""

import asyncio
from collections.abc import Mapping
from functools import partial
from socket import socket
from typing import Any, cast

import structlog
from OpenSSL import SSL
from twisted.internet import interfaces
from twisted.internet.protocol import Factory
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer  # type: ignore[import-untyped]

from imap import conversation
from imap.peers import Peers
from imap.protocol import Connection
from imap.session import Services
from imap.shelf import Shelf
from imap.transport import Bridge
from imap.turnstile import Turnstile
from imap.welcome import Welcome
from mailserver.changes import Changes
from mailserver.identity import Directory
from mailserver.login import Login
from mailserver.settings import Settings
from mailserver.sharing import Sharing
from mailserver.store.transactions import Store
from mailserver.tls import Certificate, Pair

log = structlog.get_logger("imap")

BACKLOG = 4096
"""Connections the kernel keeps for us to accept."""


class Connections(Factory):
    """Makes a Connection for each client of one port."""

    noisy = False

    def __init__(self, door: "Door", *, secure: bool) -> None:
        self.door = door
        self.secure = secure

    def buildProtocol(self, address: object) -> Connection:
        return Connection(self.door, secure=self.secure)


@implementer(interfaces.IOpenSSLServerConnectionCreator)
class Tls:
    """Server connections with the instance's certificate of the moment, for pyOpenSSL."""

    def __init__(self, certificate: Certificate) -> None:
        self._certificate = certificate
        self._pair = certificate.current()
        self._context = _context(self._pair)

    def serverConnectionForTLS(self, _protocol: object) -> SSL.Connection:
        """What Twisted asks for each connection."""
        pair = self._certificate.current()
        if pair is not self._pair:
            self._context, self._pair = _context(pair), pair
        return SSL.Connection(self._context, None)


def _context(pair: Pair) -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)  # an idle connection keeps no buffers
    with pair.as_files() as (chain, key):
        context.use_certificate_chain_file(chain)
        context.use_privatekey_file(key)
    return context


class Door:
    """The listening ports and open connections of one worker."""

    def __init__(self, services: Services, tls: Tls | None) -> None:
        self.services = services
        self.tls = tls
        self.turnstile = Turnstile()
        self.stopping = False
        self._ports: list[asyncio.Server] = []
        self._ticking: asyncio.TimerHandle | None = None
        self._connections: set[Connection] = set()
        self._peers = Peers(services.settings.limits)

    async def listen(self, sockets: Mapping[str, socket]) -> None:
        """Take over the sockets named `imap` and `imaps`."""
        loop = asyncio.get_running_loop()
        for name, secure in (("imap", False), ("imaps", True)):
            sock = sockets.get(name)
            if sock is None:
                continue
            factory: Any = Connections(self, secure=secure)
            if secure:
                if self.tls is None:
                    continue
                factory = TLSMemoryBIOFactory(cast(Any, self.tls), False, factory)
                factory.noisy = False
            self._ports.append(await loop.create_server(partial(Bridge, factory), sock=sock, backlog=BACKLOG))

    def admit(self, connection: Connection) -> str:
        """Take a new connection in; the text of its refusal, or nothing."""
        self._connections.add(connection)
        if self._ticking is None:
            self._ticking = asyncio.get_running_loop().call_later(conversation.PROGRESS_SECONDS / 4, self._tick)
        refusal = self._peers.admit(connection.peer)
        return "The service is stopping" if self.stopping else refusal

    def _tick(self) -> None:
        """Look for commands that have been silent for long; one timer for all connections."""
        self._ticking = None
        for connection in self._connections:
            connection.reassure()
        if self._connections and not self.stopping:
            self._ticking = asyncio.get_running_loop().call_later(conversation.PROGRESS_SECONDS / 4, self._tick)

    def forget(self, connection: Connection) -> None:
        """The connection is gone."""
        if connection in self._connections:
            self._connections.remove(connection)
            self._peers.leave(connection.peer)

    async def stop(self, grace: float) -> None:
        """Stop listening, say goodbye, let running commands end within `grace` seconds."""
        self.stopping = True
        if self._ticking is not None:
            self._ticking.cancel()
        loop = asyncio.get_running_loop()
        for port in self._ports:
            port.close()
        for connection in list(self._connections):
            connection.stop()
        deadline = loop.time() + grace
        while self._connections and loop.time() < deadline:  # noqa: ASYNC110 - at the very end, for two seconds
            await asyncio.sleep(0.02)
        for connection in list(self._connections):
            connection.transport.abortConnection()  # type: ignore[union-attr]


async def start(
    *,
    settings: Settings,
    store: Store,
    changes: Changes,
    login: Login,
    directory: Directory,
    certificate: Certificate,
    sockets: Mapping[str, socket],
) -> Door:
    """Open the door on its sockets, which listen already."""
    welcome = Welcome(login, store.clock)
    sharing = Sharing(directory=directory, store=store, changes=changes, clock=store.clock, domain=settings.domain)
    shelf = Shelf(store, changes)
    services = Services(settings, store, changes, shelf, login, True, welcome, sharing)
    door = Door(services, Tls(certificate))
    await door.listen(sockets)
    return door
