"""Statements about many values of a column: the same rows on both engines; plans that PostgreSQL keeps."""

from collections.abc import Sequence

import pytest
from sqlalchemy import bindparam, select, text

from mailserver.store.engine.statements import ManyStatement, Row
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail.whole_mailboxes.mailboxes_together import get_each
from mailserver.store.schema.account.accounts import account
from tests.store.conftest import create_account

PEOPLE = 60
BY_LOGIN = ManyStatement(select(account.c.id, account.c.login), account.c.login)
BY_ID = ManyStatement(select(account.c.id, account.c.login).where(account.c.login != bindparam("but")), account.c.id)
ODD = ["nul\0", "x" * 5000, "é", "%s", "it's", '{"a"}', "NULL", ""]


@pytest.fixture
def people(store: Store) -> dict[int, str]:
    return {store.write_now(create_account, f"u{number:02}"): f"u{number:02}" for number in range(PEOPLE)}


def rows(store: Store, statement: ManyStatement, values: Sequence[object], **params: object) -> list[Row]:
    return store.read_now(lambda tx: statement.rows(tx, values, **params))


@pytest.mark.parametrize("count", [1, 2, 16, 17, 50])
def test_rows_are_those_of_the_values(store: Store, people: dict[int, str], count: int) -> None:
    some = dict(list(people.items())[:count])
    assert dict(rows(store, BY_ID, list(some), but="u00")) == {key: name for key, name in some.items() if name != "u00"}
    assert dict(rows(store, BY_LOGIN, [*some.values(), *some.values()])) == some


def test_texts_that_no_row_can_have_find_nothing(store: Store, people: dict[int, str]) -> None:
    found = rows(store, BY_LOGIN, [*ODD, *people.values()])
    assert dict(found) == people


@pytest.mark.parametrize("make_store", ["postgresql"], indirect=True)
def test_plans_of_long_lists_are_kept(store: Store, people: dict[int, str]) -> None:
    def plans(tx: Tx) -> tuple[int, int]:
        for _ in range(6):
            for count in (20, 40, 60):
                BY_ID.rows(tx, list(people)[:count], but="")
        return _plans(tx, "%account.login !=%any(%")

    kept, made = store.read_now(plans)
    assert kept > made


@pytest.mark.parametrize("make_store", ["postgresql"], indirect=True)
def test_plans_of_mailboxes_asked_for_together_are_kept(store: Store, people: dict[int, str]) -> None:
    def plans(tx: Tx) -> tuple[int, int]:
        for _ in range(6):
            for count in (2, 3, 8):
                get_each(tx, [(account_id, "INBOX") for account_id in list(people)[:count]])
        return _plans(tx, "%unnest(%")

    kept, made = store.read_now(plans)
    assert kept > made


def _plans(tx: Tx, like: str) -> tuple[int, int]:
    """Runs by a plan that was there, and by one that was made for them."""
    asked = text(
        "SELECT sum(generic_plans) AS kept, sum(custom_plans) AS made FROM pg_prepared_statements"
        " WHERE statement LIKE :like"
    )
    found = tx.execute(asked, {"like": like}).mappings().one()
    return int(found["kept"]), int(found["made"])
