"""Sends mail as other servers do, and looks into mailboxes as a mail program does."""

import asyncio
import re
from collections import Counter, deque
from collections.abc import Mapping, Sequence

from tests.bench.incoming.domains import HOST
from tests.bench.incoming.mail import Letter
from tests.bench.incoming.people import LOGINS, PASSWORD, address

SESSIONS = 20
"""Connections at once."""
PER_CONNECTION = 20
"""Messages of one."""
POLL_SECONDS = 0.025
_FIELD = re.compile(rb"(?mi)^Authentication-Results:((?:[^\r\n]*\r?\n[ \t])*[^\r\n]*)")
_RESULT = re.compile(rb"\b(spf|dkim|dmarc)=([a-z]+)")
_COUNT = re.compile(rb'^\* STATUS ("[^"]*"|\S+) \(MESSAGES (\d+)\)', re.IGNORECASE)


class Refused(Exception):
    """The server did not do what it was asked."""


async def send(port: int, letters: Sequence[Letter]) -> None:
    """Hand over all of them. Raises Refused, OSError."""
    waiting = deque(letters)
    await asyncio.gather(*(_session(port, waiting) for _ in range(SESSIONS)))


async def _session(port: int, waiting: deque[Letter]) -> None:
    while waiting:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await _reply(reader, b"220")
        writer.write(f"EHLO {HOST}\r\n".encode())
        await _reply(reader, b"250")
        for _ in range(PER_CONNECTION):
            if waiting:
                await _transaction(reader, writer, waiting.popleft())
        writer.write(b"QUIT\r\n")
        await _reply(reader, b"221")
        writer.close()


async def _transaction(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, letter: Letter) -> None:
    size = len(letter.octets)
    writer.write(f"MAIL FROM:<{letter.sender}> SIZE={size}\r\nRCPT TO:<{letter.recipient}>\r\nDATA\r\n".encode())
    for wanted in (b"250", b"250", b"354"):
        await _reply(reader, wanted)
    writer.write(letter.octets.replace(b"\r\n.", b"\r\n..") + b".\r\n")
    await writer.drain()
    await _reply(reader, b"250")


async def _reply(reader: asyncio.StreamReader, wanted: bytes) -> None:
    line = await reader.readline()
    while line[3:4] == b"-":
        line = await reader.readline()
    if not line.startswith(wanted):
        raise Refused(line.decode("utf-8", "replace"))


class Mailboxes:
    """Everybody's, one connection each."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}

    async def open(self, port: int) -> None:
        """Log everybody in. Raises Refused, OSError."""
        for login in LOGINS:
            self._known[login] = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
            await self._known[login][0].readline()
            await self._command(login, f'LOGIN "{address(login)}" "{PASSWORD}"')

    def close(self) -> None:
        for _, writer in self._known.values():
            writer.close()

    async def counts(self, login: str) -> Counter[str]:
        """How many messages somebody's mailboxes hold."""
        found: Counter[str] = Counter()
        for line in await self._command(login, 'LIST "" "*" RETURN (STATUS (MESSAGES))'):
            if told := _COUNT.match(line):
                found[told[1].decode().strip('"')] += int(told[2])
        return found

    async def totals(self) -> dict[str, int]:
        return {login: (await self.counts(login)).total() for login in LOGINS}

    async def wait_for(self, totals: Mapping[str, int]) -> None:
        """Return once everybody has so many messages. One mailbox at a time is asked: asking costs the server, too."""
        for login, wanted in totals.items():
            while (await self.counts(login)).total() < wanted:
                await asyncio.sleep(POLL_SECONDS)

    async def found_out(self) -> dict[str, Counter[str]]:
        """Of every message of every mailbox, by the topmost field of results: how many `passed` SPF, DKIM and DMARC,
        how many DMARC calls `forged`, and how many are neither."""
        found: dict[str, Counter[str]] = {}
        for login in LOGINS:
            for name, count in (await self.counts(login)).items():
                if count:
                    await self._command(login, f'EXAMINE "{name}"')
                    fetch = "FETCH 1:* (BODY.PEEK[HEADER.FIELDS (AUTHENTICATION-RESULTS)])"
                    octets = b"".join(await self._command(login, fetch))
                    fields = re.split(rb"(?m)^\* \d+ FETCH ", octets)[1:]
                    found.setdefault(name, Counter()).update(map(_verdict, fields))
        return found

    async def _command(self, login: str, words: str) -> list[bytes]:
        """The lines of the answer, the last one left out."""
        reader, writer = self._known[login]
        writer.write(f"zQ7 {words}\r\n".encode())
        lines: list[bytes] = []
        while not (line := await reader.readline()).startswith(b"zQ7 "):
            if not line:
                raise Refused(f"{words.split()[0]}: closed")
            lines.append(line)
        if not line.startswith(b"zQ7 OK"):
            raise Refused(line.decode("utf-8", "replace"))
        return lines


def _verdict(fetched: bytes) -> str:
    field = _FIELD.search(fetched)
    results = dict(reversed(_RESULT.findall(field[1] if field else b"")))
    if results.get(b"dmarc") == b"fail":
        return "forged"
    passed = all(results.get(method) == b"pass" for method in (b"spf", b"dkim", b"dmarc"))
    return "passed" if passed else "neither"
