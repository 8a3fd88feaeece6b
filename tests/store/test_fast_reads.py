"""Small questions answered on the spot, and when they no longer are."""

import asyncio
import os
import tempfile
import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from mailserver.model.errors import Reason, Refused
from mailserver.store.engine import fast_reads
from mailserver.store.engine.fast_reads import SLOW_SECONDS, Nearness
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import mailboxes
from mailserver.store.schema.account.accounts import account
from tests.conftest import StoreMaker
from tests.store.conftest import create_account


def test_a_database_behind_a_connection_is_never_near() -> None:
    assert not Nearness(local=False).ready()


def test_a_slow_disk_sends_questions_to_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast_reads, "AWAY_SECONDS", 3600)
    with tempfile.TemporaryFile(dir="/var/tmp", buffering=0) as cold:  # on a disk, wherever other files of tests are
        cold.write(os.urandom(1 << 20))
        os.fsync(cold.fileno())
        os.posix_fadvise(cold.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        nearness = Nearness(local=True)
        assert nearness.ready()
        with nearness:
            os.pread(cold.fileno(), 1 << 20, 0)
            time.sleep(2 * SLOW_SECONDS)
    assert not nearness.ready()


def test_a_busy_machine_alone_does_not() -> None:
    nearness = Nearness(local=True)
    with nearness:
        time.sleep(2 * SLOW_SECONDS)
    assert nearness.ready()


async def test_an_inline_read_is_a_read(store: Store) -> None:
    def who(tx: Tx) -> tuple[int, int]:
        return tx.now, threading.get_ident()

    moment, thread = await store.read_inline(who)
    assert moment > 0
    near = store.backend.dialect == "sqlite"
    assert (thread == threading.get_ident()) == near
    with pytest.raises(Refused) as refused:
        await store.read_inline(mailboxes.get, 1, "Nowhere")
    assert refused.value.reason is Reason.NO_SUCH_MAILBOX


async def test_statements_of_a_read_apart_need_not_agree(store: Store) -> None:
    """On SQLite they do; on PostgreSQL each sees what was committed meanwhile."""

    def names(tx: Tx, between: Callable[[], None] = lambda: None) -> list[int]:
        found = []
        for _ in range(2):
            found.append(int(tx.execute(select(func.count()).select_from(account)).scalar_one()))
            between()
        return found

    created = await store.write(create_account, "premier")
    assert created
    assert await store.read_apart(names) == [1, 1]
    if store.backend.is_shared:
        meanwhile = iter(["second", "tiers"])
        looked = asyncio.to_thread(store.read_apart_now, names, lambda: store.write_now(_named, next(meanwhile)))
        assert await looked == [1, 2]
    with pytest.raises(Refused):
        await store.read_apart(mailboxes.get, 1, "Nowhere")


def _named(tx: Tx, login: str) -> None:
    create_account(tx, login)


async def test_a_read_apart_outlives_its_connection(make_store: StoreMaker) -> None:
    store = make_store()
    if not store.backend.is_shared:
        return  # a file's connections never end

    def number(tx: Tx) -> int:
        return int(tx.execute(select(func.pg_backend_pid())).scalar_one())

    before = store.read_apart_now(number)
    store.write_now(lambda tx: tx.execute(select(func.pg_terminate_backend(before, 5000))).scalar_one())
    assert store.read_apart_now(number) != before
