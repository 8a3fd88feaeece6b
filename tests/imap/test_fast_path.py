"""What is answered in the step in which it arrives (`imap.commands.fast_path`) is what the usual way says."""

import asyncio
from contextlib import aclosing

from imap import commands
from imap.commands import fast_path
from imap.wire import syntax
from imap.wire.framing import CommandLine
from mailserver.store.engine.transactions import Store
from tests.imap.world import Client, World, play

PLAIN = b"From: a@example.org\r\nSubject: Bonjour\r\nTo: b@example.org\r\n\r\nLa r\xc3\xa9union est \xc3\xa0 14 h.\r\n"
PARTS = (
    b"Subject: Deux\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nun\r\n--x\r\n"
    b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--x--\r\n"
)
LARGE = b"Subject: Grand\r\n\r\n" + b"x" * 300_000 + b"\r\n"

PROMPT = (
    "NOOP",
    "FETCH 1 FLAGS",
    "FETCH 1:* (UID FLAGS)",
    "UID FETCH 1:* FLAGS",
    "UID FETCH 900 FLAGS",
    "FETCH 2 (UID BODY.PEEK[])",
    "FETCH 1:2 (FLAGS BODY.PEEK[HEADER] BODY.PEEK[TEXT]<3.5>)",
    "FETCH 2 (BODY.PEEK[1] BODY.PEEK[2.MIME] BODY.PEEK[7] BINARY.PEEK[2] BINARY.SIZE[2])",
    "FETCH 2 BODY.PEEK[HEADER.FIELDS (SUBJECT X)]",
    "FETCH 1:3 (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY PREVIEW EMAILID THREADID SAVEDATE)",
    "UID FETCH 3 ALL",
)
USUAL = (
    "FETCH 3 BODY.PEEK[]",
    "FETCH 9 FLAGS",
    "FETCH 1 (FLAGS MODSEQ)",
    "FETCH 1 BODY[]",
    "SEARCH ALL",
    "CAPABILITY",
)
WITH_CONDSTORE = (
    "FETCH 1 (FLAGS MODSEQ)",
    "FETCH 1:* (UID FLAGS) (CHANGEDSINCE 1)",
    "UID FETCH 1:* (FLAGS) (CHANGEDSINCE 999999)",
)


async def both(client: Client, text: str) -> tuple[bytes | None, bytes]:
    """What is said of a command at once, and by the usual way."""
    session = client.connection.session
    tagged = syntax.parse(CommandLine(b"x " + text.encode()))
    at_once = fast_path.answer(session, tagged)
    async with aclosing(commands.run(session, tagged)) as pieces:
        return at_once, b"".join([piece async for piece in pieces])


async def filled(world: World) -> Client:
    await world.people()
    client = await world.session(mailbox="INBOX")
    for message in (PLAIN, PARTS, LARGE):
        await client.ok("APPEND INBOX (\\Flagged $Mot)", literal=message)
    await client.ok("NOOP")
    return client


def test_the_prompt_answer_is_the_usual_one(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            client = await filled(world)
            for text in PROMPT:
                at_once, usual = await both(client, text)
                assert at_once == usual, text
            for text in USUAL:
                at_once, usual = await both(client, text)
                assert at_once is None, text
                assert usual.splitlines()[-1].startswith(b"x "), text
            await client.ok("ENABLE CONDSTORE")
            for text in WITH_CONDSTORE:
                at_once, usual = await both(client, text)
                assert at_once == usual, text

    play(scene)


def test_whoever_has_news_to_hear_hears_them_first(sqlite_store: Store) -> None:
    """New messages, flags and removals of another session, an account that was suspended: nothing is passed over."""

    async def scene() -> None:
        async with World(sqlite_store) as world:
            client = await filled(world)
            other = await world.session(mailbox="INBOX")
            await other.ok("STORE 1 +FLAGS.SILENT (\\Answered)")
            assert any("* 1 FETCH" in line for line in await client.ok("NOOP"))
            await other.ok("APPEND INBOX", literal=PLAIN)
            said = await client.ok("FETCH 4 FLAGS")
            assert said[0] == "* 4 EXISTS"
            assert said[-1].startswith("* 4 FETCH (FLAGS (")
            await other.ok("UID STORE 1 +FLAGS.SILENT (\\Deleted)")
            await other.ok("EXPUNGE")
            *said, last = await client.command("FETCH 1:4 FLAGS")
            assert last.startswith("NO [EXPUNGEISSUED]")
            assert "* 1 EXPUNGE" not in said
            assert "* 1 EXPUNGE" in await client.ok("NOOP")

    play(scene)


def test_pipelined_commands_are_answered_in_order(sqlite_store: Store) -> None:
    """Prompt ones and others behind one another, in one segment and octet by octet."""

    async def scene() -> None:
        async with World(sqlite_store) as world:
            client = await filled(world)
            talk = (
                b"a NOOP\r\nb FETCH 1 (UID BODY.PEEK[])\r\nc STORE 1 +FLAGS.SILENT (\\Seen)\r\nd FETCH 1 FLAGS\r\n"
                b"e FETCH 3 BODY.PEEK[]<0.9>\r\nf NOOP extra\r\ng SEARCH SUBJECT {5+}\r\nGrand\r\nh NOOP\r\n"
            )
            client.send(talk)
            whole = await client.until(b"h OK NOOP completed\r\n")
            client.send(b"i STORE 1 -FLAGS.SILENT (\\Seen)\r\n")
            await client.until(b"i OK STORE completed\r\n")
            for octet in talk:
                client.send(bytes((octet,)))
                await asyncio.sleep(0)
            assert await client.until(b"h OK NOOP completed\r\n") == whole
            tags = [line[:1] for line in whole.splitlines() if line[1:2] == b" " and line[:1].islower()]
            assert tags == [b"a", b"b", b"c", b"d", b"e", b"f", b"g"]

    play(scene)
