"""Many clients that ask at once are served in their order, and between two of them the loop turns."""

import asyncio

import pytest

from imap.connection import conversation, scheduler
from imap.connection.conversation import Conversation
from mailserver.store.engine.transactions import Store
from tests.imap.world import Client, World, play
from tests.waiting import PATIENCE

CROWD = 60


async def asking(world: World) -> list[Client]:
    """Clients that have all asked at once what takes a task each."""
    await world.people()
    crowd = [await world.session() for _ in range(CROWD)]
    ask(crowd)
    return crowd


def ask(crowd: list[Client]) -> None:
    for client in crowd:
        client.send(b"a CAPABILITY\r\n")


def test_the_loop_turns_between_two_clients(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told by the turn in which each task is woken: how many turns it then takes is the machine's affair."""
    turn = 0
    woken: list[tuple[int, Conversation]] = []
    go_on = Conversation.go_on

    def wake(waiting: Conversation) -> None:
        woken.append((turn, waiting))
        go_on(waiting)

    monkeypatch.setattr(Conversation, "go_on", wake)

    async def scene() -> None:
        nonlocal turn
        async with World(sqlite_store) as world:
            await world.people()
            crowd = [await world.session() for _ in range(CROWD)]
            woken.clear()
            ask(crowd)
            turn += 1
            async with asyncio.timeout(PATIENCE):
                while not all(b"a OK" in client.pending for client in crowd):
                    await asyncio.sleep(0)
                    turn += 1
            first: dict[Conversation, int] = {}
            for when, waiting in woken:
                first.setdefault(waiting, when)
            assert list(first) == [client.connection._conversation for client in crowd], "in the order of asking"
            turns = [when for when, _ in woken]
            assert len(set(turns)) == len(turns), "the loop turns before another task is woken"

    play(scene)


def test_what_needs_no_waiting_is_answered_at_once(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as the turn's share lasts, which it does where time stands still."""
    for module in (scheduler, conversation):
        monkeypatch.setattr(module, "monotonic", lambda: 0.0)

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
            async with asyncio.timeout(PATIENCE):
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
