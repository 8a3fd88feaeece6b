"""Many clients that ask at once are served in their order, and between two of them the loop turns."""

import asyncio
import itertools

from mailserver.store.engine.transactions import Store
from tests.imap.world import Client, World, play

CROWD = 60


async def asking(world: World) -> list[Client]:
    """Clients that have all asked at once what takes a task each."""
    await world.people()
    crowd = [await world.session() for _ in range(CROWD)]
    for client in crowd:
        client.send(b"a CAPABILITY\r\n")
    return crowd


def answered(crowd: list[Client], end: bytes) -> list[bool]:
    return [end in client.pending for client in crowd]


def test_the_loop_turns_between_two_clients(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            crowd = await asking(world)
            steps = [0]
            async with asyncio.timeout(30):
                while steps[-1] < CROWD:
                    await asyncio.sleep(0)
                    told = answered(crowd, b"a OK")
                    assert told == sorted(told, reverse=True), "whoever asked first is answered first"
                    steps.append(sum(told))
            assert max(after - before for before, after in itertools.pairwise(steps)) == 1

    play(scene)


def test_what_needs_no_waiting_is_answered_at_once(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client, other = await world.session(mailbox="INBOX"), await world.session(mailbox="INBOX")
            await asyncio.sleep(0)
            client.send(b"a NOOP\r\n")
            other.send(b"b NOOP\r\n")
            assert b"a OK" in client.pending
            assert b"b OK" in other.pending

    play(scene)


def test_whoever_waits_may_say_more_and_may_leave(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            crowd = await asking(world)
            talker, leaver = crowd[-1], crowd[-2]
            talker.send(b"b NOOP\r\nc LIST")
            leaver.transport.loseConnection()
            await asyncio.sleep(0)
            assert not talker.pending
            talker.send(b' "" ""\r\n')
            said = await talker.until(b"c OK LIST completed\r\n")
            assert said.index(b"a OK") < said.index(b"b OK") < said.index(b"* LIST")
            assert await talker.ok("NOOP") == []

    play(scene)


def test_a_flood_of_one_client_that_waits_stays_in_the_kernel(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            crowd = await asking(world)
            talker = crowd[-1]
            for _ in range(3):
                talker.send(b"b NOOP\r\n" * 4000)
            assert talker.transport.producerState == "paused"
            talker.send(b"c NOOP\r\n")
            said = await talker.until(b"c OK")
            assert said.count(b"b OK") == 12_000
            assert talker.transport.producerState == "producing"

    play(scene)


def test_a_literal_that_was_held_back_is_read_on(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            first, talker = await world.session(mailbox="INBOX"), await world.session()
            await asyncio.sleep(0)
            first.send(b"a NOOP\r\n" * 5000)  # takes all the time there is until the loop turns
            talker.send(b"b APPEND INBOX {200000+}\r\n")
            talker.send(b"Subject: x\r\n\r\n".ljust(100_000, b"y"))
            assert talker.transport.producerState == "paused"
            async with asyncio.timeout(10):
                while talker.transport.producerState == "paused":
                    await asyncio.sleep(0)
            talker.send(b"y" * 100_000 + b"\r\n")
            assert b"b OK" in await talker.until(b"APPEND completed\r\n")

    play(scene)


def test_a_task_that_news_woke_keeps_one_place(sqlite_store: Store) -> None:
    """Each command is answered once, whoever woke the task, and nobody stands in the queue twice."""

    async def scene() -> None:
        async with World(sqlite_store) as world:
            talker = (await asking(world))[-1]
            for tag in (b"b", b"c", b"d"):
                talker.connection.account_moved()
                await talker.until(b"a OK CAPABILITY completed\r\n" if tag == b"b" else b" OK NOOP completed\r\n")
                talker.send(tag + b" NOOP\r\n")
                assert (world.door.scheduler._new + world.door.scheduler._tasks).count(
                    talker.connection._conversation
                ) <= 1
            assert await talker.until(b" OK NOOP completed\r\n") == b"d"

    play(scene)
