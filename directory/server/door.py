"""The door: listening sockets, how many may come in, and how it closes."""

import asyncio
import collections
import ipaddress
import socket
from collections.abc import Mapping

from directory.hashing import Passwords
from directory.people import EmbeddedDirectory
from directory.server.administrator import Administrator
from directory.server.binding import Binder
from directory.server.connection import HANDSHAKE_TIMEOUT, Connection, Peer
from directory.server.entries import Entries
from directory.server.password_modify import PasswordModify
from directory.server.search import Searcher
from directory.server.session import Services
from directory.server.updating import Updater
from directory.tree import Tree
from mailserver.identity import Directory
from mailserver.login import Login
from mailserver.sasl import Secret
from mailserver.settings import Limits, Settings
from mailserver.store.transactions import Store
from mailserver.tls import Certificate

ADMINISTRATOR_SECRET = "ldap-admin"  # noqa: S105 - the name of a file, not its content
BACKLOG = 512


class Door:
    """The LDAP listeners of one worker."""

    def __init__(self, settings: Settings, services: Services, certificate: Certificate) -> None:
        self.services = services
        self.context = certificate.context
        self._limits: Limits = settings.limits
        self._servers: list[asyncio.Server] = []
        self._connections: set[Connection] = set()
        self._peers: collections.Counter[str] = collections.Counter()
        self._gone = asyncio.Event()

    @property
    def connections(self) -> int:
        """How many are open now."""
        return len(self._connections)

    async def listen(self, sock: socket.socket, *, tls: bool) -> None:
        loop = asyncio.get_running_loop()
        # Not `start_tls` on a plain connection: uvloop may read the ClientHello before it.
        server = await loop.create_server(
            lambda: Connection(self, peer_of, tls=tls),
            sock=sock,
            backlog=BACKLOG,
            ssl=self.context if tls else None,
            ssl_handshake_timeout=HANDSHAKE_TIMEOUT if tls else None,
        )
        self._servers.append(server)

    def admit(self, connection: Connection, peer: Peer) -> bool:
        """Count the connection; False when there are too many of all, or of one address (not loopback)."""
        crowded = self._peers[peer.address] >= self._limits.connections_per_peer and not peer.loopback
        if crowded or len(self._connections) >= self._limits.connections or not self._servers:
            return False
        self._connections.add(connection)
        self._peers[peer.address] += 1
        return True

    def release(self, connection: Connection, peer: Peer) -> None:
        self._connections.discard(connection)
        self._peers[peer.address] -= 1
        if not self._peers[peer.address]:
            del self._peers[peer.address]
        if not self._connections:
            self._gone.set()

    async def stop(self, grace: float) -> None:
        """Stop listening, let what is under way end within `grace` seconds, close the rest."""
        for server in self._servers:
            server.close()
        self._servers.clear()
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


def peer_of(transport: asyncio.Transport) -> Peer:
    """Who is at the other end."""
    address = str((transport.get_extra_info("peername") or ("",))[0])
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return Peer(address, False)
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return Peer(str(mapped or parsed), (mapped or parsed).is_loopback)


async def start(
    *,
    settings: Settings,
    store: Store,
    directory: Directory,
    login: Login,
    certificate: Certificate,
    sockets: Mapping[str, socket.socket],
) -> Door:
    """Open the embedded directory's LDAP door on the sockets 'ldap' and 'ldaps'.

    With an external directory there is nothing here to serve: the sockets are closed again.
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
        sock = sockets.get(name)
        if sock is None:
            continue
        if settings.ldap is not None:
            sock.close()
        else:
            await door.listen(sock, tls=tls)
    return door
