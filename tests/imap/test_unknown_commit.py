"""PostgreSQL commits what a client stores, and its answer is lost: nothing is done twice and no file is removed."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailserver.foundation.changes import Changes
from mailserver.model.clock import SystemClock
from mailserver.store.engine.transactions import Store
from tests.cutting import Cutter
from tests.imap.world import Client, World, play

pytestmark = pytest.mark.needs("postgresql")


@pytest.fixture
def store(cutter: Cutter, tmp_path: Path) -> Iterator[Store]:
    (tmp_path / "blobs").mkdir()
    one = Store(cutter.url, tmp_path, SystemClock(), Changes(), readers=2, writers=2)
    yield one
    one.close()


def message(subject: str) -> bytes:
    """Large enough for a file of its own, which nothing compresses."""
    return f"Subject: {subject}\r\n\r\n".encode() + os.urandom(150_000).hex().encode() + b"\r\n"


async def stored(client: Client) -> bytes:
    """The whole of INBOX."""
    client.send(b"f UID FETCH 1:* (BODY.PEEK[])\r\n")
    return await client.until(b"f OK FETCH completed\r\n")


def test_what_is_appended_and_replaced_with_an_unknown_commit(store: Store, cutter: Cutter) -> None:
    async def scene() -> None:
        async with World(store) as world:
            await world.people()
            client = await world.session(mailbox="INBOX")
            for command, octets in (("APPEND INBOX", message("un")), ("REPLACE 1 INBOX", message("deux"))):
                cutter.arm()
                *_, last = await client.command(command, literal=octets)
                assert cutter.cut.is_set()
                assert last.startswith("NO [UNAVAILABLE]"), "nobody knows whether it is there"
                await client.ok("NOOP")
                whole = await stored(client)
                assert octets in whole, command
                assert whole.count(b"BODY[]") == 1, "once, and what it replaces is gone"

    play(scene)
