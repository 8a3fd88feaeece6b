"""The door: its ports, its certificate, who is connected; `start` opens it."""

import asyncio
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from OpenSSL import SSL
from twisted.internet import interfaces
from twisted.internet.protocol import Factory
from zope.interface import implementer  # type: ignore[import-untyped]

from imap.connection import conversation
from imap.connection.protocol import Connection
from imap.connection.scheduler import Scheduler
from imap.connection.transport import Bridge, tls_factory
from imap.session.account_check import AccountCheck
from imap.session.session import Services
from imap.session.snapshot_cache import SnapshotCache
from imap.wire import codes, responses
from mailserver.foundation.changes import Changes
from mailserver.foundation.network.listeners import Listener, Sockets
from mailserver.foundation.network.peers import Crowd, Peers
from mailserver.foundation.served_certificates import Certificate
from mailserver.foundation.settings import Settings
from mailserver.foundation.tls import Pair
from mailserver.login import Login
from mailserver.model.identity import Directory
from mailserver.policy.viewers import Sharing
from mailserver.store.engine.transactions import Store


def _crowded(crowd: Crowd) -> bytes:
    """Instead of a greeting (RFC 3501 section 7.1.5, RFC 5530 section 3)."""
    return responses.bye(crowd.value, codes.Code(codes.CodeName.UNAVAILABLE)).encode()


class Connections(Factory):
    """Makes a Connection for each client of one port."""

    noisy = False

    def __init__(self, door: "Door", *, secure: bool) -> None:
        self.door = door
        self.secure = secure

    def buildProtocol(self, entry: Any) -> Connection:
        return Connection(self.door, entry, secure=self.secure)


@implementer(interfaces.IOpenSSLServerConnectionCreator)
class Tls:
    """Server connections with the certificate of the moment for the host that a client asks for, for pyOpenSSL."""

    def __init__(self, certificate: Certificate) -> None:
        self._certificate = certificate
        self._contexts: WeakKeyDictionary[Pair, SSL.Context] = WeakKeyDictionary()

    def serverConnectionForTLS(self, _protocol: object) -> SSL.Connection:
        """What Twisted asks for each connection."""
        return SSL.Connection(self._presenting(self._certificate.current()), None)

    def _presenting(self, pair: Pair) -> SSL.Context:
        context = self._contexts.get(pair)
        if context is None:
            context = self._contexts[pair] = _context(pair)
            context.set_tlsext_servername_callback(self._present)
        return context

    def _present(self, connection: SSL.Connection) -> None:
        """Called after each ClientHello."""
        name = connection.get_servername()
        if name is not None:
            pair = self._certificate.current(name.decode("ascii", "replace"))
            connection.set_context(self._presenting(pair))


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
        self.scheduler = Scheduler()
        self.stopping = False
        self._ports: list[Listener] = []
        self._ticking: asyncio.TimerHandle | None = None
        self._connections: set[Connection] = set()
        self.peers = Peers(services.settings.limits)
        self.limits = services.settings.limits

    def listen(self, sockets: Sockets) -> None:
        """Take over the sockets named `imap` and `imaps`."""
        for name, secure in (("imap", False), ("imaps", True)):
            if name not in sockets:
                continue
            factory: Any = Connections(self, secure=secure)
            if secure:
                if self.tls is None:
                    continue
                factory = tls_factory(self.tls, factory)
            listener = Listener(
                sockets[name],
                name=name,
                limits=self.limits,
                proxy=self.services.settings.proxy,
                peers=self.peers,
                make=partial(Bridge, factory),
                refusals=None if secure else _crowded,
            )
            listener.open()
            self._ports.append(listener)

    def enter(self, connection: Connection) -> None:
        """Take a new connection in, which leaves through `forget`."""
        self._connections.add(connection)
        if self._ticking is None:
            self._ticking = asyncio.get_running_loop().call_later(conversation.PROGRESS_SECONDS / 4, self._tick)

    def _tick(self) -> None:
        """Look for commands that have been silent for long; one timer for all connections."""
        self._ticking = None
        for connection in self._connections:
            connection.reassure()
        if self._connections and not self.stopping:
            self._ticking = asyncio.get_running_loop().call_later(conversation.PROGRESS_SECONDS / 4, self._tick)

    def forget(self, connection: Connection) -> None:
        """The connection is gone."""
        self._connections.discard(connection)

    def leave_ports(self) -> None:
        """Let nobody else in."""
        for port in self._ports:
            port.leave()

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
    sockets: Sockets,
) -> Door:
    """Open the door on its sockets, which listen already."""
    account_check = AccountCheck(login, store.clock)
    sharing = Sharing(directory=directory, store=store, changes=changes, clock=store.clock, domain=settings.domain)
    snapshots = SnapshotCache(store, changes)
    services = Services(settings, store, changes, snapshots, login, True, account_check, sharing)
    door = Door(services, Tls(certificate))
    door.listen(sockets)
    return door
