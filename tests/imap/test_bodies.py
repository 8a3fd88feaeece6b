"""Body sections out of stored octets: exact, bounded, and the same as the one grammar of headers says."""

import string

from hypothesis import example, given, settings
from hypothesis import strategies as st

from imap import bodies
from imap.commands import fetch
from imap.wire.commands import Fetch
from imap.wire.fetch import Attribute, Section, SectionText
from imap.wire.responses import Reply
from imap.wire.sets import SequenceSet
from mailserver.mime import headers
from mailserver.store import blobs, messages
from mailserver.store.transactions import Store
from tests.imap.world import World, play

NAMES = ("subject", "From", "X-A", "Received", "x.+b")

lines = st.one_of(
    st.sampled_from(
        [b"Subject: a", b"subject:b", b"FROM : c", b"X-A:", b" folded", b"\tfolded", b"no field", b"", b": x"]
    ),
    st.binary(max_size=12).map(lambda octets: octets.replace(b"\n", b"")),
    st.text(string.ascii_letters + ":- \t\r", max_size=12).map(str.encode),
)
ends = st.sampled_from([b"\r\n", b"\n"])


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(lines, ends), max_size=12),
    st.lists(st.sampled_from(NAMES), min_size=1),
    st.booleans(),
    st.booleans(),
)
@example([(b"Subject: a", b"\r\n"), (b" ", b"\r\n"), (b"From: x", b"\n")], ["subject"], False, True)
@example([(b"Subject: a", b"\r\n"), (b" ", b"\n")], ["subject"], False, True)
def test_header_fields_agree_with_the_grammar_of_headers(
    pieces: list[tuple[bytes, bytes]], names: list[str], exclude: bool, ended: bool
) -> None:
    header = b"".join(line + end for line, end in pieces)
    if not ended:
        header = header.rstrip(b"\r\n")
    expected = headers.select(header, 0, len(header), names, exclude=exclude)
    assert bodies.header_fields(tuple(names), exclude=exclude)(header) == expected


def test_octets_of_one_read_are_bounded(sqlite_store: Store) -> None:
    """Memory: a FETCH of many large messages reads a few at a time, and one at least."""

    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await world.session(mailbox="INBOX")
            for number in range(5):
                octets = b"Subject: %d\r\n\r\n" % number + b"y" * (bodies.BUDGET // 2) + b"\r\n"
                await client.ok("APPEND INBOX", literal=octets)
            shared = client.connection.session.mailbox.shared
            folder = world.store.blobs
            found = await world.store.read(
                bodies.read, shared.account_id, shared.mailbox_id, range(1, 10), ("size",), (Section(),), folder
            )
            assert (found.uids, found.done) == ([1, 2], 2)
            rest = await world.store.read(
                bodies.read, shared.account_id, shared.mailbox_id, range(4, 10), (), (Section(),), folder
            )
            assert (rest.uids, rest.done) == ([4, 5], 6)
            said = await client.ok("FETCH 1:* (UID BODY.PEEK[]<0.12>)")
            assert len([line for line in said if "FETCH (UID" in line]) == 5

    play(scene)


def test_messages_that_go_while_they_are_fetched_are_left_out(sqlite_store: Store) -> None:
    """RFC 2180 section 4.1.2, when another worker expunges between the news and the reading."""

    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await world.session(mailbox="INBOX")
            for _ in range(3):
                await client.ok("APPEND INBOX (\\Deleted)", literal=b"Subject: a\r\n\r\nb\r\n")
            session = client.connection.session
            shared = session.mailbox.shared
            for gone, left in ((range(3, 4), 2), (range(1, 3), 0)):
                await world.store.write(messages.expunge, shared.account_id, shared.mailbox_id, gone)
                for items in ((Attribute.INTERNALDATE, Section()), (Section(),), (Attribute.INTERNALDATE,)):
                    command = Fetch(SequenceSet(((1, 3),)), items)
                    *lines, reply = [output async for output in fetch.fetch(session, command)]
                    assert b"".join(line for line in lines if isinstance(line, bytes)).count(b" FETCH (") == left
                    assert isinstance(reply, Reply)
                    assert reply.encode("a").startswith(b"a NO [EXPUNGEISSUED]")

    play(scene)


def test_a_stored_message_is_the_octets_that_came(sqlite_store: Store) -> None:
    """Whatever they are: no line end, bare LF, NUL, 8-bit, a header alone; only an empty one is none (RFC 3502)."""
    samples = [
        b"\r\n",
        b"no header at all",
        b"Subject: x\nbare: lf\n\nbody\n",
        b"Subject: x",
        b"Subject: x\r\n",
        b"\r\n\r\nbody",
        bytes(range(1, 256)) * 300,
    ]

    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await world.session(mailbox="INBOX")
            for number, octets in enumerate(samples, 1):
                await client.ok("APPEND INBOX", literal=octets)
                client.send(b"f FETCH %d (BODY.PEEK[] BODY.PEEK[HEADER] BODY.PEEK[TEXT] RFC822.SIZE)\r\n" % number)
                answer = await client.until(b"f OK FETCH completed\r\n")
                assert b"BODY[] {%d}\r\n%s" % (len(octets), octets) in answer
                assert b"RFC822.SIZE %d " % len(octets) in answer

    play(scene)


def test_sections_of_the_header_do_not_read_the_body(sqlite_store: Store) -> None:
    prepared = blobs.prepare(b"Subject: x\r\n\r\nbody", sqlite_store.data)
    frames = (prepared.header, None, "no/such/file")
    source = bodies._Source(frames, ("header", "octets", "file"), sqlite_store.data)
    assert bodies._cutter(Section(text=SectionText.HEADER))(source) == b"Subject: x\r\n\r\n"
    assert bodies._needed((Section(text=SectionText.HEADER),)) == ("header",)
