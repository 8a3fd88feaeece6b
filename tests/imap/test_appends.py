"""APPENDs sent without waiting for answers: stored and answered in order, each for itself."""

import asyncio
import os
import re

from mailserver.store.engine.transactions import Store
from tests.imap.world import World

LARGE = 300_000
"""Octets of a message that is made ready in a thread."""


def message(number: int, octets: bytes = b"Bonjour.\r\n") -> bytes:
    return b"Subject: m%d\r\nMessage-ID: <m%d@modele.fr>\r\n\r\n" % (number, number) + octets


def appending(tag: int, mailbox: bytes, octets: bytes) -> bytes:
    return b"p%d APPEND %b {%d+}\r\n%b\r\n" % (tag, mailbox, len(octets), octets)


async def test_pipelined_messages_are_stored_and_answered_in_order(store: Store) -> None:
    """A large one among them, one for a mailbox that is not there, an empty one; then another command."""
    async with World(store) as world:
        await world.people()
        client = await world.session(mailbox="INBOX")
        sent = {number: message(number) for number in range(40)}
        sent[3] = message(3, os.urandom(LARGE // 3).hex().encode() + b"\r\n")
        octets = [appending(number, b"INBOX", sent[number]) for number in sent]
        octets[5] = appending(5, b"Absent", sent.pop(5))
        octets[9] = appending(9, b"INBOX", b"")
        del sent[9]
        client.send(b"".join(octets) + b"q STATUS INBOX (MESSAGES)\r\n")
        said = (await client.until(b"\r\nq OK")).split(b"\r\n")
        tagged = [line for line in said if line.startswith(b"p")]
        assert [line.partition(b" ")[0] for line in tagged] == [b"p%d" % number for number in range(40)]
        assert tagged[5].startswith(b"p5 NO [TRYCREATE]")
        assert tagged[9].startswith(b"p9 NO")
        uids = [int(found[1]) for line in tagged if (found := re.search(rb"OK \[APPENDUID \d+ (\d+)\]", line))]
        assert uids == sorted(set(uids))
        assert len(uids) == len(sent)
        assert said[-1] == b"* STATUS INBOX (MESSAGES 38)"
        for uid, expected in zip(uids, sent.values(), strict=True):
            client.send(b"f UID FETCH %d (BODY.PEEK[])\r\n" % uid)
            assert expected in await client.until(b"f OK FETCH completed\r\n")


async def test_a_command_that_is_wrong_stands_where_it_was_sent(store: Store) -> None:
    async with World(store) as world:
        await world.people()
        client = await world.session()
        client.send(
            appending(1, b"INBOX", message(1))
            + appending(2, b"INBOX", message(2))
            + b"p3 APPEND INBOX (\r\np4 NOOP\r\n"
            + appending(5, b"INBOX", message(5))
            + b"p6 LOGOUT\r\n"
        )
        said = (await client.closed()).split(b"\r\n")
        assert [line[:6] for line in said if line.startswith(b"p")] == [
            b"p1 OK ", b"p2 OK ", b"p3 BAD", b"p4 OK ", b"p5 OK ", b"p6 OK ",
        ]  # fmt: skip


async def test_a_client_that_goes_away_disturbs_nobody(store: Store) -> None:
    """What it was told of is there; nothing else is there twice."""
    async with World(store) as world:
        await world.people()
        client = await world.session()
        client.send(b"".join(appending(number, b"INBOX", message(number)) for number in range(30)))
        await client.until(b"p2 OK")
        client.transport.loseConnection()
        await asyncio.sleep(0.2)
        other = await world.session(mailbox="INBOX")
        client.send(b"")
        said = await other.ok("FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]")
        subjects = [line for line in said if line.startswith("Subject")]
        assert len(subjects) == len(set(subjects))
        assert {"Subject: m0", "Subject: m1", "Subject: m2"} <= set(subjects)
        await other.ok("APPEND INBOX", literal=message(99))


async def test_a_message_that_comes_unasked_is_not_run_as_commands(store: Store) -> None:
    """The mailbox is not there, and the client did not wait to be asked for the octets: they are still a message."""
    async with World(store) as world:
        await world.people()
        client = await world.session(mailbox="INBOX")
        octets = b"p2 DELETE Archive\r\n"
        start = b"p1 APPEND Absent {%d}\r\n" % len(octets)
        for cut in (1, len(octets)):
            client.send(start + octets[:cut])
            assert await client.line() == b"+ OK"
            client.send(octets[cut:] + b"\r\np3 NOOP\r\n")
            assert (await client.line()).startswith(b"p1 NO [TRYCREATE]")
            assert await client.line() == b"p3 OK NOOP completed"


async def test_a_message_is_refused_in_its_turn(store: Store) -> None:
    """Behind those that were sent with it; what they bring along counts."""
    async with World(store) as world:
        await world.people()
        client = await world.session()
        octets = [appending(number, b"INBOX", message(number)) for number in range(5)]
        client.send(b"".join(octets) + b"p5 CREATE There\r\np6 APPEND There {3}\r\n")
        said = (await client.until(b"+ OK\r\n")).split(b"\r\n")
        assert [line[:6] for line in said[:-1]] == [b"p%d OK " % number for number in range(6)]
        client.send(b"abc\r\n" + b"".join(octets) + b"p5 DELETE There\r\np6 APPEND There {3}\r\n")
        assert (await client.line()).startswith(b"p6 OK")
        said = (await client.until(b"p6 NO [TRYCREATE]")).split(b"\r\n")
        assert [line[:6] for line in said[:-1]] == [b"p%d OK " % number for number in range(6)]


async def test_many_messages_for_one_mailbox_are_asked_for_as_they_come(store: Store) -> None:
    """A large one is looked at each time."""
    async with World(store) as world:
        await world.people()
        client, other = await world.session(), await world.session()
        await client.ok("CREATE There")

        async def offer(size: int) -> bytes:
            client.send(b"p APPEND There {%d}\r\n" % size)
            said = await client.line()
            if said == b"+ OK":
                client.send(b"x" * size + b"\r\n")
                said += await client.line()
            return said

        assert (await offer(10)).startswith(b"+ OKp OK")
        assert (await offer(100_000)).startswith(b"+ OKp OK")
        await other.ok("DELETE There")
        assert (await offer(100_000)).startswith(b"p NO [TRYCREATE]")
        await other.ok("CREATE There")
        assert (await offer(10)).startswith(b"+ OKp OK")
        await other.ok("DELETE There")
        assert (await offer(10)).startswith(b"+ OKp NO [TRYCREATE]")
        assert (await offer(10)).startswith(b"p NO [TRYCREATE]")
