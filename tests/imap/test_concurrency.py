"""Several sessions, and several workers, on one mailbox: nobody is told too much, too little, or too early."""

import asyncio
import contextlib
import fcntl
import random
import re
import statistics
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from imap.session.account_check import PAUSE
from mailserver.foundation import wakeups
from mailserver.store.account import accounts
from mailserver.store.engine import news
from mailserver.store.engine.transactions import Store
from mailserver.store.engine.unit import Unit
from mailserver.store.mail import messages
from tests.imap.world import Client, World, play, turns
from tests.waiting import PATIENCE, becomes

MESSAGE = b"Subject: essai\r\n\r\ncorps\r\n"
StoreMaker = Callable[[], Store]


async def soon(client: Client, command: str, expected: str) -> list[str]:
    """Ask until an untagged line comes: PostgreSQL brings another worker's news a moment later."""
    deadline = time.monotonic() + PATIENCE
    said: list[str] = []
    while time.monotonic() < deadline:
        said += await client.ok(command)
        if expected in said:
            return said
        await asyncio.sleep(0.005)
    raise AssertionError(f"{expected!r} did not come: {said}")


def test_two_workers_share_one_mailbox(make_store: StoreMaker) -> None:
    async def scene() -> None:
        async with World(make_store()) as one, World(make_store()) as two:
            await one.people()
            two.know(one)
            near = await one.session(mailbox="INBOX")
            far = await two.session(mailbox="INBOX")
            await near.ok("APPEND INBOX", literal=MESSAGE)
            await soon(far, "NOOP", "* 1 EXISTS")
            await far.ok("STORE 1 +FLAGS.SILENT (\\Flagged $Far)")
            said = await soon(near, "NOOP", "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Far)")
            assert any(line.startswith("* 1 FETCH (FLAGS (\\Flagged $Far") for line in said)
            await near.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
            await near.ok("EXPUNGE")
            await soon(far, "NOOP", "* 1 EXPUNGE")
            assert await far.ok("SEARCH ALL") == ["* SEARCH"]

    play(scene)


def test_select_tells_one_state_while_messages_come(sqlite_store: Store) -> None:
    """Each SELECT has one EXISTS, also behind what vanished; what came meanwhile is told with the next command."""

    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            one, two = await world.session(), await world.session(mailbox="INBOX")
            await one.ok("ENABLE QRESYNC")
            opened = "".join(await one.ok("SELECT INBOX"))
            validity = re.findall(r"UIDVALIDITY (\d+)", opened)[0]

            async def select(pause: float) -> list[str]:
                await asyncio.sleep(pause)
                return await one.ok(f"SELECT INBOX (QRESYNC ({validity} 1))")

            for count in range(1, 41):
                await two.ok("APPEND INBOX (\\Deleted)", literal=MESSAGE)
                await two.ok("EXPUNGE")
                said, _ = await asyncio.gather(select(count * 0.0005), two.ok("APPEND INBOX", literal=MESSAGE))
                assert len([line for line in said if line.endswith(" EXISTS")]) == 1
                if f"* {count} EXISTS" not in said:
                    assert f"* {count} EXISTS" in await one.ok("NOOP")

    play(scene)


def test_expunge_takes_what_another_worker_has_just_marked(make_store: StoreMaker) -> None:
    """`OK STORE` in one worker, then EXPUNGE in another, whatever word of it has arrived there."""

    async def scene() -> None:
        async with World(make_store()) as one, World(make_store()) as two:
            await one.people()
            two.know(one)
            near = await one.session(mailbox="INBOX")
            far = await two.session(mailbox="INBOX")
            for _ in range(10):
                await near.ok("APPEND INBOX", literal=MESSAGE)
                await soon(far, "NOOP", "* 1 EXISTS")
                await far.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
                assert "* 1 EXPUNGE" in await near.ok("EXPUNGE")
                await soon(far, "NOOP", "* 1 EXPUNGE")

    play(scene)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("STORE 1 +FLAGS.SILENT (\\Deleted)", "STORE 1 -FLAGS.SILENT (\\Deleted)"),
        ("STORE 1:2 +FLAGS.SILENT (\\Deleted)", "UID STORE 1 FLAGS.SILENT ()"),
    ],
)
def test_a_silent_store_that_was_undone_before_its_answer_is_told(sqlite_store: Store, first: str, then: str) -> None:
    """RFC 3501 section 6.4.6: the flags are those from before, and not what a client expects that is told nothing."""

    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            near, far = await world.session(mailbox="INBOX"), await world.session()
            await near.ok("APPEND INBOX", literal=MESSAGE)
            await near.ok("APPEND INBOX", literal=MESSAGE)
            await far.ok("SELECT INBOX")
            with writers_held(sqlite_store) as submitted:
                near.send(f"n {first}\r\n".encode())
                await becomes(lambda: len(submitted) == 1)
                far.send(f"f {then}\r\n".encode())
                await becomes(lambda: len(submitted) == 2)
            said = await near.until(b"n OK STORE completed\r\n")
            assert said == b"* 1 FETCH (FLAGS (\\Recent))\r\n"
            assert await near.ok("FETCH 1 (FLAGS)") == ["* 1 FETCH (FLAGS (\\Recent))"]

    play(scene)


@contextlib.contextmanager
def writers_held(store: Store) -> Iterator[list[Unit]]:
    """Meanwhile nobody commits; then what waits is one group, in the order in which it came: these units."""
    assert store.backend.lock_file is not None
    submitted: list[Unit] = []
    submit = store._writer.submit

    def noted(unit: Unit) -> None:
        submit(unit)
        submitted.append(unit)

    with open(store.backend.lock_file, "rb") as lock, pytest.MonkeyPatch.context() as patch:
        patch.setattr(store._writer, "submit", noted)
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield submitted


@pytest.mark.parametrize("search", ["SEARCH", "SORT (ARRIVAL) UTF-8", "SEARCH RETURN (ALL)"])
def test_a_search_says_that_messages_went_meanwhile(sqlite_store: Store, search: str) -> None:
    """RFC 5530 section 3: what was expunged while it ran is not found, and the client still counts it."""

    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            one = await world.session(mailbox="INBOX")
            for _ in range(3):
                await one.ok("APPEND INBOX", literal=MESSAGE)
            two = await world.session(mailbox="INBOX")
            end = threading.Event()  # the account's turn to search is taken until then
            busy = asyncio.create_task(sqlite_store.read_slow(world.accounts["edupont"], lambda tx: end.wait(PATIENCE)))
            waiting = asyncio.create_task(one.command(f"{search} BODY corps"))
            await asyncio.sleep(0)
            await two.ok("STORE 2 +FLAGS.SILENT (\\Deleted)")
            await two.ok("EXPUNGE")
            assert not waiting.done()
            end.set()
            *said, last = await waiting
            await busy
            assert last.startswith("OK [EXPUNGEISSUED]")
            assert re.search(r"(SEARCH|SORT) 1 3$|ALL 1,3$", said[0])
            assert "* 2 EXPUNGE" in await one.ok("NOOP")

    play(scene)


@contextlib.contextmanager
def another_process(store: Store) -> Iterator[Store]:
    """The same database, opened by somebody who rings no bell, as commands on the command line are."""
    other = Store(store.url, store.data, store.clock, type(store.changes)(), readers=1)
    try:
        yield other
    finally:
        other.close()


@pytest.mark.parametrize("search", ["SEARCH", "SORT (ARRIVAL) UTF-8", "SEARCH RETURN (ALL)"])
def test_a_search_says_what_went_before_word_of_it_came(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch, search: str
) -> None:
    """RFC 5530 section 3: the store no longer has it, the client counts it, the worker has not heard of it."""
    monkeypatch.setattr(news, "UNHEARD_SECONDS", PATIENCE)

    async def scene() -> None:
        bell, _ = wakeups.create(2)
        with another_process(sqlite_store) as store:
            async with World(sqlite_store, bell=bell) as one, World(store) as two:
                await one.people()
                two.know(one)
                near = await one.session(mailbox="INBOX")
                for _ in range(3):
                    await near.ok("APPEND INBOX", literal=MESSAGE)
                far = await two.session(mailbox="INBOX")
                await far.ok("STORE 2 +FLAGS.SILENT (\\Deleted)")
                await far.ok("EXPUNGE")
                *said, last = await near.command(f"{search} BODY corps")
                assert last.startswith("OK [EXPUNGEISSUED]")
                assert re.search(r"(SEARCH|SORT) 1 3$|ALL 1,3$", said[0])
                assert "* 2 EXPUNGE" in await near.ok("NOOP")

    play(scene)


def test_sqlite_workers_know_each_others_commits_at_once(sqlite_store: Store) -> None:
    """`OK` in one worker, then any command in another: no moment between the two."""

    async def scene() -> None:
        with another_process(sqlite_store) as other:
            async with World(sqlite_store) as one, World(other) as two:
                await one.people()
                two.know(one)
                near, far = await one.session(mailbox="INBOX"), await two.session(mailbox="INBOX")
                for count in range(1, 6):
                    await near.ok("APPEND INBOX", literal=MESSAGE)
                    assert f"* {count} EXISTS" in await far.ok("NOOP")

    play(scene)


def test_recent_is_told_to_one_session_only(make_store: StoreMaker) -> None:
    """RFC 3501 section 2.3.2, across workers, for mail that was waiting and for mail that arrives."""

    async def scene() -> None:
        async with World(make_store()) as one, World(make_store()) as two:
            await one.people()
            two.know(one)
            writer = await one.session()
            await writer.ok("APPEND INBOX", literal=MESSAGE)
            clients = [await world.session() for world in (one, two, one, two)]
            answers = await asyncio.gather(*(client.ok("SELECT INBOX") for client in clients))
            assert sorted(line for answer in answers for line in answer if line.endswith("RECENT")) == [
                "* 0 RECENT",
                "* 0 RECENT",
                "* 0 RECENT",
                "* 1 RECENT",
            ]
            for number in range(2, 6):
                await writer.ok("APPEND INBOX", literal=MESSAGE)
                await asyncio.gather(*(soon(client, "NOOP", f"* {number} EXISTS") for client in clients))
            recent = [re.findall(r"\d+", (await client.ok("SEARCH RECENT"))[-1]) for client in clients]
            assert sorted(number for found in recent for number in found) == ["1", "2", "3", "4", "5"]

    play(scene)


@pytest.mark.alone
def test_idle_hears_of_another_worker_within_a_tenth_of_a_second(make_store: StoreMaker) -> None:
    async def scene() -> None:
        async with World(make_store()) as one, World(make_store()) as two:
            await one.people()
            two.know(one)
            writer, waiter = await one.session(), await two.session(mailbox="INBOX")
            waiter.send(b"i IDLE\r\n")
            await waiter.until(b"+ idling\r\n")
            waits, appends = [], []
            for number in range(1, 11):
                begun = time.perf_counter()
                await writer.ok("APPEND INBOX", literal=MESSAGE)
                start = time.perf_counter()
                appends.append(start - begun)
                assert await waiter.line() == b"* %d EXISTS" % number
                waits.append(time.perf_counter() - start)
                assert await waiter.line() == b"* %d RECENT" % number
            assert statistics.median(waits) < 0.1 + 5 * statistics.median(appends), (waits, appends)
            waiter.send(b"DONE\r\n")
            assert await waiter.line() == b"i OK IDLE completed"

    play(scene)


def test_a_suspended_account_is_shown_out(sqlite_store: Store) -> None:
    """In IDLE or between two commands: within seconds, without waiting for the client's next word."""

    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            idle, silent = await world.session(mailbox="INBOX"), await world.session()
            other = await world.session("mmartin", "INBOX")
            idle.send(b"i IDLE\r\n")
            await idle.until(b"+ idling\r\n")
            await world.store.write(accounts.suspend, world.accounts["edupont"], "", False)
            for client in (idle, silent):
                assert b"* BYE [CONTACTADMIN] Compte suspendu depuis le" in await client.closed()
            await other.ok("NOOP")

    play(scene)


@pytest.mark.parametrize("count", [3, 600])
def test_a_store_behind_the_change_of_another_tells_what_became_of_both(store: Store, count: int) -> None:
    """The answer of a STORE is made while the database works; not of what the worker knew when it was asked."""

    async def scene() -> None:
        async with World(store) as world:
            await world.people()
            client = await world.session(mailbox="INBOX")
            await client.ok(b"APPEND INBOX" + b" {%d+}\r\n%s" % (len(MESSAGE), MESSAGE) * count)
            await client.ok("NOOP")
            account, shared = world.accounts["edupont"], client.connection.session.mailbox.shared
            waits = store.begin(messages.store_flags, account, shared.mailbox_id, [2], "+", ("\\Flagged",))
            if not store.keeps_order:
                await waits
            said = await client.ok("STORE 1:* +FLAGS (\\Seen)")
            told = [line for line in said if " FETCH " in line]
            seen, flags = "\\Seen", {2: "\\Seen \\Flagged"}
            assert told == [
                f"* {number} FETCH (FLAGS ({flags.get(number, seen)} \\Recent))" for number in range(1, count + 1)
            ]
            await waits
            assert await client.ok("NOOP") == []
            assert await client.ok("SEARCH SEEN") == ["* SEARCH " + " ".join(map(str, range(1, count + 1)))]
            assert await client.ok("SEARCH FLAGGED") == ["* SEARCH 2"]

    play(scene)


def test_a_long_fetch_ends_with_the_account(sqlite_store: Store) -> None:
    """Who is suspended while thousands of lines are on their way hears BYE between two of them, not after the last."""

    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await world.session(mailbox="INBOX")
            batch = b" {%d+}\r\n%s" % (len(MESSAGE), MESSAGE)
            for _ in range(4):
                client.send(b"a APPEND INBOX" + batch * 500 + b"\r\n")
                await client.until(b"APPEND completed\r\n")
            client.transport.full = 100_000
            client.send(b"f FETCH 1:* (FLAGS ENVELOPE BODYSTRUCTURE)\r\n")
            await becomes(lambda: len(client.pending) > 100_000)
            await world.store.write(accounts.suspend, world.accounts["edupont"], "", False)
            await asyncio.sleep(PAUSE)  # the messages moved the account, too: it was looked at just before
            said = b""
            async with asyncio.timeout(PATIENCE):
                while not client.transport.lost:  # a slow reader
                    said += client.transport.take(20_000)
                    await asyncio.sleep(0.01)
            said += client.pending
            assert b"* BYE [CONTACTADMIN] Compte suspendu" in said
            assert b"f OK" not in said
            assert said.rpartition(b"* BYE")[0].endswith(b")\r\n")
            assert said.count(b" FETCH (") < 2000

    play(scene)


def test_a_long_fetch_lets_others_through(sqlite_store: Store) -> None:
    """While one session reads thousands of messages, another's NOOP waits for a lot, not for the whole."""

    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await world.session(mailbox="INBOX")
            batch = b" {%d+}\r\n%s" % (len(MESSAGE), MESSAGE)
            for _ in range(6):
                client.send(b"a APPEND INBOX" + batch * 500 + b"\r\n")
                await client.until(b"APPEND completed\r\n")
            other = await world.session(mailbox="INBOX")
            client.send(b"f FETCH 1:* (FLAGS ENVELOPE BODYSTRUCTURE)\r\n")
            assert await turns(other, client, b"f OK") > 10

    play(scene)


# ---------------------------------------------------------------------- any order of events


class Reader:
    """A session that keeps a model of the mailbox by the rules of RFC 3501, from untagged answers alone."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.flags: list[str | None] = []
        """Of each message number; None until told."""

    async def run(self, command: str, *, may_expunge: bool) -> list[str]:
        *said, last = await self.client.command(command)
        assert not last.startswith("BAD"), (command, last)
        for line in said:
            self.hear(line, may_expunge)
        return said

    def hear(self, line: str, may_expunge: bool) -> None:
        found = re.fullmatch(r"\* (\d+) (EXISTS|EXPUNGE|RECENT|FETCH \((?:UID \d+ )?FLAGS \((.*?)\)\))", line)
        if found is None:
            return
        number = int(found[1])
        if found[2] == "EXISTS":
            assert number >= len(self.flags), "EXISTS lowered the count"
            self.flags += [None] * (number - len(self.flags))
        elif found[2] == "EXPUNGE":
            assert may_expunge, "EXPUNGE where RFC 3501 section 7.4.1 forbids it"
            assert 1 <= number <= len(self.flags), "EXPUNGE of a number that is not there"
            del self.flags[number - 1]
        elif found[2].startswith("FETCH"):
            assert 1 <= number <= len(self.flags), "FETCH of a number that is not there"
            self.flags[number - 1] = found[3].replace("\\Recent", "").strip()


def test_models_of_all_sessions_agree_after_any_order_of_commands(make_store: StoreMaker) -> None:
    """Sessions of two workers append, flag, expunge, move and look, in an order a seed decides."""

    async def scene() -> None:
        async with World(make_store()) as one, World(make_store()) as two:
            await one.people()
            two.know(one)
            readers = [Reader(await world.session()) for world in (one, two, one, two, one)]
            for reader in readers:
                await reader.run("SELECT INBOX", may_expunge=False)
            await asyncio.gather(*(act(reader, random.Random(seed)) for seed, reader in enumerate(readers)))
            await heard((one.store, two.store))
            for reader in readers:
                await reader.run("NOOP", may_expunge=True)
                believed = list(reader.flags)
                await reader.run("FETCH 1:* (UID FLAGS)" if reader.flags else "NOOP", may_expunge=False)
                for was_told, is_so in zip(believed, reader.flags, strict=True):
                    assert was_told in (None, is_so), "a change was never told"
            first = readers[0].flags
            assert all(reader.flags == first for reader in readers)
            assert len(first) == int(
                (await readers[0].run("SEARCH RETURN (COUNT) ALL", may_expunge=False))[-1].split()[-1]
            )

    play(scene)


async def heard(stores: tuple[Store, Store]) -> None:
    """Return when each has heard of what the other has committed: news come in the order of commits."""
    one, two = stores
    told: list[str] = []
    stops = [
        one.changes.subscribe("mailbox", MARK + 2, lambda: told.append("two")),
        two.changes.subscribe("mailbox", MARK + 1, lambda: told.append("one")),
    ]
    await one.write(lambda tx: tx.changed(MARK, MARK + 1))
    await two.write(lambda tx: tx.changed(MARK, MARK + 2))
    await becomes(lambda: len(told) >= 2)
    for stop in stops:
        stop()


MARK = 1 << 40
"""The number of no account and no mailbox."""


async def act(reader: Reader, chance: random.Random) -> None:
    for _ in range(40):
        count = len(reader.flags)
        number = chance.randint(1, count) if count else 0
        what = chance.choice(
            ("append", "append", "store", "silent", "delete", "expunge", "move", "fetch", "search", "noop")
        )
        if what == "append":
            *said, last = await reader.client.command("APPEND INBOX", literal=MESSAGE)
            assert last.startswith("OK")
            for line in said:
                reader.hear(line, may_expunge=True)
        elif what == "noop" or not number:
            await reader.run("NOOP", may_expunge=True)
        elif what == "expunge":
            await reader.run("EXPUNGE", may_expunge=True)
        elif what == "move":
            await reader.run(f"MOVE {number} Trash", may_expunge=True)
        elif what == "fetch":
            await reader.run(f"FETCH {number}:* FLAGS", may_expunge=False)
        elif what == "search":
            await reader.run("SEARCH UNDELETED", may_expunge=False)
        else:
            flag = {"store": "\\Flagged", "silent": "\\Answered", "delete": "\\Deleted"}[what]
            await reader.run(f"STORE {number} {chance.choice('+-')}FLAGS ({flag})", may_expunge=False)
