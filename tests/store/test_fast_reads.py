"""Small questions answered on the spot, and when they no longer are."""

import os
import tempfile
import threading
import time

import pytest

from mailserver.model.errors import Reason, Refused
from mailserver.store.engine import fast_reads
from mailserver.store.engine.fast_reads import SLOW_SECONDS, Nearness
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import mailboxes


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
