"""How long a small message from outside takes meanwhile."""

import asyncio
import time

from tests.bench.outgoing.destinations import SENDER

PAUSE_SECONDS = 0.05
PER_CONNECTION = 20
SECONDS = 30.0
"""The most that one command is waited for."""
_LETTER = b"From: b@dehors.example\r\nSubject: x\r\n\r\n%d\r\n.\r\n"


class Probe:
    """Sends one after the other, with a pause between them."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.seconds: list[float] = []
        """From MAIL to the answer about the message. Without the first one, which finds nothing in memory."""
        self._begun = 0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            await _reply(reader)
            await _say(reader, writer, b"EHLO mx.dehors.example\r\n")
            for _ in range(PER_CONNECTION):
                began = time.perf_counter()
                await _say(reader, writer, b"MAIL FROM:<b@dehors.example>\r\n")
                await _say(reader, writer, f"RCPT TO:<{SENDER.replace('u000', 'u001')}>\r\n".encode())
                await _say(reader, writer, b"DATA\r\n")
                await _say(reader, writer, _LETTER % self._begun)
                if self._begun:
                    self.seconds.append(time.perf_counter() - began)
                self._begun += 1
                await asyncio.sleep(PAUSE_SECONDS)
            writer.write(b"QUIT\r\n")
            writer.close()

    def percentile(self, part: float) -> float:
        """Milliseconds within which so large a part of them was taken."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0


async def _say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, words: bytes) -> None:
    writer.write(words)
    await _reply(reader)


async def _reply(reader: asyncio.StreamReader) -> None:
    async with asyncio.timeout(SECONDS):
        line = await reader.readline()
        while line[3:4] == b"-":
            line = await reader.readline()
    if line[:1] not in (b"2", b"3"):
        raise SystemExit(f"a message from outside is not taken: {line!r}")
