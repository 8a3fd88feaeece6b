"""DEFLATE on the connection (RFC 4978), and how it begins and ends (RFC 8437 section 4.1)."""

import asyncio
import random
import tracemalloc
import zlib
from pathlib import Path

import pytest

from imap.connection import writer
from mailserver.store.engine.transactions import Store
from tests.imap import dialogues
from tests.imap.test_protocol import patched
from tests.imap.world import PASSWORD, Client, World, play
from tests.waiting import PATIENCE

MESSAGE = b"Subject: essai\r\n\r\n" + b"La r\xc3\xa9union est \xc3\xa0 14 h.\r\n" * 20
FILES = sorted(dialogues.FOLDER.glob("*.txt"))


class Squeezed:
    """A client that compresses once it is logged in."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.heard = bytearray()
        self._deflate = zlib.compressobj(wbits=-15)
        self._inflate = zlib.decompressobj(-15)
        self.active = False

    def squeeze(self, octets: bytes, *, last: bool = False) -> bytes:
        flush = zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH
        return self._deflate.compress(octets) + self._deflate.flush(flush)

    def send(self, octets: bytes) -> None:
        self.client.send(self.squeeze(octets) if self.active else octets)

    async def line(self) -> bytes:
        if not self.active:
            line = await self.client.line()
            if line.endswith(b"Logged in"):
                await self.start()
            return line
        return await self.until(b"\r\n")

    async def until(self, mark: bytes) -> bytes:
        async with asyncio.timeout(PATIENCE):
            while (place := self.heard.find(mark)) < 0:
                if not self.take():
                    self.client.transport.arrived.clear()
                    if self.client.transport.lost:
                        raise ConnectionError(f"closed; last: {bytes(self.heard[-200:])!r}")
                    await self.client.transport.arrived.wait()
        octets = bytes(self.heard[:place])
        del self.heard[: place + len(mark)]
        return octets

    def take(self) -> int:
        """Inflate what the server has said."""
        octets = self.client.transport.take(len(self.client.transport.written))
        self.heard += self._inflate.decompress(octets)
        return len(octets)

    @property
    def pending(self) -> bytes:
        self.take()
        return bytes(self.heard)

    async def start(self) -> "Squeezed":
        await self.client.ok("COMPRESS DEFLATE")
        self.active = True
        return self

    async def ok(self, text: bytes) -> bytes:
        """Run a command that must succeed; all it says."""
        self.send(b"ok " + text + b"\r\n")
        said = await self.until(b"ok OK ")
        await self.line()
        return said

    @property
    def ended(self) -> bool:
        """The server has ended its stream."""
        return self._inflate.eof


IN_PIECES = ("append", "fetch_sections", "idle", "notify", "replace")
"""Dialogues with literals and with what comes unasked: the same stream, whatever the commands."""


@pytest.mark.parametrize(
    ("path", "send"),
    [
        *((path, dialogues.whole) for path in FILES),
        *((path, dialogues.bytewise) for path in FILES if path.stem in IN_PIECES),
    ],
    ids=lambda one: one.stem if isinstance(one, Path) else one.__name__,
)
def test_every_dialogue_compressed(path: Path, send: dialogues.Sender, sqlite_store: Store) -> None:
    if path.stem in ("compress", "unauthenticate"):
        pytest.skip("they speak of the compression itself")

    async def scene() -> None:
        async with World(sqlite_store) as world:
            dialogue = dialogues.read(path)
            clients = await dialogues.prepare(dialogue, world)
            squeezed = {name: Squeezed(client) for name, client in clients.items()}
            for session, _, _ in dialogue.inside:
                await squeezed[session].start()
            await dialogues.perform(dialogue, squeezed, send)

    play(scene)


def test_compressing_twice_is_refused(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await Squeezed(await world.session()).start()
            client.send(b"a COMPRESS DEFLATE\r\nb CAPABILITY\r\n")
            assert await client.line() == b"a NO [COMPRESSIONACTIVE] DEFLATE is active already"
            assert b"COMPRESS" not in await client.line()

    play(scene)


def test_a_long_literal_and_a_long_answer(sqlite_store: Store) -> None:
    """Half of it cannot be compressed; the loop turns meanwhile."""

    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await Squeezed(await world.session(mailbox="INBOX")).start()
            message = MESSAGE + random.Random(1).randbytes(2_000_000).replace(b"\0", b"1") + b"\r\n" * 1_000_000
            await client.ok(b"APPEND INBOX {%d+}\r\n%s" % (len(message), message))
            assert message in await client.ok(b"FETCH 1 BODY[]")

    play(scene)


def test_many_commands_in_few_octets_run_one_at_a_time(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await Squeezed(await world.session()).start()
            client.send(b"".join(b"n%d NOOP\r\n" % number for number in range(20_000)))
            await client.until(b"n19999 OK NOOP completed\r\n")

    play(scene)


@pytest.mark.parametrize("idling", [False, True])
def test_a_bomb_costs_little_memory_and_nobody_waits(sqlite_store: Store, idling: bool) -> None:
    """300 MB of one line in 300 KB: the framer's limits hold for what is inflated."""

    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await Squeezed(await world.session()).start()
            other = await world.session()
            if idling:
                client.send(b"a IDLE\r\n")
                assert await client.line() == b"+ idling"
            bomb = client.squeeze(b"a" * 300_000_000)
            tracemalloc.start()
            try:
                client.client.send(bomb)
                await other.ok("NOOP")
                await asyncio.wait_for(client.client.closed(), PATIENCE)
                assert tracemalloc.get_traced_memory()[1] < 4_000_000
            finally:
                tracemalloc.stop()
            assert b"Line too long" in client.pending

    play(scene)


def test_news_come_at_once_while_idling(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await Squeezed(await world.session(mailbox="INBOX")).start()
            client.send(b"a IDLE\r\n")
            assert await client.line() == b"+ idling"
            await (await world.session()).ok("APPEND INBOX", literal=MESSAGE)
            assert await client.line() == b"* 1 EXISTS"
            await client.line()
            client.send(b"DONE\r\nb NOOP\r\n")
            assert await client.line() == b"a OK IDLE completed"
            assert await client.line() == b"b OK NOOP completed"

    play(scene)


def test_who_rests_holds_no_compressor_and_goes_on_where_it_was(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await Squeezed(await world.session()).start()
            with patched(writer, REST_SECONDS=0.01):
                for _ in range(3):
                    await client.ok(b"NOOP")
                    async with asyncio.timeout(PATIENCE):
                        while not client.client.connection.resting:
                            await asyncio.sleep(0.005)
            await client.ok(b"NOOP")

    play(scene)


@pytest.mark.parametrize("octets", [b"b NOOP\r\n", b"\x07\xff\xff"])
def test_what_is_no_deflate_ends_the_connection(sqlite_store: Store, octets: bytes) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await Squeezed(await world.session()).start()
            client.client.send(octets)
            await client.client.closed()
            assert client.pending.startswith(b"* BYE")

    play(scene)


def test_plain_text_behind_compress_is_not_run(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await world.session()
            client.send(b"a COMPRESS DEFLATE\r\nb CREATE smuggled\r\n")
            squeezed = Squeezed(client)
            assert await client.line() == b"a OK DEFLATE active"
            await client.closed()
            assert squeezed.pending.startswith(b"* BYE")
            assert "smuggled" not in str(await (await world.session()).ok('LIST "" *'))

    play(scene)


def test_unauthenticate_ends_the_compression(sqlite_store: Store) -> None:
    """RFC 8437 section 4.1: both streams end behind the command and its OK, and plain text may follow at once."""

    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await Squeezed(await world.session(mailbox="INBOX")).start()
            end = client.squeeze(b"a UNAUTHENTICATE\r\n", last=True)
            client.client.send(end + b"b LOGIN mmartin %s\r\n" % PASSWORD.encode())
            assert await client.until(b"\r\n") == b"a OK Who are you?"
            assert client.ended
            rest = client._inflate.unused_data
            while b"\r\n" not in rest:
                rest += await client.client.line() + b"\r\n"
            assert rest.startswith(b"b OK [CAPABILITY")
            assert b"COMPRESS=DEFLATE" in rest
            assert await client.client.ok("NOOP") == []
            again = await Squeezed(client.client).start()
            await again.ok(b"NOOP")

    play(scene)


def test_commands_behind_unauthenticate_in_the_old_layer_are_dropped(sqlite_store: Store) -> None:
    async def scene() -> None:
        async with World(sqlite_store) as world:
            await world.people()
            client = await Squeezed(await world.session()).start()
            client.send(b"a UNAUTHENTICATE\r\nb NOOP\r\n")
            assert await client.until(b"\r\n") == b"a OK Who are you?"
            assert client.ended
            assert await client.client.ok("NOOP") == []

    play(scene)
