"""People without a directory: the store's tests need account rows only."""

import asyncio
import threading

import pytest
from sqlalchemy import insert

from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import mailboxes
from mailserver.store.schema.accounts import account
from tests.waiting import PATIENCE


def create_account(tx: Tx, login: str) -> int:
    row = tx.execute(insert(account).values(login=login, state="active", created=tx.now).returning(account.c.id)).one()
    mailboxes.provision(tx, row[0])
    return int(row[0])


async def held(store: Store) -> tuple[asyncio.Task[None], threading.Event]:
    """A unit that is being written until it may go on."""
    begun, go_on = threading.Event(), threading.Event()

    def unit(tx: Tx) -> None:
        begun.set()
        assert go_on.wait(PATIENCE)

    task = asyncio.create_task(store.write(unit))
    assert await asyncio.to_thread(begun.wait, PATIENCE)
    return task, go_on


async def handed_over() -> None:
    """Units of the tasks that were made before are with the writer: each task begins its unit in its first step, and
    what began in one turn of the loop is handed over in the next."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


@pytest.fixture
def edupont(store: Store) -> int:
    """An account with its mailboxes."""
    return store.write_now(create_account, "edupont")


@pytest.fixture
def mmartin(store: Store) -> int:
    """Another one."""
    return store.write_now(create_account, "mmartin")
