"""Sessions in the store, on both engines: seen by their owner only, renewed under another token, ended one by one."""

import pytest
from sqlalchemy import insert

from mailserver.store.account import accounts, factors, sessions
from mailserver.store.engine.statements import Tx
from mailserver.store.engine.transactions import Store
from mailserver.store.schema.account.accounts import account


def _account(tx: Tx, login: str) -> int:
    row = tx.execute(insert(account).values(login=login, state="active", created=tx.now).returning(account.c.id)).one()
    return int(row[0])


def token(number: int) -> bytes:
    return bytes([number]) * 32


@pytest.fixture
def owner(store: Store) -> int:
    return store.write_now(_account, "edupont")


@pytest.fixture
def stranger(store: Store) -> int:
    return store.write_now(_account, "mmartin")


def begin(store: Store, account_id: int, number: int, version: int = 1) -> None:
    store.write_now(
        sessions.open_session, token(number), account_id, version, 3600, "simple", "192.0.2.1", f"agent {number}"
    )


def shown(store: Store, account_id: int) -> set[str]:
    return {one.agent for one in store.read_now(sessions.opened, account_id)}


def test_only_ones_own_that_are_still_good(store: Store, owner: int, stranger: int) -> None:
    begin(store, owner, 1)
    begin(store, owner, 2)
    begin(store, stranger, 3)
    assert shown(store, owner) == {"agent 1", "agent 2"}
    version = store.write_now(accounts.end_logins, owner)
    assert shown(store, owner) == set()
    begin(store, owner, 4, version)
    assert shown(store, owner) == {"agent 4"}
    assert shown(store, stranger) == {"agent 3"}


def test_nobody_ends_or_renews_the_sessions_of_others(store: Store, owner: int, stranger: int) -> None:
    begin(store, owner, 1)
    store.write_now(sessions.close_one, stranger, token(1))
    store.write_now(accounts.end_logins, stranger)
    store.write_now(sessions.renew, stranger, token(1), token(9), 1)
    assert store.read_now(sessions.find, token(1)) is not None
    assert store.read_now(sessions.find, token(9)) is None
    store.write_now(sessions.close_one, owner, token(1))
    assert store.read_now(sessions.find, token(1)) is None


def test_a_renewed_session_goes_on_alone(store: Store, owner: int) -> None:
    """Under another token and the version of now: what ended all logins leaves the one that asked for it."""
    begin(store, owner, 1)
    begin(store, owner, 2)
    store.write_now(accounts.end_logins, owner)
    store.write_now(sessions.renew, owner, token(1), token(5), 1)
    assert store.read_now(sessions.find, token(1)) is None
    kept, other = (store.read_now(sessions.find, token(number)) for number in (5, 2))
    assert kept is not None
    assert kept[0].current
    assert other is not None
    assert not other[0].current
    assert shown(store, owner) == {"agent 1"}


def test_a_session_that_something_else_ended_is_not_renewed(store: Store, owner: int) -> None:
    begin(store, owner, 1)
    for _ in range(2):
        store.write_now(accounts.end_logins, owner)
        store.write_now(sessions.renew, owner, token(1), token(5), 2)
    for version in (1, 2, 3):
        store.write_now(sessions.renew, owner, token(1), token(5), version)
    assert shown(store, owner) == set()


def test_a_session_knows_of_the_second_factor_once_it_is_confirmed(store: Store, owner: int) -> None:
    begin(store, owner, 1)

    def on() -> bool:
        found = store.read_now(sessions.find, token(1))
        assert found is not None
        return found[0].factor_on

    assert not on()
    assert store.write_now(factors.begin, owner, "sealed")
    assert not on()
    assert store.write_now(factors.confirm, owner, "sealed", 7)
    assert on()
    assert not store.write_now(factors.begin, owner, "another")
    assert not store.write_now(factors.take, owner, 7)
    assert store.write_now(factors.take, owner, 8)
    assert store.write_now(factors.remove, owner)
    assert not on()
