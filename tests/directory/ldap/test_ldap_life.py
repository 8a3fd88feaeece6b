"""The states of an account hold whoever the directory belongs to: planned, closed, erased, over a real slapd."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from directory.ldap import LdapDirectory, writing
from directory.people import lifecycle
from directory.people.lifecycle import Accounts
from mailserver.background.housekeeping import Housekeeper
from mailserver.delivery import Delivery
from mailserver.login import Login
from mailserver.model.credentials.proofs import Proofs
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import NewPerson, Role, State
from mailserver.outbound.submission.submit import Submission
from mailserver.store.account import accounts
from mailserver.store.people import claims
from mailserver.store.queue import spool
from mailserver.store.record.audit import Origin
from tests.directory.ldap.test_ldap_adapter import Home, entry
from tests.directory.slapd import Slapd
from tests.waiting import PATIENCE

pytestmark = pytest.mark.needs("slapd")
PASSWORD = "Craie-Bleue#31"
EMMA = NewPerson("Emma", "Dupont", Role.TEACHER, recovery_address="emma@ailleurs.fr")


@pytest.fixture
def slapd(openldap: Slapd) -> Slapd:
    openldap.empty()
    return openldap


@pytest.fixture
def home(tmp_path: Path, sqlite_template: Path, slapd: Slapd) -> Iterator[Home]:
    made = Home(tmp_path / "home", sqlite_template, slapd)
    yield made
    made.close()


async def test_an_account_that_is_taken_back_while_the_server_is_told(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was chosen before that opens nothing, and what somebody else has set since stays."""
    directory = home.directory()
    person = await directory.add(EMMA)
    await directory.set_password(person.account_id, Secret(PASSWORD))
    replace, meanwhile = writing.replace, iter(["", "Nouvelle-Craie#9"])

    def taken_back(connection: Any, dn: str, attributes: Any) -> None:
        replace(connection, dn, attributes)
        home.store.write_now(accounts.end_logins, person.account_id)
        if later := next(meanwhile):
            replace(connection, dn, {"userPassword": (later,)})

    for opens in ("", "Nouvelle-Craie#9"):
        now = await directory.by_account(person.account_id)
        assert now is not None
        with monkeypatch.context() as patch:
            patch.setattr(writing, "replace", taken_back)
            with pytest.raises(Refused) as refused:
                await directory.set_password(person.account_id, Secret("Trop-Tard#4"), now.login_version)
        assert refused.value.reason is Reason.AUTHENTICATION
        assert await directory.authenticate("edupont", Secret("Trop-Tard#4")) is None
        assert not opens or await directory.authenticate("edupont", Secret(opens)) is not None


async def test_a_password_that_is_chosen_while_another_is_set_opens_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reaches the server after the other one, and the store before."""
    directory = home.directory()
    person = await directory.add(EMMA)
    began, was_set, is_over = threading.Event(), threading.Event(), threading.Event()
    replace = writing.replace

    def in_turn(connection: Any, dn: str, attributes: Any) -> None:
        if not began.is_set():
            began.set()
            assert was_set.wait(PATIENCE)
            replace(connection, dn, attributes)
        else:
            replace(connection, dn, attributes)
            was_set.set()
            assert is_over.wait(PATIENCE)

    monkeypatch.setattr(writing, "replace", in_turn)
    chosen = directory.set_password(person.account_id, Secret("Trop-Tard#4"), person.login_version)
    late = asyncio.create_task(chosen)
    late.add_done_callback(lambda _: is_over.set())
    assert await asyncio.to_thread(began.wait, PATIENCE)
    await directory.set_password(person.account_id, Secret(PASSWORD))
    with pytest.raises(Refused):
        await late
    assert await directory.authenticate("edupont", Secret("Trop-Tard#4")) is None


class Services:
    """What moves accounts, over one adapter."""

    def __init__(self, home: Home, directory: LdapDirectory) -> None:
        store = home.store
        store.changes.attach(asyncio.get_running_loop(), lambda: 0)
        shared: dict[str, Any] = {"settings": directory._settings, "store": store, "clock": store.clock}
        shared["directory"] = directory
        self.login = Login(**shared, changes=store.changes)
        self.delivery = Delivery(**shared, changes=store.changes)
        submission = Submission(**shared, delivery=self.delivery)
        self.housekeeper = Housekeeper(**shared, changes=store.changes, delivery=self.delivery, submission=submission)
        self.accounts = Accounts(
            directory=directory,
            store=store,
            proofs=Proofs(b"k" * 32),
            clock=store.clock,
            origin=Origin("tester", "console"),
        )

    async def refusal(self, login: str) -> Refused:
        with pytest.raises(Refused) as refused:
            await self.login.login(login, Secret(PASSWORD), "127.0.0.1", "imap")
        return refused.value


def test_a_whole_life_in_a_directory_of_our_own(home: Home) -> None:
    async def scene() -> None:
        directory = home.directory()
        services = Services(home, directory)
        emma = await directory.add(EMMA)
        await services.housekeeper.round()
        assert [row.recipients for row in await home.store.read(spool.show)] == [("emma@ailleurs.fr",)]
        await directory.set_password(emma.account_id, Secret(PASSWORD))
        await services.login.login("edupont", Secret(PASSWORD), "127.0.0.1", "imap")
        now = int(home.store.clock.now())
        await services.accounts.suspend("edupont", "", False, start=now + 100, until=now + 200)
        home.clock.step(110)
        await services.housekeeper.round()
        assert (await services.refusal("edupont")).reason is Reason.SUSPENDED
        home.clock.step(100)
        await services.housekeeper.round()
        await services.login.login("edupont", Secret(PASSWORD), "127.0.0.1", "imap")
        await home.store.write(accounts.plan_closing, emma.account_id, now, "partie")
        await services.housekeeper.round()
        assert (await services.refusal("edupont")).reason is Reason.CLOSED
        standing = await services.accounts.erase("edupont")
        assert standing.erased
        assert await directory.find("edupont") is None
        assert (await services.refusal("edupont")).reason is Reason.AUTHENTICATION
        assert await home.store.read(claims.owner, "edupont") == emma.account_id
        again = await directory.add(NewPerson("Emma", "Dupont", Role.TEACHER))
        assert (again.login, again.address) == ("edupont1", "emma.dupont1@ac-exemple.fr")

    asyncio.run(scene())


def test_erased_here_while_the_entry_is_somebody_elses(home: Home, slapd: Slapd) -> None:
    """Its owner removes the entry; here nobody enters by it and nothing is delivered to it any more."""
    slapd.add(entry("mmartin", f"userPassword: {PASSWORD}"))

    async def scene() -> None:
        directory = home.directory(read_only=True)
        services = Services(home, directory)
        person = await services.login.login("mmartin", Secret(PASSWORD), "127.0.0.1", "imap")
        terms = directory._settings.accounts
        await services.accounts.close("mmartin", "", lifecycle.farewell(terms, int(home.store.clock.now())))
        assert (await services.delivery.resolve(person.address)).accounts == (person.account_id,)
        await services.accounts.erase("mmartin")
        known = await directory.find("mmartin")
        assert known is not None
        assert known.state is State.CLOSED
        assert (await services.refusal("mmartin")).reason is Reason.CLOSED
        home.clock.step(2.1)
        with pytest.raises(Refused) as refused:
            await services.delivery.resolve(person.address)
        assert refused.value.reason is Reason.NO_SUCH_RECIPIENT

    asyncio.run(scene())
