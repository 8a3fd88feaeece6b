"""A small academy behind a real LDAP door: store, embedded directory, login, sockets, a loop in a thread."""

import asyncio
import contextlib
import datetime
import shutil
import socket
import subprocess
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import ldap3
import uvloop

import directory.server
from directory.people.embedded import EmbeddedDirectory
from mailserver.foundation.changes import Changes
from mailserver.foundation.served_certificates import Certificate
from mailserver.foundation.settings import Database, Limits, LoginSettings, Settings
from mailserver.foundation.tls import make_certificate, write_secret
from mailserver.login import Login
from mailserver.model.clock import SystemClock
from mailserver.model.credentials.sasl import Secret
from mailserver.model.identity import NewPerson, Principal, Role
from mailserver.store.engine.transactions import Store
from mailserver.store.people import people, schools
from tests import loops

T = TypeVar("T")

BASE = "dc=ac-exemple,dc=fr"
ADMIN = f"cn=admin,{BASE}"
ADMIN_PASSWORD = "ldap-Admin-2026"
PASSWORD = "Academie#2026"
SCHOOL = "0210006T"


class Academy:
    """One worker's LDAP door and what stands behind it."""

    def __init__(self, folder: Path, template: Path, limits: Limits, ways: LoginSettings, database: Database) -> None:
        for name in ("data/blobs", "secrets"):
            (folder / name).mkdir(parents=True)
        shutil.copy(template, folder / "data" / "mail.db")
        write_secret(folder / "secrets" / "ldap-admin", ADMIN_PASSWORD.encode() + b"\n")
        write_secret(folder / "secrets" / "hmac", b"k" * 32)
        self.settings = Settings(domain="ac-exemple.fr", directory=folder, limits=limits, login=ways, database=database)
        now = datetime.datetime.now(datetime.UTC)
        make_certificate(self.settings.certificate, self.settings.private_key, ["ldap.ac-exemple.fr"], now)
        clock, changes = SystemClock(), Changes()
        self.store = Store(self.settings.database_url, self.settings.data, clock, changes, readers=2)
        self.directory = EmbeddedDirectory(settings=self.settings, store=self.store, clock=clock)
        self.login = Login(
            settings=self.settings, store=self.store, directory=self.directory, clock=clock, changes=changes
        )
        self._clients: list[ldap3.Connection] = []
        self.loop = uvloop.new_event_loop()
        changes.attach(self.loop, lambda: 0)
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self._sockets = {name: _listener() for name in ("ldap", "ldaps")}
        self.port, self.tls_port = (self._sockets[name].getsockname()[1] for name in ("ldap", "ldaps"))
        self.door = self.run(
            directory.server.start(
                settings=self.settings,
                store=self.store,
                directory=self.directory,
                login=self.login,
                certificate=Certificate(self.settings.certificate, self.settings.private_key),
                sockets={name: [sock] for name, sock in self._sockets.items()},
            )
        )

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"ldaps://127.0.0.1:{self.tls_port}"

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run on the door's loop and wait."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(240)

    def stop(self) -> None:
        self.run(self.door.stop(1.0))
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.directory.close()
        self.store.close()
        loops.close(self.loop)
        for sock in self._sockets.values():
            sock.close()

    # ------------------------------------------------------------------ people

    def add(self, given_name: str, surname: str, role: Role = Role.TEACHER, **more: Any) -> Principal:
        return self.run(self.directory.add(NewPerson(given_name, surname, role, **more)))

    def activate(self, principal: Principal, password: str = PASSWORD) -> None:
        self.run(self.directory.set_password(principal.account_id, Secret(password)))

    def name_school(self, uai: str, name: str) -> None:
        self.run(self.store.write(schools.upsert, [schools.Facts(uai, name)]))

    def hide(self, principal: Principal) -> None:
        self.run(self.store.write(people.change_entry, principal.account_id, {"hidden": 1}))

    # ------------------------------------------------------------------ clients

    def client(self, user: str = "", password: str = "", **more: Any) -> ldap3.Connection:
        """An ldap3 connection that returns what it got, not yet bound."""
        server = ldap3.Server(self.url, get_info=ldap3.NONE)
        connection = ldap3.Connection(
            server,
            user or None,
            password or None,
            client_strategy=ldap3.SAFE_SYNC,
            check_names=False,
            return_empty_attributes=False,
            **more,
        )
        self._clients.append(connection)
        return connection

    def connect(self, user: str = ADMIN, password: str = ADMIN_PASSWORD) -> ldap3.Connection:
        """The same, bound."""
        connection = self.client(user, password)
        assert connection.bind()[0]
        return connection

    def hang_up(self) -> None:
        """Close the clients of the test that ends."""
        for connection in self._clients:
            if connection.socket is not None:
                connection.socket.close()
        self._clients.clear()

    def tool(
        self, program: str, *arguments: str, user: str = ADMIN, password: str = ADMIN_PASSWORD, url: str = ""
    ) -> "subprocess.CompletedProcess[str]":
        """Run one of OpenLDAP's own clients; it trusts our certificate and no other."""
        who = ["-D", user, "-w", password] if user else []
        command = [program, "-x", "-H", url or self.url, *who, *arguments]
        environment = {"LDAPTLS_CACERT": str(self.settings.certificate), "PATH": "/usr/bin:/bin", "LC_ALL": "C"}
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240, env=environment)

    def raw(self) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)


def _listener() -> socket.socket:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock


@contextlib.contextmanager
def academy(
    folder: Path,
    template: Path,
    limits: Limits | None = None,
    ways: LoginSettings | None = None,
    database: str = "",
) -> Iterator[Academy]:
    """An academy without people. `database`: a URL; empty: SQLite, a copy of the template."""
    running = Academy(folder, template, limits or Limits(), ways or LoginSettings(), Database(url=database))
    try:
        yield running
    finally:
        running.stop()


def receive(sock: socket.socket) -> bytes:
    """Everything until the peer closes."""
    octets = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := sock.recv(65536):
            octets += chunk
    return octets


def names_of(connection: ldap3.Connection, wanted: str, base: str = BASE, **more: Any) -> list[str]:
    """Distinguished names that a search finds."""
    _, result, response, _ = connection.search(base, wanted, attributes=["1.1"], **more)
    assert result["result"] == 0, result
    return [item["dn"] for item in response if item["type"] == "searchResEntry"]
