"""The whole server over real sockets: dialogues under TLS from the start and under STARTTLS."""

import asyncio
import base64
import csv
import dataclasses
import ssl
import zlib
from collections.abc import Iterator

import pytest

from tests.harness import Instance
from tests.imap import dialogues
from tests.imap.dialogues import Dialogue
from tests.imap.world import PASSWORD
from tests.waiting import PATIENCE

FILES = [path for path in sorted(dialogues.FOLDER.glob("*.txt")) if path.stem not in ("authenticate", "scram")]
"""Those left out hold logins in base64 that cannot be exchanged for people of their own."""


def _own(dialogue: Dialogue, number: int) -> Dialogue:
    """The same dialogue with people nobody else uses, whose names are as long as those in the file."""
    names = {login: f"{login[:-2]}{number:02d}" for login in dialogue.people}

    def own(text: str) -> str:
        for login, name in names.items():
            text = text.replace(login, name).replace(_plain(login), _plain(name))
        return text

    return Dialogue(
        dialogue.name,
        list(names.values()),
        [
            (names[login], box, date, flags, own(octets.decode()).encode())
            for login, box, date, flags, octets in dialogue.mail
        ],
        [(session, names[login], box) for session, login, box in dialogue.inside],
        [dataclasses.replace(line, text=own(line.text)) for line in dialogue.lines],
        [(names[login], octets, count) for login, octets, count in dialogue.quotas],
    )


def _plain(login: str) -> str:
    """A login by SASL PLAIN."""
    return base64.b64encode(f"\0{login}\0{PASSWORD}".encode()).decode()


SCENES = [_own(dialogues.read(path), number) for number, path in enumerate(FILES)]
AFTER_STARTTLS = [
    _own(dialogues.read(dialogues.FOLDER / f"{name}.txt"), 90 + number)
    for number, name in enumerate(("rfc3501_sample", "fetch_sections", "append"))
]

COMPRESSED = [
    _own(dialogues.read(dialogues.FOLDER / f"{name}.txt"), 80 + number)
    for number, name in enumerate(("fetch_sections", "append", "vanished", "expunge", "idle"))
]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An instance with the people of every dialogue."""
    folder = tmp_path_factory.mktemp("imap-tls")
    instance = Instance(folder / "instance")
    instance.init("--domain", "ac-exemple.fr")
    with open(folder / "people.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["given_name", "surname", "birth_date", "role", "numen", "ine", "uai", "discipline", "login", "password"]
        )
        for scene in SCENES + AFTER_STARTTLS + COMPRESSED:
            for login in scene.people:
                writer.writerow(["Test", login, "", "teacher", "", "", "", "", login, PASSWORD])
    instance.command("import", "DIR", folder / "people.csv", "--accept-passwords")
    for scene in SCENES:
        for login, octets, count in scene.quotas:
            instance.command("account", "quota", "DIR", login, f"{octets >> 10}K", "--messages", str(count))
    instance.start("--workers", "2")
    try:
        yield instance
    finally:
        instance.stop()


class Wire:
    """A client over a socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, compresses: bool = False) -> None:
        self._reader = reader
        self._writer = writer
        self._compresses = compresses
        """Compress after the login."""
        self._deflate = zlib.compressobj(wbits=-15)
        self._inflate: zlib._Decompress | None = None
        self._heard = b""

    def send(self, octets: bytes) -> None:
        if self._inflate is not None:
            octets = self._deflate.compress(octets) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        self._writer.write(octets)

    async def line(self) -> bytes:
        async with asyncio.timeout(PATIENCE):
            line = await self._line()
            if self._compresses and b" OK [CAPABILITY" in line and line.endswith(b"Logged in"):
                self._compresses = False
                self.send(b"z COMPRESS DEFLATE\r\n")
                assert await self._line() == b"z OK DEFLATE active"
                self._inflate = zlib.decompressobj(-15)
            return line

    async def _line(self) -> bytes:
        if self._inflate is None:
            return (await self._reader.readuntil(b"\r\n"))[:-2]
        while b"\r\n" not in self._heard:
            octets = await self._reader.read(4096)
            assert octets, "closed"
            self._heard += self._inflate.decompress(octets)
        line, _, self._heard = self._heard.partition(b"\r\n")
        return line

    @property
    def pending(self) -> bytes:
        return b""

    async def say(self, text: str | bytes) -> bytes:
        """Run a command; its tagged line."""
        self.send(b"setup " + (text if isinstance(text, bytes) else text.encode()) + b"\r\n")
        while not (line := await self.line()).startswith(b"setup "):
            pass
        return line

    async def ok(self, text: str | bytes) -> None:
        """Run a command that must succeed."""
        line = await self.say(text)
        assert line.startswith(b"setup OK"), line

    async def start_tls(self, context: ssl.SSLContext) -> None:
        await self.ok("STARTTLS")
        await self._writer.start_tls(context, server_hostname="localhost")

    async def close(self) -> None:
        self._writer.close()
        await asyncio.wait([asyncio.ensure_future(self._writer.wait_closed())], timeout=1)


async def _connect(house: Instance, *, start_tls: bool, compresses: bool = False) -> Wire:
    context = ssl.create_default_context(cafile=str(house.directory / "tls" / "cert.pem"))
    if start_tls:
        wire = Wire(*await asyncio.open_connection("localhost", house.ports["imap"]))
        assert b"STARTTLS" in await wire.line()
        await wire.start_tls(context)
        return wire
    streams = await asyncio.open_connection("localhost", house.ports["imaps"], ssl=context)
    wire = Wire(*streams, compresses=compresses)
    assert b"STARTTLS" not in await wire.line()
    return wire


async def _perform(scene: Dialogue, house: Instance, *, start_tls: bool, compresses: bool = False) -> None:
    for login, mailbox, date, flags, octets in scene.mail:
        wire = await _connect(house, start_tls=False)
        await wire.ok(f"LOGIN {login} {PASSWORD}")
        if mailbox != "INBOX":
            await wire.say(f"CREATE {mailbox}")  # the second message finds it there
        when = dialogues.imap_date(date)
        await wire.ok(
            b"APPEND %s (%s) %s {%d+}\r\n%s" % (mailbox.encode(), " ".join(flags).encode(), when, len(octets), octets)
        )
        await wire.close()
    inside = {session: (login, mailbox) for session, login, mailbox in scene.inside}
    clients = {session: await _connect(house, start_tls=start_tls, compresses=compresses) for session in scene.sessions}
    for session, (login, mailbox) in inside.items():
        await clients[session].ok(f"LOGIN {login} {PASSWORD}")
        await clients[session].ok(f"SELECT {mailbox}")
    await dialogues.perform(scene, clients)
    for wire in clients.values():
        await wire.close()


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_under_tls(scene: Dialogue, house: Instance) -> None:
    """From the first octet on; two workers share the sessions of a dialogue as the kernel likes."""
    asyncio.run(_perform(scene, house, start_tls=False))


@pytest.mark.parametrize("scene", AFTER_STARTTLS, ids=lambda scene: scene.name)
def test_after_starttls(scene: Dialogue, house: Instance) -> None:
    asyncio.run(_perform(scene, house, start_tls=True))


@pytest.mark.parametrize("scene", COMPRESSED, ids=lambda scene: scene.name)
def test_compressed_under_tls(scene: Dialogue, house: Instance) -> None:
    """RFC 4978 section 3: what is encrypted was compressed before."""
    asyncio.run(_perform(scene, house, start_tls=False, compresses=True))
