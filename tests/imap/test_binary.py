"""Octets that no quoted string and no plain literal may hold (RFC 3516)."""

import base64

import pytest

from mailserver.mime import transfer
from mailserver.store.transactions import Store
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
    assert transfer.decode_base64(lines) == octets
    assert transfer.decode_base64(lines.replace(b"\n", b"\r\n").rstrip(b"=\r\n")) == octets
