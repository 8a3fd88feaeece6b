"""People without a directory: the store's tests need account rows only."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable

import pytest
from sqlalchemy import insert

from mailserver.store.engine import news
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import mailboxes
from mailserver.store.schema.account.accounts import account
from tests.waiting import PATIENCE, becomes


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


@pytest.fixture
async def pair(make_store: Callable[[], Store]) -> AsyncIterator[tuple[Store, Store]]:
    """Two workers over one database, their carriers running."""
    stores = make_store(), make_store()
    carriers = [news.carrier(store.backend, store.worker, store.changes) for store in stores]
    loop = asyncio.get_running_loop()
    for store, carrier in zip(stores, carriers, strict=True):
        store.changes.attach(loop, carrier.generation)
    tasks = [asyncio.create_task(carrier.run()) for carrier in carriers]
    await becomes(lambda: all(carrier.generation() for carrier in carriers))  # they listen
    yield stores
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
