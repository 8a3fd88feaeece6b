"""A store, people, and the IMAP door over an in-memory transport: everything real but the socket."""

import asyncio
import base64
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from sqlalchemy import insert
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from imap.connection.door import Door
from imap.connection.protocol import Connection
from imap.session.account_check import AccountCheck
from imap.session.session import Services
from imap.session.snapshot_cache import SnapshotCache
from mailserver.foundation.network.peers import Entry
from mailserver.foundation.settings import Limits, Settings
from mailserver.foundation.wakeups import Wakeup
from mailserver.login import session_validity
from mailserver.model.credentials import sasl_scram
from mailserver.model.credentials.sasl import Secret
from mailserver.model.credentials.sasl_scram import Opening, Proof, Verifier
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Principal, Role, Roster, State
from mailserver.notices.house import house_of
from mailserver.policy.viewers import Sharing
from mailserver.store.account import accounts
from mailserver.store.engine import news
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import mailboxes
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.people.entries import person
from tests.waiting import PATIENCE

PASSWORD = "Academie#2026"
PEOPLE = ("edupont", "mmartin")


def create_account(tx: Tx, login: str) -> int:
    row = tx.execute(insert(account).values(login=login, state="active", created=tx.now).returning(account.c.id)).one()
    mailboxes.provision(tx, row[0])
    return int(row[0])


def enrol(tx: Tx, account_id: int, role: Role) -> None:
    """A row of the embedded directory, which says what somebody is."""
    names = dict.fromkeys(("given_name", "surname", "address", "given_key", "surname_key", "name_key"), "x")
    row = {"account_id": account_id, "role": role.value, "created": tx.now, "modified": tx.now}
    tx.execute(insert(person).values(**names, **row))


class NoScram:
    """Where the settings do not ask for it."""

    ready = False


class Pencil:
    """SCRAM with the salt, the nonce and the password of the example of RFC 7677 section 3."""

    ready = True

    def __init__(self, people: dict[str, Principal]) -> None:
        self._people = people
        self._verifier = Verifier.of(Secret("pencil"), base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096)

    async def begin(self, opening: Opening) -> bytes:
        return sasl_scram.challenge(opening, b"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", self._verifier)

    async def finish(self, opening: Opening, proof: Proof, peer: str, service: str) -> tuple[Principal, bytes]:
        proven = sasl_scram.signature(self._verifier, proof)
        if proven is None or opening.login not in self._people:
            raise Refused(Reason.AUTHENTICATION, "Wrong login or password")
        return self._people[opening.login], proven


class Doorkeeper:
    """Knows the people of the tests by their one password, as `mailserver.login.Login` would."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.people: dict[str, Principal] = {}
        self.lists: dict[str, list[Roster]] = {}
        self.asked: list[tuple[str, str]] = []
        self._store = store
        self._house = house_of(settings)
        self.scram: NoScram | Pencil = NoScram()

    def add(self, account_id: int, login: str, quota: int = 0) -> Principal:
        principal = Principal(
            account_id=account_id,
            login=login,
            address=f"{login}@ac-exemple.fr",
            aliases=(),
            given_name=login[0],
            surname=login[1:],
            role=Role.TEACHER,
            state=State.ACTIVE,
            quota_bytes=quota,
            login_version=1,
        )
        self.people[login] = principal
        return principal

    async def login(self, login: str, secret: Secret, peer: str, service: str) -> Principal:
        self.asked.append((login, peer))
        await asyncio.sleep(0)
        found = self.people.get(login)
        if found is None or secret != Secret(PASSWORD):
            raise Refused(Reason.AUTHENTICATION, "Wrong login or password")
        return found

    async def find(self, login: str) -> Principal | None:
        return self.people.get(login.partition("@")[0])

    async def rosters(self, address: str) -> list[Roster]:
        return self.lists.get(address, [])

    async def stays(self, principal: Principal) -> None:
        standing = await self._store.read(accounts.get, principal.account_id)
        departure = session_validity.departure(self._house, principal, standing)
        if departure is not None:
            raise departure


class Memory(StringTransport):
    """A transport in memory. What the server writes is kept until the test reads it."""

    def __init__(self, host: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.host = host
        self.written = bytearray()
        """What the test has not read yet."""
        self.full = 1 << 30
        """Octets unread from which the transport asks for a pause, as a socket does."""
        self.lost = False
        self.tls = False
        self.protocol_: Connection | None = None
        self.entry: Entry | None = None
        self.arrived = asyncio.Event()

    def getPeer(self) -> Any:
        return type("Address", (), {"host": self.host})()

    def setTcpNoDelay(self, enabled: bool) -> None:
        assert enabled

    def write(self, data: bytes) -> None:
        self.written += data
        self.arrived.set()
        if len(self.written) > self.full and self.producer is not None:
            self.producer.pauseProducing()

    def take(self, size: int) -> bytes:
        """Read so many octets."""
        octets = bytes(self.written[:size])
        del self.written[:size]
        if len(self.written) <= self.full and self.producer is not None:
            self.producer.resumeProducing()
        return octets

    def startTLS(self, context: object, normal: bool = True) -> None:
        self.tls = True
        assert self.protocol_ is not None
        self.protocol_.handshakeCompleted()

    def loseConnection(self) -> None:
        self._end()

    def abortConnection(self) -> None:
        self._end()

    def _end(self) -> None:
        if self.lost:
            return
        self.lost = True
        self.arrived.set()
        asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        assert self.protocol_ is not None
        assert self.entry is not None
        self.entry.leave()
        self.protocol_.connectionLost(Failure(ConnectionError("closed")))  # type: ignore[no-untyped-call]


class Client:
    """One client over a Memory transport."""

    def __init__(self, door: Door, host: str = "127.0.0.1", *, secure: bool = False) -> None:
        self.transport = Memory(host)
        self.transport.entry = door.peers.admit(host)
        self.connection = Connection(door, self.transport.entry, secure=secure)
        self.transport.protocol_ = self.connection
        self.connection.makeConnection(self.transport)  # type: ignore[no-untyped-call]
        self.connection.handshakeCompleted()
        self._tags = 0

    def send(self, octets: bytes) -> None:
        """Deliver octets to the server, as the kernel would."""
        if not self.transport.lost:
            self.connection.dataReceived(octets)

    @property
    def pending(self) -> bytes:
        return bytes(self.transport.written)

    async def line(self) -> bytes:
        """The next line, without its CRLF."""
        return await self.until(b"\r\n")

    async def until(self, mark: bytes) -> bytes:
        """Everything up to a mark, which is swallowed."""
        async with asyncio.timeout(PATIENCE):
            while (place := self.transport.written.find(mark)) < 0:
                if self.transport.lost:
                    raise ConnectionError(f"closed; last: {self.pending!r}")
                self.transport.arrived.clear()
                await self.transport.arrived.wait()
        return self.transport.take(place + len(mark))[:place]

    async def closed(self) -> bytes:
        """Wait until the server closes; what it said last."""
        async with asyncio.timeout(PATIENCE):
            while not self.transport.lost:
                self.transport.arrived.clear()
                await self.transport.arrived.wait()
        return self.pending

    async def command(self, text: str | bytes, *, literal: bytes | None = None) -> list[str]:
        """Run a command; its untagged lines, and the tagged one without its tag."""
        self._tags += 1
        tag = b"t%d" % self._tags
        octets = text.encode() if isinstance(text, str) else text
        if literal is not None:
            octets += b" {%d+}\r\n%s" % (len(literal), literal)
        self.send(tag + b" " + octets + b"\r\n")
        said: list[str] = []
        while True:
            line = await self.line()
            if line.startswith(tag + b" "):
                return [*said, line[len(tag) + 1 :].decode()]
            said.append(line.decode("utf-8", "surrogateescape"))

    async def ok(self, text: str | bytes, *, literal: bytes | None = None) -> list[str]:
        """Run a command that must succeed; its untagged lines."""
        *said, last = await self.command(text, literal=literal)
        assert last.startswith("OK"), (text, last)
        return said

    async def greeting(self) -> "Client":
        assert (await self.line()).startswith(b"* OK")
        return self

    async def log_in(self, login: str = "edupont") -> "Client":
        await self.greeting()
        await self.ok(f"LOGIN {login} {PASSWORD}")
        return self


async def turns(other: Client, client: Client, end: bytes) -> int:
    """How often another client is answered until the answer of this one has ended."""
    count = 0
    while end not in client.pending:
        assert b" BAD " not in client.pending
        await other.ok("NOOP")
        await asyncio.sleep(0)  # answered within one step or not, the loop turns between two of them
        count += 1
    return count


class World:
    """One worker: a store and its IMAP door."""

    def __init__(
        self, store: Store, *, message_size: int = 10_000_000, bell: Wakeup | None = None, **limits: int
    ) -> None:
        self.store = store
        self._bell = bell
        self.settings = Settings(
            domain="ac-exemple.fr",
            hostname="mail.ac-exemple.fr",
            limits=Limits.model_validate({"message_size": message_size, **limits}),
            directory=store.data,
        )
        (store.data / "blobs").mkdir(parents=True, exist_ok=True)
        self.keeper = Doorkeeper(store, self.settings)
        snapshots = SnapshotCache(store, store.changes)
        account_check = AccountCheck(self.keeper, store.clock)  # type: ignore[arg-type]
        sharing = Sharing(
            directory=self.keeper, store=store, changes=store.changes, clock=store.clock, domain=self.settings.domain
        )
        services = Services(self.settings, store, store.changes, snapshots, self.keeper, True, account_check, sharing)  # type: ignore[arg-type]
        self.door = Door(services, None)
        self.accounts: dict[str, int] = {}

    async def __aenter__(self) -> "World":
        carrier = news.carrier(self.store.backend, self.store.worker, self.store.changes, self._bell)
        self.store.changes.attach(asyncio.get_running_loop(), carrier.generation, carrier.catch_up)
        self._carrying = asyncio.create_task(carrier.run())
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.door.stop(2)
        self._carrying.cancel()
        with suppress(asyncio.CancelledError):
            await self._carrying

    async def people(self, *logins: str, quota: int = 0) -> None:
        for login in logins or PEOPLE:
            self.accounts[login] = await self.store.write(create_account, login)
            if quota:
                await self.store.write(accounts.set_quota, self.accounts[login], quota)
            self.keeper.add(self.accounts[login], login, quota)

    def know(self, other: "World") -> None:
        """The same people at another worker's door."""
        self.accounts = other.accounts
        self.keeper.people = other.keeper.people

    def client(self, host: str = "127.0.0.1", *, secure: bool = False) -> Client:
        return Client(self.door, host, secure=secure)

    async def session(self, login: str = "edupont", mailbox: str = "") -> Client:
        client = await self.client().log_in(login)
        if mailbox:
            await client.ok(f"SELECT {mailbox}")
        return client


def play(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run an async test."""
    asyncio.run(scene())
