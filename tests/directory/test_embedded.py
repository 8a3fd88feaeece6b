"""The embedded directory by itself: what it remembers, its bounds, its lists, the life of its accounts."""

import asyncio
import time
from collections.abc import Callable

import pytest

from directory.issuing.hashing import MAX_WAITING, Passwords
from directory.lists import list_expansion, rosters
from directory.people.embedded import MAX_FOUND, REMEMBERED_SECONDS, EmbeddedDirectory
from directory.people.lifecycle import Accounts
from mailserver.accounts.provision import provision
from mailserver.foundation.settings import Settings
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused, Temporary
from mailserver.model.identity import NewPerson, PersonChange, Role, State
from mailserver.store.account import accounts
from mailserver.store.agenda import agendas
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import mailboxes
from mailserver.store.people.mailing_lists import lists
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from tests.directory.conftest import DOMAIN

TEACHER = NewPerson("Émilie", "Dupont", Role.TEACHER)


@pytest.fixture
def desk(embedded: EmbeddedDirectory, store: Store) -> Accounts:
    return Accounts(
        directory=embedded,
        store=store,
        proofs=embedded.academy.proofs,
        clock=store.clock,
        origin=Origin("tester", "console"),
    )


async def test_the_record_names_who_changed_whom_and_what_into_what(desk: Accounts, store: Store) -> None:
    """It had named the directory, and of a teacher who became an administrator that the population was changed."""
    made, _ = await desk.create(TEACHER)
    await desk.change(made.principal.login, PersonChange(role=Role.ADMIN, surname="Martin"))
    rows = list(reversed(await store.read(audit.history, made.principal.account_id)))
    assert {row.actor for row in rows} == {"tester"}
    assert [str(row.detail) for row in rows if row.action is Action.CHANGED] == [
        "address, aliases, role, surname",
        "population: teacher, then admin",
        f"address: emilie.dupont@{DOMAIN}, then emilie.martin@{DOMAIN}",
    ]


# ---------------------------------------------------------------------- memory


async def test_a_known_recipient_costs_no_question(
    embedded: EmbeddedDirectory, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("directory.people.embedded.REMEMBERED_SECONDS", 3600)
    await embedded.add(TEACHER)
    asked: list[str] = []
    read = store.read_apart

    async def noting(function, *args, **kwargs):  # type: ignore[no-untyped-def]
        asked.append(args[0])
        return await read(function, *args, **kwargs)

    monkeypatch.setattr(store, "read_apart", noting)
    for _ in range(1000):
        assert await embedded.find(f"emilie.dupont@{DOMAIN}") is not None
    assert asked == [f"emilie.dupont@{DOMAIN}"]


async def test_own_changes_are_seen_at_once(embedded: EmbeddedDirectory, store: Store, desk: Accounts) -> None:
    store.changes.attach(asyncio.get_running_loop(), lambda: 0)
    await embedded.add(TEACHER)
    found = await embedded.find("edupont")
    assert found is not None
    await desk.suspend("edupont", "", may_receive=True)
    found = await embedded.find("edupont")
    assert found is not None
    assert (found.state, found.may_receive) == (State.SUSPENDED, True)


async def test_other_processes_changes_are_seen_in_two_seconds_even_without_news(
    make_store: Callable[[], Store], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = (EmbeddedDirectory(settings=settings, store=store, clock=store.clock) for store in _two(make_store))
    person = await one.add(TEACHER)
    assert await two.find("edupont") is not None
    await one._store.write(accounts.close, person.account_id, "")
    monkeypatch.setattr("directory.people.embedded.REMEMBERED_SECONDS", 0.05)
    await asyncio.sleep(0.1)
    found = await two.find("edupont")
    assert found is not None
    assert found.state is State.CLOSED
    assert REMEMBERED_SECONDS <= 2
    one.close()
    two.close()


def _two(make_store: Callable[[], Store]) -> tuple[Store, Store]:
    return make_store(), make_store()


async def test_an_answer_older_than_a_change_is_not_remembered(embedded: EmbeddedDirectory, store: Store) -> None:
    """The change is heard of while the question is under way."""
    person = await embedded.add(TEACHER)
    read = store.read_apart

    async def slow(function, *args, **kwargs):  # type: ignore[no-untyped-def]
        answer = await read(function, *args, **kwargs)
        await store.write(accounts.suspend, person.account_id, "", False)
        embedded._forget()
        return answer

    store.read_apart = slow  # type: ignore[method-assign]
    await embedded.find("edupont")
    store.read_apart = read  # type: ignore[method-assign]
    found = await embedded.find("edupont")
    assert found is not None
    assert found.state is State.SUSPENDED


async def test_memory_is_bounded(embedded: EmbeddedDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("directory.people.embedded.REMEMBERED", 10)
    for number in range(50):
        await embedded.find(f"nobody{number}")
    assert len(embedded._remembered) <= 10


# ---------------------------------------------------------------------- bounds


async def test_hashing_is_bounded(embedded: EmbeddedDirectory) -> None:
    """A flood of logins waits in a queue with an end, then is told to come back."""
    passwords = Passwords(threads=1)
    passwords._waiting = MAX_WAITING
    with pytest.raises(Temporary):
        await passwords.verify(Secret("x"), "")
    passwords.close()


@pytest.mark.usefixtures("true_hashing")
async def test_the_loop_runs_while_passwords_are_hashed(embedded: EmbeddedDirectory) -> None:
    await embedded.add(TEACHER)
    here, everywhere = time.thread_time(), time.process_time()
    await asyncio.gather(*(embedded.authenticate("edupont", Secret(f"x{number}")) for number in range(16)))
    here, everywhere = time.thread_time() - here, time.process_time() - everywhere
    assert here < everywhere / 2, "the loop's thread hashes"


async def test_searches_are_bounded(embedded: EmbeddedDirectory) -> None:
    await embedded.add(TEACHER)
    assert len(await embedded.search("dupont " * 100_000, 10**9)) == 1
    assert len(await embedded.search("x" * 1_000_000, 10)) == 0
    assert MAX_FOUND <= 1000


async def test_hidden_and_closed_people_are_in_no_address_book(
    embedded: EmbeddedDirectory, store: Store, desk: Accounts
) -> None:
    person = await embedded.add(TEACHER)
    assert len(await embedded.search("dupont", 10)) == 1
    await desk.close("edupont", "")
    assert len(await embedded.search("dupont", 10)) == 0
    assert (await embedded.find("edupont")) is not None
    await store.write(accounts.resume, person.account_id)
    assert len(await embedded.search("dupont", 10)) == 1


# ---------------------------------------------------------------------- lists


def test_lists_that_contain_one_another_end(store: Store) -> None:
    for name, members in (("a", ("b", "x")), ("b", ("c", "y")), ("c", ("a", "z"))):
        addresses = [f"{member}@{DOMAIN}" for member in members]
        store.write_now(rosters.create, f"{name}@{DOMAIN}", name, "", addresses)
    for name in "abc":
        found = store.read_now(list_expansion.expand, f"{name}@{DOMAIN}")
        assert found is not None
        assert sorted(found.members) == [f"x@{DOMAIN}", f"y@{DOMAIN}", f"z@{DOMAIN}"]


def test_nesting_and_width_of_lists_are_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        addresses = [f"l{number + 1}@{DOMAIN}", f"p{number}@{DOMAIN}"]
        store.write_now(rosters.create, f"l{number}@{DOMAIN}", "", "", addresses)
    found = store.read_now(list_expansion.expand, f"l0@{DOMAIN}")
    assert found is not None
    assert len(found.members) == list_expansion.MAX_NESTING
    monkeypatch.setattr(list_expansion, "MAX_RECEIVERS", 3)
    found = store.read_now(list_expansion.expand, f"l0@{DOMAIN}")
    assert found is not None
    assert len(found.members) == 3
    monkeypatch.setattr(lists, "MAX_MEMBERS", 4)
    with pytest.raises(Refused) as refused:
        store.write_now(rosters.edit, f"l0@{DOMAIN}", [f"q{number}@{DOMAIN}" for number in range(5)], ())
    assert refused.value.reason is Reason.LIMIT
    assert len(store.read_now(lists.members, f"l0@{DOMAIN}")) == 2


def test_a_lists_address_is_a_functions_for_ever(embedded: EmbeddedDirectory, store: Store) -> None:
    address = f"emilie.dupont@{DOMAIN}"
    store.write_now(rosters.create, address, "", "", ())
    with pytest.raises(Refused):
        store.write_now(rosters.create, address, "", "", ())
    store.write_now(rosters.delete, address)
    person = asyncio.run(embedded.add(TEACHER))
    assert person.address == f"emilie.dupont1@{DOMAIN}"
    with pytest.raises(Refused) as refused:
        store.write_now(rosters.create, person.address, "", "", ())
    assert refused.value.reason is Reason.CONFLICT
    store.write_now(rosters.create, address, "", "", ())


# ---------------------------------------------------------------------- life


async def test_states_and_their_record(embedded: EmbeddedDirectory, store: Store, desk: Accounts) -> None:
    account, code = await desk.create(TEACHER)
    assert account.standing.state is State.PENDING
    assert len(code.text) == 19
    assert (await desk.set_password("edupont", Secret("comme on veut"))).standing.state is State.ACTIVE
    suspended = await desk.suspend("edupont", "absence", may_receive=True)
    assert (suspended.standing.state, suspended.standing.may_receive, suspended.standing.reason) == (
        State.SUSPENDED,
        True,
        "absence",
    )
    assert (await desk.resume("edupont")).standing.may_receive is False
    await desk.suspend(f"edupont@{DOMAIN}", "", may_receive=False)
    assert (await desk.close("edupont", "retraite")).standing.state is State.CLOSED
    for refused in (
        desk.suspend("edupont", "", False),
        desk.reset("edupont"),
        desk.set_password("edupont", Secret("x")),
    ):
        with pytest.raises(Refused) as info:
            await refused
        assert info.value.reason is Reason.CONFLICT
    assert (await desk.resume("edupont")).standing.state is State.SUSPENDED, "as it was before the closing"
    assert (await desk.resume("edupont")).standing.state is State.ACTIVE
    with pytest.raises(Refused):
        await desk.resume("edupont")
    with pytest.raises(Refused):
        await desk.set_password("edupont", Secret(""))
    with pytest.raises(Refused) as info:
        await desk.find("nobody")
    assert info.value.reason is Reason.NOT_FOUND
    history = await store.read(audit.history, account.principal.account_id)
    assert [event.action for event in reversed(history)] == [
        Action.CREATED,
        Action.CODE_ISSUED,
        Action.PASSWORD_SET,
        Action.SUSPENDED,
        Action.RESUMED,
        Action.SUSPENDED,
        Action.CLOSED,
        Action.RESUMED,
        Action.RESUMED,
    ]
    assert {event.actor for event in history} == {"tester"}


async def test_every_step_moves_the_login_version(embedded: EmbeddedDirectory, desk: Accounts) -> None:
    account, _ = await desk.create(TEACHER)
    versions = [account.standing.login_version]
    for step in (
        lambda: desk.set_password("edupont", Secret("x")),
        lambda: desk.suspend("edupont", "", False),
        lambda: desk.resume("edupont"),
        lambda: desk.reset("edupont"),
        lambda: desk.close("edupont", ""),
    ):
        await step()
        versions.append((await desk.find("edupont")).standing.login_version)
    assert versions == sorted(set(versions))


async def test_provisioning_comes_once_however_many_ask(make_store: Callable[[], Store], settings: Settings) -> None:
    one, two = _two(make_store)
    directory = EmbeddedDirectory(settings=settings, store=one, clock=one.clock)
    person = await directory.add(TEACHER)
    await asyncio.gather(*(store.write(provision, person.account_id) for store in (one, two) for _ in range(4)))
    assert len(await one.read(mailboxes.listing, person.account_id)) == 6
    assert len(await one.read(agendas.listing, person.account_id)) == 3
    directory.close()
