"""Large messages to readers that do not read: a worker holds a piece of each answer, and the rest lies on the disk."""

import asyncio
import base64
import contextlib
import os
import socket
from collections.abc import Iterator

import pytest

from mailserver.foundation import large_answers
from mailserver.store.engine.transactions import Store
from tests.harness import Instance, workers_of
from tests.imap.bench_hostile import Client as Plain
from tests.imap.bench_hostile import rss
from tests.imap.world import World, play
from tests.waiting import PATIENCE

READERS = 24
LINES = base64.encodebytes(os.urandom(9_000_000).replace(b"\n", b"-")).replace(b"\n", b"\r\n")
HEAD = (
    b"From: a@ac-exemple.fr\r\nSubject: grand\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
)
MESSAGE = HEAD + LINES
SIZE = len(MESSAGE) / (1 << 20)
"""MiB."""


@pytest.fixture
def owner(demo: Instance) -> Iterator[Plain]:
    """Somebody with two large messages and a small one between them."""
    client = Plain(demo.ports["imap"], "edupont")
    small = b"Subject: petit\r\n\r\ncorps\r\n"
    client.ok(b"CREATE Large")
    for octets in (MESSAGE, small, MESSAGE):
        client.ok(b"APPEND Large {%d+}\r\n%s" % (len(octets), octets))
    yield client
    client.ok(b"DELETE Large")
    client.close()


def literal(client: Plain) -> bytes:
    """Read a line that ends with a literal, and its octets."""
    line = client.line()
    assert line.endswith(b"}\r\n"), line
    return client.read(int(line[line.rindex(b"{") + 1 : -3]))


def slow_reader(demo: Instance, command: bytes) -> Plain:
    """It has asked, and its answer has begun."""
    client = Plain(demo.ports["imap"], "edupont")
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    client.ok(b"EXAMINE Large")
    client.send(b"x " + command + b"\r\n")
    return client


def settled(demo: Instance, command: bytes) -> float:
    """Megabytes of the workers once each of their threads has answered this: what the allocator keeps for a thread is
    none of those who do not read."""
    held, quiet = 0.0, 0
    for _ in range(20 * READERS):
        with contextlib.closing(Plain(demo.ports["imap"], "edupont")) as quick:
            quick.ok(b"EXAMINE Large")
            quick.ok(command)
        now = sum(map(rss, workers_of(demo)))
        quiet = quiet + 1 if now < held + SIZE else 0
        held = max(held, now)
        if quiet == 2 * READERS:
            break
    return held


@pytest.mark.alone
@pytest.mark.parametrize(
    ("command", "sections"),
    [
        (b"FETCH 1 BODY[]", [MESSAGE]),
        (b"FETCH 1 (BODY.PEEK[TEXT]<100.99999999> RFC822.SIZE)", [LINES[100:]]),
        (b"UID FETCH 1 (BODY.PEEK[] BODY[1])", [MESSAGE, LINES]),
        (b"FETCH 1 BINARY.PEEK[1]", [base64.b64decode(LINES)]),
        (b"FETCH 1:* BODY.PEEK[1]", [LINES, b"corps\r\n", LINES]),
    ],
    ids=["whole", "partial", "twice", "decoded", "several"],
)
def test_slow_readers_of_large_messages_hold_little(
    demo: Instance, owner: Plain, command: bytes, sections: list[bytes]
) -> None:
    """Two dozen connections of one account, each of which asks for twelve megabytes or more and reads nothing."""
    before = settled(demo, command)
    with contextlib.ExitStack() as stack:
        readers = [slow_reader(demo, command) for _ in range(READERS)]
        for reader in readers:
            stack.callback(reader.close)
        for reader in readers:
            assert reader.socket.recv(1, socket.MSG_PEEK) == b"*"
        owner.ok(b"NOOP")
        assert sum(map(rss, workers_of(demo))) - before < 6 * SIZE
        for section in sections:  # who reads on gets all of it
            same = literal(readers[0]) == section
            assert same, "octets for octets"
            if len(sections) > 2:
                assert readers[0].line() == b")\r\n"
        assert readers[0].end().startswith(b"x OK")


def test_an_answer_that_was_not_taken_gives_its_room_back(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second one has no room beside it, which its client is told; small messages, and others, are served."""
    monkeypatch.setattr(large_answers, "MAX_KEPT_EACH", int(1.5 * len(MESSAGE)))

    async def scene() -> None:
        async with World(sqlite_store, message_size=20_000_000) as world:
            await world.people()
            slow, quick = await world.session(mailbox="INBOX"), await world.session(mailbox="INBOX")
            other = await world.session("mmartin", mailbox="INBOX")
            for client in (quick, other):
                for octets in (MESSAGE, b"Subject: petit\r\n\r\ncorps\r\n"):
                    await client.ok("APPEND INBOX", literal=octets)
            await slow.ok("NOOP")
            slow.transport.full = 100_000
            for _ in range(4):  # they go while they wait for their turn, or are read for
                gone = await world.session(mailbox="INBOX")
                gone.send(b"a FETCH 1 BODY.PEEK[]\r\n")
                gone.transport.loseConnection()
            slow.send(b"a FETCH 1 BODY.PEEK[]\r\n")
            assert (await slow.line()).startswith(b"* 1 FETCH")
            *_, last = await quick.command("FETCH 1:2 BODY.PEEK[TEXT]")
            assert last.startswith("NO [UNAVAILABLE]")
            await quick.ok("FETCH 2 BODY.PEEK[]")
            assert len(await other.ok("FETCH 1:2 BODY.PEEK[TEXT]")) > 100_000
            slow.transport.loseConnection()
            async with asyncio.timeout(PATIENCE):
                while not (await quick.command("FETCH 1:2 BODY.PEEK[TEXT]"))[-1].startswith("OK"):
                    await asyncio.sleep(0.05)

    play(scene)
