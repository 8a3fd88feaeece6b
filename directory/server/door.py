"""The door: listening sockets, how many may come in, and how it closes."""

import asyncio
from collections.abc import Sequence
from socket import socket

from directory.entries.tree import Tree
from directory.issuing.hashing import Passwords
from directory.people.embedded import EmbeddedDirectory
from directory.server.administrator import Administrator
from directory.server.binding import Binder
from directory.server.connection import Connection
from directory.server.password_modify import PasswordModify
from directory.server.reading.entries import Entries
from directory.server.search import Searcher
from directory.server.session import Services
from directory.server.updating import Updater
from directory.server.wire import messages
from directory.server.wire.messages import Code
from mailserver.foundation.network.listeners import Listener, Sockets
from mailserver.foundation.network.peers import Crowd, Peers
from mailserver.foundation.served_certificates import Certificate
from mailserver.foundation.settings import Limits, Settings
from mailserver.login import Login
from mailserver.model.credentials.sasl import Secret
from mailserver.model.identity import Directory
from mailserver.store.engine.transactions import Store

ADMINISTRATOR_SECRET = "ldap-admin"  # noqa: S105 - the name of a file, not its content


class Door:
    """The LDAP listeners of one worker."""

    def __init__(self, settings: Settings, services: Services, certificate: Certificate) -> None:
        self.services = services
        self.context = certificate.context
        self.limits: Limits = settings.limits
        self._proxy = settings.proxy
        self.peers = Peers(settings.limits)
        self._listeners: list[Listener] = []
        self._connections: set[Connection] = set()
        self._gone = asyncio.Event()

    @property
    def connections(self) -> int:
        """How many are open now."""
        return len(self._connections)

    def listen(self, sockets: Sequence[socket], *, tls: bool) -> None:
        listener = Listener(
            sockets,
            name="ldaps" if tls else "ldap",
            limits=self.limits,
            proxy=self._proxy,
            peers=self.peers,
            make=lambda entry: Connection(self, entry, tls=tls),
            context=self.context if tls else None,
            refusals=_crowded,
        )
        listener.open()
        self._listeners.append(listener)

    def enter(self, connection: Connection) -> None:
        self._connections.add(connection)

    def leave(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._gone.set()

    def leave_ports(self) -> None:
        """Let nobody else in."""
        for listener in self._listeners:
            listener.leave()

    async def stop(self, grace: float) -> None:
        """Stop listening, let what is under way end within `grace` seconds, close the rest."""
        for listener in self._listeners:
            listener.close()
        self._gone.clear()
        for connection in tuple(self._connections):
            connection.finish()
        if self._connections:
            try:
                async with asyncio.timeout(grace):
                    await self._gone.wait()
            except TimeoutError:
                for connection in tuple(self._connections):
                    connection.abort()
        self.services.entries.close()


def _crowded(_crowd: Crowd) -> bytes:
    """A Notice of Disconnection (RFC 4511 section 4.4.1)."""
    return messages.disconnection(Code.BUSY, "too many connections")


async def start(
    *,
    settings: Settings,
    store: Store,
    directory: Directory,
    login: Login,
    certificate: Certificate,
    sockets: Sockets,
) -> Door:
    """Open the embedded directory's LDAP door on the sockets 'ldap' and 'ldaps'.

    With an external directory the settings have none.
    Raises SettingsError when a file of the instance cannot be used.
    """
    tree = Tree(settings.ldap_base, settings.domain)
    entries = Entries(store, tree, settings.web)
    secret = Secret(settings.secret(ADMINISTRATOR_SECRET).decode("utf-8"))
    binder = Binder(tree, login, Administrator(secret, store, settings.limits))
    keeper = directory.passwords if isinstance(directory, EmbeddedDirectory) else Passwords()
    services = Services(
        tree,
        entries,
        Searcher(tree, entries),
        login,
        store.changes,
        binder,
        Updater(tree, store, settings, keeper),
        PasswordModify(store, login, binder, keeper),
    )
    door = Door(settings, services, certificate)
    for name, tls in (("ldap", False), ("ldaps", True)):
        if name in sockets:
            door.listen(sockets[name], tls=tls)
    return door
