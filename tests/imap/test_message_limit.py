"""How many messages one command works on (RFC 9738), and what is said while it works (RFC 9585)."""

import asyncio
import fcntl
import os

from imap.connection import conversation
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs, mailboxes, messages
from tests.imap.test_protocol import patched
from tests.imap.world import Client, World, play

MOST = 1000
MESSAGE = b"Subject: essai\r\n\r\ncorps\r\n"


def fill(tx: Tx, account: int, prepared: blobs.Prepared, count: int) -> None:
    box = mailboxes.get(tx, account, "INBOX")
    for _ in range(count):
        messages.append(tx, account, box.id, prepared)


async def crowded(world: World, count: int = MOST + 3) -> Client:
    """A session in an INBOX of so many messages."""
    await world.people()
    prepared = blobs.prepare(MESSAGE, world.store.blobs)
    await world.store.write(fill, world.accounts["edupont"], prepared, count)
    return await world.session(mailbox="INBOX")


def test_the_last_messages_are_worked_on_and_the_client_learns_where_to_go_on(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store, command_messages=MOST) as world:
            client = await crowded(world)
            assert "MESSAGELIMIT=1000" in (await client.ok("CAPABILITY"))[0].split()
            *lines, last = await client.command("FETCH 1:* (UID)")
            assert (lines[0], len(lines)) == ("* 4 FETCH (UID 4)", MOST)
            assert last.startswith("OK [MESSAGELIMIT 1000 4]")
            assert await client.ok("UID FETCH 1:3 (UID)") == [f"* {n} FETCH (UID {n})" for n in (1, 2, 3)]
            *lines, last = await client.command("UID STORE 1:* +FLAGS (\\Seen)")
            assert (lines[0], len(lines)) == ("* 4 FETCH (UID 4 FLAGS (\\Seen \\Recent))", MOST)
            assert last.startswith("OK [MESSAGELIMIT 1000 4]")
            assert await client.command("UID SEARCH UNSEEN") == ["* SEARCH", "OK [MESSAGELIMIT 1000 4] " + SEARCHED]
            assert await client.ok("UID SEARCH UID 1:5 UNSEEN") == ["* SEARCH 1 2 3"]
            *_, last = await client.command("UID SEARCH RETURN (SAVE) ALL")
            assert last.startswith("OK [MESSAGELIMIT 1000 4]")
            assert (await client.ok("UID FETCH $ (UID)"))[0] == "* 4 FETCH (UID 4)"
            *_, last = await client.command("UID FETCH 1:* (UID) (PARTIAL 1:1001)")
            assert last.startswith("NO [MESSAGELIMIT 1000]")

    play(scene)


SEARCHED = "SEARCH completed, for the last messages only"


def test_copy_is_refused_and_move_and_uid_expunge_take_the_last(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store, command_messages=MOST) as world:
            client = await crowded(world)
            assert (await client.command("UID COPY 1:* Trash"))[-1].startswith("NO [MESSAGELIMIT 1000 4]")
            assert await client.ok("STATUS Trash (MESSAGES)") == ["* STATUS Trash (MESSAGES 0)"]
            *_, last = await client.command("UID MOVE 1:* Trash")
            assert last.startswith("OK [MESSAGELIMIT 1000 4]")
            assert await client.ok("UID SEARCH ALL") == ["* SEARCH 1 2 3"]
            await client.ok("SELECT Trash")
            await client.ok("APPEND Trash (\\Deleted)", literal=MESSAGE)
            await client.ok("STORE 1:1000 +FLAGS.SILENT (\\Deleted)")
            *_, last = await client.command("UID EXPUNGE 1:*")
            assert last.startswith("OK [MESSAGELIMIT 1000 2]")
            assert await client.ok("UID SEARCH ALL") == ["* SEARCH 1"]
            assert (await client.command("UID EXPUNGE 1:*"))[-1] == "OK EXPUNGE completed"

    play(scene)


def test_another_code_stands_after_the_limit(sqlite_store: Store) -> None:
    """RFC 9738 section 3.1: EXPUNGEISSUED is in the tagged line, MESSAGELIMIT in an untagged NO before it."""

    async def scene() -> None:
        async with World(sqlite_store, command_messages=MOST) as world:
            client, other = await crowded(world), await world.session(mailbox="INBOX")
            await other.ok("STORE 1003 +FLAGS.SILENT (\\Deleted)")
            await other.ok("EXPUNGE")
            *_, limit, last = await client.command("FETCH 1:* (UID)")
            assert limit.startswith("* NO [MESSAGELIMIT 1000 4]")
            assert last.startswith("NO [EXPUNGEISSUED]")

    play(scene)


def test_appending_too_many_messages_is_refused_as_such(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await world.session()
            client.send(b"a APPEND INBOX" + b" {1+}\r\nx" * 1001 + b"\r\nb STATUS INBOX (MESSAGES)\r\n")
            assert (await client.line()).startswith(b"a NO [MESSAGELIMIT 1000]")
            assert await client.line() == b"* STATUS INBOX (MESSAGES 0)"

    play(scene)


def test_a_command_that_waits_says_that_it_still_works(sqlite_store: Store) -> None:
    """Another process holds the store's lock; meanwhile COPY has nothing to say but that."""

    async def scene() -> None:
        lock = os.open(str(sqlite_store.backend.lock_file), os.O_RDWR)
        with patched(conversation, PROGRESS_SECONDS=0.02):
            async with World(sqlite_store) as world:
                client = await crowded(world, 2)
                fcntl.flock(lock, fcntl.LOCK_EX)
                try:
                    client.send(b"A003 COPY 1:2 Trash\r\n")
                    for _ in range(3):
                        said = await client.line()
                        assert said == b'* OK [INPROGRESS ("A003" NIL NIL)] Still working on it'
                finally:
                    fcntl.flock(lock, fcntl.LOCK_UN)
                    os.close(lock)
                while (said := await client.line()).startswith(b"* OK [INPROGRESS"):
                    pass
                assert said.startswith(b"A003 OK [COPYUID")
                await asyncio.sleep(0.05)
                assert client.pending == b""

    play(scene)


def test_a_tag_that_would_end_the_code_is_not_told(sqlite_store: Store) -> None:
    async def scene() -> None:
        lock = os.open(str(sqlite_store.backend.lock_file), os.O_RDWR)
        with patched(conversation, PROGRESS_SECONDS=0.02):
            async with World(sqlite_store) as world:
                client = await crowded(world, 2)
                fcntl.flock(lock, fcntl.LOCK_EX)
                client.send(b"a]b COPY 1:2 Trash\r\n")
                assert await client.line() == b"* OK [INPROGRESS (NIL NIL NIL)] Still working on it"
                os.close(lock)
                await client.until(b"a]b OK")

    play(scene)
