"""An academy whose clock the test moves, with its housekeeper, on each engine in turn."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from directory.people.embedded import EmbeddedDirectory
from directory.people.lifecycle import Accounts
from mailserver.background.housekeeping import Housekeeper
from mailserver.delivery import Delivery, Envelope
from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import Settings
from mailserver.foundation.tls import write_secret
from mailserver.login import Login
from mailserver.mime.writing.trace_fields import return_path
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Refused
from mailserver.model.identity import NewPerson, Principal, Role
from mailserver.model.messages.authentication import NOT_CHECKED, AuthenticationResults
from mailserver.outbound.submission.submit import Submission
from mailserver.store.account import accounts
from mailserver.store.account.accounts import Standing
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import mailboxes, messages
from mailserver.store.queue import spool
from mailserver.store.record import audit
from mailserver.store.record.audit import Event, Origin
from mailserver.store.schema.outgoing.spool import queued, queued_recipient
from tests.clocks import SteppedClock

DOMAIN = "ac-exemple.fr"
PASSWORD = "Craie-Bleue#31"
DAY = 86400
PRIVATE = "emilie@ailleurs.fr"


@dataclass(frozen=True, slots=True)
class Worker:
    """One process's services."""

    store: Store
    directory: EmbeddedDirectory
    login: Login
    delivery: Delivery
    housekeeper: Housekeeper
    accounts: Accounts


@dataclass
class House:
    """A worker, the clock of all workers, and a maker of further ones over the same database."""

    settings: Settings
    clock: SteppedClock
    database: Store
    made: list[Worker] = field(default_factory=list)

    @property
    def worker(self) -> Worker:
        return self.made[0]

    @property
    def store(self) -> Store:
        return self.worker.store

    @property
    def accounts(self) -> Accounts:
        return self.worker.accounts

    def another(self) -> Worker:
        """One more process over the same database."""
        changes = Changes()
        store = Store(self.database.url, self.database.data, self.clock, changes, readers=2, writers=2)
        # Own news arrive as in a server; those of other workers are lost, which is the harder case.
        changes.attach(asyncio.get_running_loop(), lambda: 0)
        shared: dict[str, Any] = {"settings": self.settings, "store": store, "clock": self.clock}
        directory = EmbeddedDirectory(**shared)
        delivery = Delivery(**shared, directory=directory, changes=changes)
        submission = Submission(**shared, directory=directory, delivery=delivery)
        worker = Worker(
            store,
            directory,
            Login(**shared, directory=directory, changes=changes),
            delivery,
            Housekeeper(**shared, directory=directory, delivery=delivery, submission=submission, changes=changes),
            Accounts(
                directory=directory,
                store=store,
                proofs=directory.academy.proofs,
                clock=self.clock,
                origin=Origin("tester", "console"),
            ),
        )
        self.made.append(worker)
        return worker

    async def round(self, seconds: float = 0) -> None:
        """The housekeeper's next round, that much later."""
        self.clock.step(seconds + 4)
        await self.worker.housekeeper.round()

    async def person(
        self, given_name: str = "Émilie", surname: str = "Dupont", *, activated: bool = True, **more: Any
    ) -> Principal:
        person = await self.worker.directory.add(NewPerson(given_name, surname, Role.TEACHER, **more))
        if activated:
            await self.worker.directory.set_password(person.account_id, Secret(PASSWORD))
        return person

    async def standing(self, person: Principal) -> Standing:
        found = await self.store.read(accounts.get, person.account_id)
        assert found is not None
        return found

    async def enter(self, login: str = "edupont") -> Principal:
        return await self.worker.login.login(login, Secret(PASSWORD), "127.0.0.1", "imap")

    async def refusal(self, login: str = "edupont") -> str:
        """Why this login is refused, its secret being right."""
        with pytest.raises(Refused) as refused:
            await self.enter(login)
        return refused.value.text

    async def history(self, person: Principal) -> list[Event]:
        return await self.store.read(audit.history, person.account_id)

    async def deliver(
        self, to: str, octets: bytes, sender: str = "amie@ailleurs.fr", results: AuthenticationResults = NOT_CHECKED
    ) -> None:
        """A message comes in as through SMTP. Raises Refused."""
        recipient = await self.worker.delivery.resolve(to)
        whole = return_path(sender) + octets
        await self.worker.delivery.deliver(Envelope(sender, (recipient,), results=results), whole)

    async def inbox(self, person: Principal) -> list[Message]:
        """What is in somebody's INBOX, oldest first."""
        found = await self.store.read(_inbox, person.account_id, self.store.data / "blobs")
        return [message_from_bytes(octets) for octets in found]

    async def outgoing(self) -> list[tuple[str, Message]]:
        """What is queued for others: recipient and message, oldest first."""
        found = await self.store.read(_outgoing, self.store.data / "blobs")
        return [(address, message_from_bytes(octets)) for address, octets in found]


def _inbox(tx: Tx, account_id: int, folder: Path) -> list[bytes]:
    if mailboxes.INBOX not in {box.name for box in mailboxes.listing(tx, account_id)}:
        return []
    box = mailboxes.get(tx, account_id, mailboxes.INBOX)
    uids = [row[0] for row in messages.state(tx, box.id)]
    return [messages.octets(tx, account_id, box.id, uid, folder) for uid in uids]


def _outgoing(tx: Tx, folder: Path) -> list[tuple[str, bytes]]:
    from mailserver.store.schema.outgoing.spool import queued_domain

    rows = tx.execute(
        select(queued_recipient.c.address, queued.c.content_id, queued.c.reverse_path)
        .join(queued_domain, queued_domain.c.id == queued_recipient.c.domain_id)
        .join(queued, queued.c.id == queued_domain.c.queued_id)
        .order_by(queued_recipient.c.id)
    ).all()
    assert all(row.reverse_path == "" for row in rows), "a notice asks for no report"
    return [(row.address, spool.octets(tx, row.content_id, folder)) for row in rows]


def text_of(message: Message) -> str:
    """The decoded text of a notice."""
    payload = message.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


@pytest.fixture
async def house(make_store: Callable[[], Store], tmp_path: Path) -> AsyncIterator[House]:
    write_secret(tmp_path / "secrets" / "hmac", b"k" * 32)
    (tmp_path / "data" / "blobs").mkdir(parents=True, exist_ok=True)
    database = make_store()
    settings = Settings.model_validate(
        {
            "domain": DOMAIN,
            "directory": tmp_path,
            "web": {"help_contact": "le 03 80 00 00 00", "academy": "Académie d'Exemple"},
        }
    )
    house = House(settings, SteppedClock(), database)
    house.another()
    yield house
    for worker in house.made:
        worker.directory.close()
        worker.store.close()
