"""Postfix with a queue that waits for a word: a private instance, as root."""

import asyncio
import os
import pwd
import re
import shutil
import subprocess
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from tests.bench.incoming import their_settings
from tests.bench.incoming.people import DOMAIN
from tests.bench.outgoing.destinations import SENDER, Domain, Letter
from tests.bench.outgoing.milter import PROGRAM, Milter
from tests.ports import free_port
from tests.waiting import until

SESSIONS = 10
_MORE = """
mynetworks = 127.0.0.0/8
transport_maps = texthash:{folder}/postfix/transport
virtual_transport = discard:
virtual_mailbox_maps =
smtp_tls_security_level = none
smtp_dns_support_level = disabled
"""
"""Mail to people here ends at once, which is to their advantage. Everything about the queue is as Postfix has it."""


def missing(*, sign: bool) -> str:
    """What to do before this can run; empty: nothing."""
    if os.geteuid() != 0:
        return "Postfix runs for several users: run this as root."
    if not Path("/usr/sbin/postfix").exists():
        return "Missing: apt-get install --no-install-recommends postfix"
    if sign and not PROGRAM.exists():
        return "Missing: apt-get install --no-install-recommends opendkim"
    return ""


class TheirQueue:
    """One instance."""

    def __init__(self, folder: Path, *, sign: bool = False) -> None:
        """`sign`: what it takes in is signed by OpenDKIM."""
        self.folder = folder
        self.smtp = free_port()
        self._milter = Milter() if sign else None
        self.signing_cpu = 0.0
        """Seconds of processor that signatures took before the clock starts."""

    @property
    def roots(self) -> list[int]:
        master = self._master()
        return [*([master] if master else []), *(self._milter.roots if self._milter else [])]

    def prepare(self, ways: dict[Domain, str], some: Iterable[Letter]) -> None:
        """Make it, and fill the queue while its manager is away."""
        self.folder.mkdir()
        config = self.folder / "postfix"
        for path in (config, self.folder / "queue", self.folder / "state"):
            path.mkdir()
        os.chown(self.folder / "state", pwd.getpwnam("postfix").pw_uid, -1)
        settings = {"folder": self.folder, "domain": DOMAIN, "milter": self._milter.port if self._milter else 0}
        main = re.sub(r"(?m)^(mynetworks|virtual_transport|virtual_mailbox_maps) = .*\n", "", their_settings.MAIN_CF)
        main = main.replace("reject_unauth_destination", "permit_mynetworks, reject_unauth_destination")
        main += _MORE + (their_settings.MILTER if self._milter else "")
        (config / "main.cf").write_text(main.format(**settings))
        ways_there = (
            f"{one.name} smtp:[{way.rpartition(':')[0]}]:{way.rpartition(':')[2]}\n" for one, way in ways.items()
        )
        (config / "transport").write_text("".join(ways_there))
        for name in ("postfix-files", "dynamicmaps.cf"):
            if Path("/etc/postfix", name).exists():
                shutil.copy(Path("/etc/postfix", name), config)
        self._write_master(with_manager=False)
        if self._milter is not None:
            self._milter.start()
        self.start()
        asyncio.run(_fill(self.smtp, deque(some)))
        self.signing_cpu = self._milter.cpu if self._milter else 0.0

    def start(self) -> None:
        if not self._master():
            self._postfix("start")
        until(lambda: self._master(), 60)

    def release(self) -> None:
        """Let the queue go."""
        self._write_master(with_manager=True)
        self._postfix("reload")

    def stop(self) -> None:
        if self._master():
            self._postfix("stop")
        if self._milter is not None:
            self._milter.stop()

    def _write_master(self, *, with_manager: bool) -> None:
        text = their_settings.MASTER_CF.format(smtp=self.smtp)
        if not with_manager:
            text = re.sub(r"(?m)^qmgr .*\n", "", text)
        (self.folder / "postfix" / "master.cf").write_text(text)

    def _postfix(self, verb: str) -> None:
        with open(self.folder / "postfix.out", "ab") as out:
            words = ["/usr/sbin/postfix", "-c", str(self.folder / "postfix"), verb]
            subprocess.run(words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=60, check=verb == "start")

    def _master(self) -> int:
        try:
            return int((self.folder / "queue" / "pid" / "master.pid").read_text())
        except (OSError, ValueError):
            return 0


async def _fill(port: int, waiting: deque[Letter]) -> None:
    await asyncio.gather(*(_session(port, waiting) for _ in range(SESSIONS)))


async def _session(port: int, waiting: deque[Letter]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await _reply(reader, b"220")
    writer.write(b"EHLO academie.example\r\n")
    await _reply(reader, b"250")
    while waiting:
        letter = waiting.popleft()
        writer.write(f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{letter.recipient}>\r\nDATA\r\n".encode())
        for wanted in (b"250", b"250", b"354"):
            await _reply(reader, wanted)
        writer.write(letter.octets.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        await _reply(reader, b"250")
    writer.write(b"QUIT\r\n")
    writer.close()


async def _reply(reader: asyncio.StreamReader, wanted: bytes) -> None:
    line = await reader.readline()
    while line[3:4] == b"-":
        line = await reader.readline()
    if not line.startswith(wanted):
        raise SystemExit(f"Postfix does not take the queue: {line!r}")
