"""Octets that no quoted string and no plain literal may hold (RFC 3516)."""

import base64

import pytest

from mailserver.mime.header import transfer_encoding
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import blobs
from tests.imap.dialogues import deliver
from tests.imap.world import World, play

NUL = b"Subject: x\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n\0\1\2\0"


@pytest.mark.parametrize("plus", [b"", b"+"])
def test_a_message_with_nul_comes_and_goes_as_a_literal8(sqlite_store: Store, plus: bytes) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await world.session(mailbox="INBOX")
            client.send(b"a APPEND INBOX ~{%d%b}\r\n" % (len(NUL), plus))
            if not plus:
                assert (await client.line()).startswith(b"+ ")
            client.send(NUL + b"\r\n")
            assert b"a OK [APPENDUID" in await client.until(b"APPEND completed\r\n")
            client.send(b"b FETCH 1 (BINARY.SIZE[1] BINARY.PEEK[1] BINARY.PEEK[1]<1.2> BODY.PEEK[1])\r\n")
            answer = await client.until(b"b OK FETCH completed\r\n")
            assert b"BINARY.SIZE[1] 4 BINARY[1] ~{4}\r\n\0\1\2\0 BINARY[1]<1> {2}\r\n\1\2 BODY[1] {10}\r\n" in answer

    play(scene)


def test_nul_that_is_in_the_store_all_the_same_is_never_sent_in_a_string(store: Store) -> None:
    """What a damaged file brought in: `?` stands for each NUL, so lengths are true; BINARY gives what is there."""
    octets = b"Subject: broken \0 line\r\nContent-Transfer-Encoding: base64\r\n\r\nSGVs\0bG8=\r\n"
    header, shown = octets.index(b"SGVs"), octets.replace(b"\0", b"?")

    async def scene() -> None:
        async with World(store) as world:
            await world.people()
            prepared = blobs.prepare(octets, store.blobs)
            await store.write(deliver, world.accounts["edupont"], "INBOX", prepared, (), 837570205)
            client = await world.session(mailbox="INBOX")
            client.send(b"a FETCH 1 (RFC822.SIZE BODY.PEEK[] BODY.PEEK[1]<4.2> RFC822.HEADER)\r\n")
            answer = await client.until(b"a OK FETCH completed\r\n")
            assert b"RFC822.SIZE %d BODY[] {%d}\r\n%s" % (len(octets), len(octets), shown) in answer
            assert b" BODY[1]<4> {2}\r\n?b RFC822.HEADER {%d}\r\n%s)" % (header, shown[:header]) in answer
            client.send(b"b FETCH 1 (BODY.PEEK[HEADER.FIELDS (SUBJECT)] BINARY.PEEK[1] BINARY.PEEK[])\r\n")
            answer = await client.until(b"b OK FETCH completed\r\n")
            assert b"{26}\r\nSubject: broken ? line\r\n\r\n BINARY[1] {5}\r\nHello" in answer
            assert b" BINARY[] ~{%d}\r\n%s)" % (len(octets), octets) in answer

    play(scene)


def test_a_plain_literal_with_nul_is_refused_and_the_session_goes_on(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await world.session(mailbox="INBOX")
            client.send(b"a APPEND INBOX {%d+}\r\n%b\r\nb NOOP\r\n" % (len(NUL), NUL))
            assert (await client.line()).startswith(b"a BAD ")
            assert (await client.line()).startswith(b"b OK ")
            client.send(b"c SELECT ~{1+}\r\na\r\n")
            assert (await client.line()).startswith(b"c BAD ")

    play(scene)


def test_a_large_part_is_decoded_piece_by_piece_and_whole() -> None:
    octets = bytes(range(256)) * 20_000
    lines = base64.encodebytes(octets)
    assert transfer_encoding.decode_base64(lines) == octets
    assert transfer_encoding.decode_base64(lines.replace(b"\n", b"\r\n").rstrip(b"=\r\n")) == octets
