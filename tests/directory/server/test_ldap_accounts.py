"""Accounts behind the entries of an LDAP server, on both engines."""

from dataclasses import replace

from mailserver.model.identity import Role, State
from mailserver.store.account import accounts, populations
from mailserver.store.engine.transactions import Store
from mailserver.store.people import claims, external
from mailserver.store.people.external import Seen
from mailserver.store.record import audit


def seen(login: str, number: int = 0, *addresses: str) -> Seen:
    return Seen(login, number, addresses or (f"{login}@ac-exemple.fr",))


def told(store: Store, account_id: int) -> list[str]:
    """What the record says of an account, oldest first."""
    return [f"{row.action} {row.detail}" for row in reversed(store.read_now(audit.history, account_id))]


def test_a_person_gets_an_account_once(store: Store) -> None:
    assert store.read_now(external.known, [seen("emma")]) == {}
    made = store.write_now(external.adopt, [seen("emma"), seen("marc")])
    assert {one.state for one in made.values()} == {State.ACTIVE}
    assert store.write_now(external.adopt, [seen("emma")])["emma"] == made["emma"]
    assert store.read_now(external.known, [seen("emma"), seen("marc"), seen("nobody")]) == made


def test_the_number_in_the_entry_decides(store: Store) -> None:
    made = store.write_now(external.adopt, [seen("emma", 4000)])["emma"]
    assert made.id == 4000
    renamed = store.write_now(external.adopt, [seen("edupont", 4000)])["edupont"]
    assert (renamed.id, renamed.login) == (4000, "edupont")
    assert store.read_now(accounts.by_login, "emma") is None
    assert store.read_now(external.known, [seen("edupont", 4000)]) == {"edupont": renamed}
    assert store.read_now(external.known, [seen("edupont", 4001)]) == {}
    assert told(store, 4000) == ["created ", "changed identifier: emma, then edupont"]


def test_numbers_from_outside_are_not_given_again(store: Store) -> None:
    taken = store.write_now(external.adopt, [seen(f"p{n}", n) for n in range(1, 40)])
    for n in range(10):
        made = store.write_now(accounts.create, f"new{n}", State.PENDING)
        assert made not in {one.id for one in taken.values()}


def test_login_and_number_of_two_accounts_are_nobody(store: Store) -> None:
    made = store.write_now(external.adopt, [seen("emma"), seen("marc")])
    clash = [seen("emma", made["marc"].id), seen("luc")]
    assert set(store.write_now(external.adopt, clash)) == {"luc"}


def test_names_seen_in_the_directory_are_claimed(store: Store) -> None:
    made = store.write_now(external.adopt, [seen("emma", 0, "emma@ac-exemple.fr", "e.d@ac-exemple.fr")])["emma"]
    assert set(store.read_now(claims.live_names, made.id)) == {"emma", "emma@ac-exemple.fr", "e.d@ac-exemple.fr"}
    store.write_now(external.adopt, [seen("marc", 0, "e.d@ac-exemple.fr")])
    assert store.read_now(claims.owner, "e.d@ac-exemple.fr") == made.id


def test_the_population_is_what_the_entry_said_last(store: Store) -> None:
    made = store.write_now(external.adopt, [seen("emma")])["emma"]
    assert (made.population, store.read_now(populations.of_accounts, [made.id])) == (None, {})
    for role in (Role.PUPIL, Role.TEACHER):
        now = replace(seen("emma"), population=role.population)
        assert store.read_now(external.known, [now]) == {}, "the row says something else"
        store.write_now(external.adopt, [now])
        assert store.read_now(external.known, [now])["emma"].population is role.population
        assert store.read_now(populations.of_accounts, [made.id]) == {made.id: role.population}
    assert told(store, made.id) == ["created ", "changed population: pupil, then teacher"]
