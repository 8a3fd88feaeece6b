"""A way in over a real store and directory, with a clock that the test moves."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from directory.people.embedded import EmbeddedDirectory
from directory.people.lifecycle import Accounts
from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import Limits, LoginSettings, Passwords, Settings, Web
from mailserver.foundation.tls import write_secret
from mailserver.login import Login
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Refused
from mailserver.model.identity import NewPerson, Principal, Role
from mailserver.store.account import login_failures
from mailserver.store.engine.transactions import Store
from mailserver.store.record import audit
from mailserver.store.record.audit import Event, Origin
from tests.clocks import StandingClock

DOMAIN = "ac-exemple.fr"
PASSWORD = "Soixante-dix-8!"
NUMEN = "21E2600123ABC"
LOCAL = "127.0.0.1"
SCHOOL, HOME = "192.0.2.10", "198.51.100.7"
LIMIT = 3
WINDOW = 900


@dataclass(frozen=True, slots=True)
class Worker:
    """One process's services."""

    store: Store
    directory: EmbeddedDirectory
    login: Login
    accounts: Accounts


@dataclass(frozen=True, slots=True)
class Gate:
    """A worker, the clock of all workers, and a maker of further ones over the same database."""

    worker: Worker
    clock: StandingClock
    another: Callable[[], Worker]
    settings: Settings

    @property
    def login(self) -> Login:
        return self.worker.login

    @property
    def store(self) -> Store:
        return self.worker.store

    @property
    def accounts(self) -> Accounts:
        return self.worker.accounts

    async def person(self, given_name: str = "Émilie", surname: str = "Dupont", **more: Any) -> Principal:
        """Somebody with PASSWORD."""
        person = await self.worker.directory.add(NewPerson(given_name, surname, Role.TEACHER, **more))
        await self.worker.directory.set_password(person.account_id, Secret(PASSWORD))
        found = await self.worker.directory.by_account(person.account_id)
        assert found is not None
        return found

    async def newcomer(self, **more: Any) -> Principal:
        """Somebody who has not activated yet, and has a NUMEN."""
        person = NewPerson("Julie", "Nouveau", Role.TEACHER, **{"numen": NUMEN, "birth_date": "1985-07-14", **more})
        return await self.worker.directory.add(person)

    async def enter(self, login: str = "edupont", secret: str = PASSWORD, peer: str = LOCAL) -> Principal:
        return await self.login.login(login, Secret(secret), peer, "imap")

    async def refusal(self, login: str = "edupont", secret: str = "wrong", peer: str = LOCAL) -> Refused:
        """Why this login is refused."""
        with pytest.raises(Refused) as refused:
            await self.enter(login, secret, peer)
        return refused.value

    async def work_of_refusals(self, logins: Iterable[str], secret: str) -> list[float]:
        """CPU seconds of a refusal by login, ascending: of several in turn the least, which a busy machine leaves."""
        spans: dict[str, list[float]] = {login: [] for login in logins}
        for _ in range(7):
            for login, taken in spans.items():
                self.clock.step(10_000)
                began = time.process_time()
                await self.refusal(login, secret)
                taken.append(time.process_time() - began)
        return sorted(min(taken) for taken in spans.values())

    async def history(self, person: Principal) -> list[Event]:
        return await self.store.read(audit.history, person.account_id)

    async def failures(self, key: str) -> int:
        found = await self.store.read(login_failures.get, [key])
        return found[key].failures if key in found else 0


@pytest.fixture
def passwords() -> Passwords:
    """The rules of passwords; a module that wants others has a fixture of this name."""
    return Passwords()


@pytest.fixture
def ways() -> LoginSettings:
    """The ways of logging in; a module that wants others has a fixture of this name."""
    return LoginSettings()


@pytest.fixture
async def gate(
    make_store: Callable[[], Store], tmp_path: Path, passwords: Passwords, ways: LoginSettings
) -> AsyncIterator[Gate]:
    """The way in, on each engine in turn."""
    write_secret(tmp_path / "secrets" / "hmac", b"k" * 32)
    settings = Settings(
        domain=DOMAIN,
        directory=tmp_path,
        limits=Limits(login_failures=LIMIT, login_window=WINDOW),
        web=Web(help_contact="le 03 80 00 00 00"),
        passwords=passwords,
        login=ways,
    )
    clock = StandingClock()
    database = make_store()
    made: list[Worker] = []

    def another() -> Worker:
        changes = Changes()
        store = Store(database.url, database.data, clock, changes, readers=2, writers=2)
        # Own news arrive as in a server; those of other workers are lost, which is the harder case.
        changes.attach(asyncio.get_running_loop(), lambda: 0)
        directory = EmbeddedDirectory(settings=settings, store=store, clock=clock)
        login = Login(settings=settings, store=store, directory=directory, clock=clock, changes=changes)
        accounts = Accounts(
            directory=directory,
            store=store,
            proofs=directory.academy.proofs,
            clock=clock,
            origin=Origin("tester", "console"),
        )
        made.append(Worker(store, directory, login, accounts))
        return made[-1]

    yield Gate(another(), clock, another, settings)
    for worker in made:
        worker.directory.close()
        worker.store.close()
