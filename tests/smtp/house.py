"""A small academy with real services and SMTP doors, on a loop of its own in a thread of the test process."""

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import uvloop

from directory.people.embedded import EmbeddedDirectory
from mailserver.accounts.provision import provision
from mailserver.delivery import Delivery
from mailserver.foundation.changes import Changes
from mailserver.foundation.served_certificates import Certificate
from mailserver.foundation.settings import Settings
from mailserver.login import Login
from mailserver.model.clock import Clock, SystemClock
from mailserver.model.credentials.sasl import Secret
from mailserver.model.identity import NewPerson, Principal, Role
from mailserver.operations.health import instance
from mailserver.outbound.submission.submit import Submission
from mailserver.store.account import accounts
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs, mailboxes, messages
from mailserver.store.people.mailing_lists import lists
from smtp import server
from smtp.door import Door
from smtp.managesieve import server as managesieve
from smtp.relay.queue_runner import Relay
from tests import loops
from tests.ports import free_port

T = TypeVar("T")

DOMAIN = "ac-exemple.fr"
PASSWORD = "Craie-Bleue#31"
PORTS = ("smtp", "submission", "submissions", "lmtp", "sieve")
PEOPLE = ("Ada", "Bob", "Eve", "Zoe", "Gil", "Ida", "Luc", "Noe", "Admin")
"""Gil is suspended, Ida too but keeps receiving, Luc has left, Noe's mailbox is full."""
LIST = f"equipe@{DOMAIN}"
"""Ada, Bob, and somebody elsewhere."""


def make_instance(folder: Path) -> Path:
    """An instance with its people, to be copied: keys and passwords cost time."""
    instance.create(folder, DOMAIN)
    House(folder).stop()
    return folder


class House:
    """Start, use, stop. Methods are called from the test's thread."""

    def __init__(self, directory: Path, *, clock: Clock | None = None, **changes: Any) -> None:
        self.clock = clock or SystemClock()
        base = Settings(domain=DOMAIN, directory=directory)
        changes.setdefault("dns", {"nameservers": [f"127.0.0.1:{free_port('127.0.0.1')}"]})  # nothing leaves loopback
        self.settings = Settings.model_validate({**base.model_dump(), **changes, "directory": directory})
        self.loop = uvloop.new_event_loop()
        self.sockets = {name: _listening() for name in PORTS}
        self.ports = {name: sock.getsockname()[1] for name, sock in self.sockets.items()}
        self.people: dict[str, Principal] = {}
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._relays: list[asyncio.Task[None]] = []
        self._thread.start()
        self.run(self._start())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the house's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    async def _start(self) -> None:
        clock = self.clock
        changes = Changes()
        self.store = Store(self.settings.database_url, self.settings.data, clock, changes, readers=2)
        changes.attach(asyncio.get_running_loop(), lambda: 0)
        self.changes = changes
        self.directory = EmbeddedDirectory(settings=self.settings, store=self.store, clock=clock)
        self.login = Login(
            settings=self.settings, store=self.store, directory=self.directory, clock=clock, changes=changes
        )
        self.delivery = Delivery(
            settings=self.settings, store=self.store, directory=self.directory, clock=clock, changes=changes
        )
        self.submission = Submission(
            settings=self.settings,
            store=self.store,
            directory=self.directory,
            delivery=self.delivery,
            clock=clock,
        )
        is_new = await self.directory.find("ada") is None
        for name in PEOPLE:
            role = Role.ADMIN if name == "Admin" else Role.TEACHER
            self.people[name.lower()] = await self.add(name, role)
        if is_new:
            await self.store.write(_states, {name: one.account_id for name, one in self.people.items()})
        self.door: Door = await server.start(
            settings=self.settings,
            store=self.store,
            login=self.login,
            delivery=self.delivery,
            submission=self.submission,
            certificate=Certificate(self.settings.certificate, self.settings.private_key),
            sockets={name: [sock] for name, sock in self.sockets.items()},
        )

        self.sieve_door: Door = await managesieve.start(
            settings=self.settings,
            store=self.store,
            login=self.login,
            certificate=Certificate(self.settings.certificate, self.settings.private_key),
            sockets={name: [sock] for name, sock in self.sockets.items()},
        )

    async def add(self, name: str, role: Role = Role.TEACHER) -> Principal:
        """A person `name` with the address `name@DOMAIN`."""
        found = await self.directory.find(name.lower())
        if found is None:
            found = await self.directory.add(NewPerson(name, "Essai", role, login=name.lower()))
            await self.directory.set_password(found.account_id, Secret(PASSWORD))
            found = await self.directory.by_account(found.account_id)
        assert found is not None
        return found

    def start_relay(self, **options: Any) -> Relay:
        """One more worker's relay."""

        async def start() -> Relay:
            relay = Relay(
                settings=self.settings,
                store=self.store,
                delivery=self.delivery,
                clock=self.clock,
                changes=self.changes,
                **options,
            )
            self._relays.append(asyncio.create_task(relay.run()))
            return relay

        return self.run(start())

    def run_again(self, relay: Relay) -> None:
        """As a worker does with one that has failed."""

        async def start() -> None:
            self._relays.append(asyncio.create_task(relay.run()))

        self.run(start())

    def stop_relays(self) -> None:
        async def stop() -> None:
            for task in self._relays:
                task.cancel()
            await asyncio.gather(*self._relays, return_exceptions=True)
            self._relays.clear()

        self.run(stop())

    def stop(self) -> None:
        """Stop everything; once more does nothing."""
        if self.loop.is_closed():
            return
        self.stop_relays()
        self.run(self.door.stop(1.0))
        self.run(self.sieve_door.stop(1.0))
        self.directory.close()
        self.store.close()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        loops.close(self.loop)

    # ------------------------------------------------------------------ looking

    def read(self, function: Callable[..., T], *args: Any) -> T:
        return self.store.read_now(function, *args)

    def mail(self, login: str, box: str = "INBOX") -> list[bytes]:
        """The octets of every message in a mailbox, oldest first."""
        return self.mail_of(self.people[login].account_id, box)

    def mail_of(self, account_id: int, box: str = "INBOX") -> list[bytes]:
        """The same of an account, which may be a functional box's."""
        return self.read(_octets, account_id, box, self.settings.data / "blobs")

    def empty(self) -> None:
        """Throw all mail away."""
        for name, principal in self.people.items():
            if name != "noe":
                self.store.write_now(_erase, principal.account_id)


def _states(tx: Tx, accounts_by_name: dict[str, int]) -> None:
    accounts.suspend(tx, accounts_by_name["gil"], "test", False)
    accounts.suspend(tx, accounts_by_name["ida"], "test", True)
    accounts.set_quota(tx, accounts_by_name["ida"], 100_000)
    accounts.close(tx, accounts_by_name["luc"], "test")
    provision(tx, accounts_by_name["noe"])
    fill(tx, accounts_by_name["noe"])
    lists.create(tx, LIST, "Equipe", "")
    lists.add_members(tx, LIST, (f"ada@{DOMAIN}", f"bob@{DOMAIN}", "amie@ailleurs.fr"))


def fill(tx: Tx, account_id: int) -> None:
    """A quota that is used up."""
    box = mailboxes.get(tx, account_id, "INBOX")
    messages.append(tx, account_id, box.id, blobs.prepare(b"Subject: x\r\n\r\nx\r\n", Path()))
    accounts.set_quota(tx, account_id, 10)


def _octets(tx: Tx, account_id: int, box: str, folder: Path) -> list[bytes]:
    found = [one for one in mailboxes.listing(tx, account_id) if one.name == box]
    if not found:
        return []
    uids = [row[0] for row in messages.state(tx, found[0].id)]
    return [messages.octets(tx, account_id, found[0].id, uid, folder) for uid in uids]


def _erase(tx: Tx, account_id: int) -> None:
    for box in mailboxes.listing(tx, account_id):
        messages.erase(tx, account_id, box.id, [row[0] for row in messages.state(tx, box.id)])


def _listening() -> socket.socket:
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen(128)
    sock.setblocking(False)
    return sock
