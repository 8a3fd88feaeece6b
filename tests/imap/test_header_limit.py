"""A header beyond the bound is taken by no command, and one that is there already costs what a reader may cost."""

import tracemalloc

import pytest

from mailserver.mime.header import headers
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs, mailboxes, messages
from tests.imap.world import World

BODY = b"\r\nBonjour\r\n"
TOO_LONG = b"X-Y: " + b"z" * (1024 * 1024) + b"\r\n"
TOO_MANY = b"X:\r\n" * 10_001
TOO_MANY_BY_LF = b"X:\n" * 10_001


@pytest.mark.parametrize("fields", [TOO_LONG, TOO_MANY, TOO_MANY_BY_LF, TOO_MANY[:-2]])
async def test_no_command_takes_a_header_beyond_the_bound(store: Store, fields: bytes) -> None:
    """APPEND, several messages in one, REPLACE; what is within the bound is taken by the same commands."""
    async with World(store) as world:
        await world.people()
        client = await world.session(mailbox="INBOX")
        small, large = b"Subject: x\r\n" + BODY, fields + BODY
        await client.ok("APPEND INBOX", literal=small)
        *_, answer = await client.command("APPEND INBOX", literal=large)
        assert "NO [TOOBIG] Header too big" in answer
        client.send(b"m APPEND INBOX {%d+}\r\n%b {%d+}\r\n%b\r\n" % (len(small), small, len(large), large))
        assert (await client.line()).startswith(b"m NO [TOOBIG] Header too big")
        *_, answer = await client.command("REPLACE 1 INBOX", literal=large)
        assert "NO [TOOBIG] Header too big" in answer
        assert any("MESSAGES 1" in line for line in await client.ok("STATUS INBOX (MESSAGES)"))
        await client.ok("REPLACE 1 INBOX", literal=b"X:\r\n" * 10_000 + BODY)
        await client.ok("APPEND INBOX", literal=b"X-Y: " + b"z" * (1024 * 1024 - 10) + b"\r\n" + BODY)


def _store(tx: Tx, account_id: int, prepared: blobs.Prepared) -> None:
    box = mailboxes.get(tx, account_id, "INBOX")
    content_id, _ = messages.store_content(tx, prepared)
    messages.place(tx, account_id, box.id, content_id, prepared.size)


MARK = b"X-Mark: here\r\n"
OLD = b"X: y\r\n" * 200_000


@pytest.mark.parametrize("section", ["HEADER.FIELDS (X)", "HEADER.FIELDS.NOT (Subject)", "HEADER.FIELDS.NOT (X)"])
@pytest.mark.parametrize("nested", [False, True])
async def test_an_old_header_of_very_many_fields_costs_little_memory(
    sqlite_store: Store, section: str, nested: bool
) -> None:
    """One that came before the bound, or stands in a message within a message."""
    header = MARK + OLD
    outer = b"Content-Type: message/rfc822\r\n\r\n"
    octets = outer + header + BODY if nested else header + BODY
    async with World(sqlite_store) as world:
        await world.people()
        await sqlite_store.write(_store, world.accounts["edupont"], blobs.prepare(octets, sqlite_store.blobs))
        client = await world.session(mailbox="INBOX")
        tracemalloc.start()
        try:
            client.send(b"f FETCH 1 BODY.PEEK[%b%b]\r\n" % (b"1." if nested else b"", section.encode()))
            answer = await client.until(b"f OK FETCH completed\r\n")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert (MARK in answer) is ("NOT" in section)
        assert (b"X: y\r\n" * 1000 in answer) is (section != "HEADER.FIELDS.NOT (X)")
        assert peak < 5 * len(octets) + 2 * headers.MAX_HEADER, peak


@pytest.mark.parametrize("exclude", [False, True])
def test_pieces_of_a_long_header_are_cut_between_fields(exclude: bool) -> None:
    """Long folded fields stand across every place where a piece would end."""
    field = b"X-A: " + b"\r\n ".join([b"z" * 60] * 300) + b"\r\n"
    other = b"Subject: " + b"\r\n\t".join([b"s" * 7] * 100) + b"\r\n"
    header = (field + other) * 60
    assert len(header) > 5 * headers.WINDOW
    expected = (other if exclude else field) * 60 + b"\r\n"
    assert headers.select(header, 0, len(header), ["x-a"], exclude=exclude) == expected
