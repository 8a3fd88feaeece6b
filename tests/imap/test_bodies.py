"""Body sections out of stored octets: exact, bounded, and the same as the one grammar of headers says."""

import string

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from imap.answers import bodies, body_sections, fields
from imap.commands import fetch
from imap.wire.commands import Fetch
from imap.wire.fetch.fetch_items import Attribute, Section, SectionText
from imap.wire.responses import Reply
from imap.wire.sets import SequenceSet
from mailserver.mime.body import parser
from mailserver.mime.header import headers, listed_fields
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs, mailboxes, messages
from mailserver.store.mail.messages import HEAVY, LIGHT
from mailserver.store.schema.mail.messages import content
from tests.imap.world import Client, World, play

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
    st.lists(st.sampled_from(NAMES), min_size=1) | st.just(["subject", "From", "X-TUID"]),
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
    assert fields.header_fields(tuple(names), exclude=exclude)(header) == expected
    root = parser.parse(header)
    listed = listed_fields.kept(header, root.written) if root.body == len(header) else None
    if listed is not None and not exclude and {name.lower().encode() for name in names} <= listed_fields.NAMES:
        assert fields.header_fields(tuple(names), exclude=False)(listed) == expected


def _listed(header: bytes) -> bytes:
    kept = listed_fields.kept(header or b"\n", parser.parse(header + b"\r\n").written)
    assert kept is not None
    return kept


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.lists(st.tuples(lines, st.just(b"\r\n")), max_size=6), min_size=1, max_size=6),
    st.lists(st.sampled_from(["subject", "FROM", "to", "Date"]), min_size=1, unique=True),
    st.sampled_from([(None, None), (0, 5), (3, 100)]),
)
@example([[(b"\0", b"\r\n")], [(b"Subject: \0", b"\r\n"), (b"\0From: a", b"\r\n")], []], ["subject"], (None, None))
@example([[], [], [(b"Subject: a", b"\r\n")]], ["subject"], (None, None))
@example([[(b"Subject: a", b"\r\n")], []], ["FROM"], (None, None))
def test_fields_of_many_headers_are_those_of_each(
    messages: list[list[tuple[bytes, bytes]]], names: list[str], part: tuple[int | None, int | None]
) -> None:
    texts = [_listed(b"".join(line + end for line, end in pieces)) for pieces in messages]
    section = Section((), SectionText.HEADER_FIELDS, tuple(names), *part, label=b"BODY[X]")
    assert fields.is_listed(section)
    assert fields.many_chooser(section)(texts) == [fields.chooser(section)(text) for text in texts]


def _forget_fields(tx: Tx) -> None:
    tx.execute(update(content).values(listed_fields=None))


def test_fields_of_lists_are_the_same_wherever_they_are_read(store: Store) -> None:
    """Kept apart at delivery, too long to be kept, stored before they were kept, beside fields that are not kept."""
    trace = b"Received: from a\r\n\tby b; Mon, 1 Jan 2024 00:00:00 +0000\r\n"
    many = b", ".join(b"personne.%d@ac-exemple.fr" % number for number in range(200))
    sent = [
        trace + b"subject: a\r\nFrom: b\r\n c\r\nX-Other: d\r\nSubject : e\r\n\r\nBody\r\n",
        trace + b"From: b\r\nTo: " + many + b"\r\n\r\nBody\r\n",
        b"Subject: nul \0 here\r\n\r\nBody\r\n",
        b"\r\nBody\r\n",
        trace + b"To: a\r\n\r\n",
    ]
    asked = ("FROM SUBJECT TO", "From X-Other", "Received", "DATE")

    async def scene() -> None:
        async with World(store) as world:
            await world.people()
            client = await world.session(mailbox="INBOX")
            inbox = await store.read(mailboxes.get, world.accounts["edupont"], "INBOX")
            for octets in sent:
                prepared = blobs.prepare(octets, store.blobs)
                await store.write(messages.append, world.accounts["edupont"], inbox.id, prepared)
            await client.ok("NOOP")

            async def answers() -> list[bytes]:
                said = []
                for names in asked:
                    client.send(b"f FETCH 1:* BODY.PEEK[HEADER.FIELDS (%b)]\r\n" % names.encode())
                    said.append(await client.until(b"f OK FETCH completed\r\n"))
                return said

            kept = await answers()
            for names, said in zip(asked, kept, strict=True):
                for octets in sent:
                    header = octets[: octets.index(b"\r\n\r\n") + 4] if b"\r\n\r\n" in octets else b"\r\n"
                    expected = headers.select(header, 0, len(header), names.split()).replace(b"\0", b"?")
                    assert b"{%d}\r\n%b)" % (len(expected), expected) in said
            await store.write(_forget_fields)
            assert await answers() == kept  # read anew: only what is asked for the third time is remembered

    play(scene)


def test_octets_of_one_read_are_bounded(sqlite_store: Store) -> None:
    """Memory: a FETCH of many large messages reads a few at a time, and one at least."""

    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await world.session(mailbox="INBOX")
            for number in range(5):
                octets = b"Subject: %d\r\n\r\n" % number + b"y" * (body_sections.BUDGET // 5 * 2) + b"\r\n"
                await client.ok("APPEND INBOX", literal=octets)
            shared = client.connection.session.mailbox.shared
            folder = world.store.blobs
            found = await world.store.read(
                bodies.read, shared.account_id, shared.mailbox_id, range(1, 10), ("size",), (Section(),), folder
            )
            assert (found.uids, found.done) == ([1, 2, 3], 3)
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
                    world.door.services.snapshots.messages.__init__()  # type: ignore[misc]
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
    source = body_sections.Source(frames, ("header", "octets", "file"), sqlite_store.data)
    assert body_sections._cutter(Section(text=SectionText.HEADER))(source) == b"Subject: x\r\n\r\n"
    assert body_sections._needed((Section(text=SectionText.HEADER),)) == ("header",)


async def crowded(world: World, letters: int) -> Client:
    """Somebody who looks at so many letters to thousands of people each."""
    to = b", ".join(b"p%d@x.fr" % number for number in range(4000))
    texts = [b"Subject: n%d\r\nTo: %b\r\nCc: %b\r\n\r\nBody\r\n" % (number, to, to) for number in range(letters)]
    await world.people()
    client = await world.session(mailbox="INBOX")
    client.send(b"a APPEND INBOX" + b"".join(b" {%d+}\r\n%b" % (len(text), text) for text in texts) + b"\r\n")
    assert b"a OK" in await client.until(b"APPEND completed\r\n")
    return client


@pytest.mark.parametrize("items", ["(RFC822.SIZE ENVELOPE)", "(ENVELOPE BINARY.PEEK[])"])
def test_envelopes_of_any_length_are_told(store: Store, items: str) -> None:
    """Also when they are too much to be read at once."""

    async def scene() -> None:
        async with World(store) as world:
            client = await crowded(world, 50)
            said = [line for line in await client.ok(f"FETCH 1:* {items}") if " FETCH " in line]
            assert len(said) == 50
            for number, line in enumerate(said, 1):
                alone = (await client.ok(f"FETCH {number} {items}"))[0]
                same = line == alone and f'"n{number - 1}"' in line
                assert same, number

    play(scene)


def test_envelopes_beside_sections_are_read_a_few_at_a_time(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            await crowded(world, 80)
            account = world.accounts["edupont"]
            box = sqlite_store.read_now(mailboxes.get, account, "INBOX")
            sections, uids = (Section(text=SectionText.TEXT, peek=True),), range(1, 81)
            found = sqlite_store.read_now(
                bodies.read, account, box.id, uids, ("envelope",), sections, sqlite_store.blobs
            )
            held = sum(len(columns[0]) for columns in found.columns)
            assert 0 < found.done < len(uids)
            assert held < HEAVY * (1 + LIGHT / found.done)
            rest = sqlite_store.read_now(
                bodies.read, account, box.id, uids[found.done :], (), sections, sqlite_store.blobs
            )
            assert rest.done == len(uids) - found.done, "where nothing is rendered the octets alone count"

    play(scene)
