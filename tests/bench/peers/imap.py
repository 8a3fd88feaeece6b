"""An IMAP connection that hands answers back as they came: nothing is parsed while the clock runs."""

import asyncio
import re
from typing import Self

from tests.bench.incoming.client import Refused
from tests.bench.incoming.people import PASSWORD, address

PIECE = 1 << 18
TAG = b"zQ7"
_MESSAGES = re.compile(rb"\(MESSAGES (\d+)\)")


class Connection:
    """One of somebody's."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int, login: str) -> Self:
        """Connected and logged in. Raises Refused, OSError."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
        made = cls(reader, writer)
        await reader.readline()
        await made.command(f'LOGIN "{address(login)}" "{PASSWORD}"'.encode())
        return made

    async def command(self, words: bytes) -> bytes:
        """The whole answer. Raises Refused."""
        self._writer.write(b"%s %s\r\n" % (TAG, words))
        return await self._answer()

    async def append(self, mailbox: bytes, messages: list[bytes]) -> None:
        """One command after the other, none waited for before the next is sent. Raises Refused."""
        for octets in messages:
            self._writer.write(b"%s APPEND %s {%d+}\r\n%s\r\n" % (TAG, mailbox, len(octets), octets))
        await self._writer.drain()
        told = 0
        while told < len(messages):
            line = await self._reader.readline()
            if not line or (line.startswith(TAG) and not line.startswith(TAG + b" OK")):
                raise Refused(line.decode("utf-8", "replace"))
            told += line.startswith(TAG)

    async def count(self, mailbox: bytes) -> int:
        """Messages of a mailbox. Raises Refused."""
        found = _MESSAGES.search(await self.command(b"STATUS %s (MESSAGES)" % mailbox))
        assert found
        return int(found[1])

    async def close(self) -> None:
        await self.command(b"LOGOUT")
        self._writer.close()

    async def _answer(self) -> bytes:
        """What comes up to and with the tagged line, which is the last: nothing else was asked."""
        told = bytearray()
        while True:
            piece = await self._reader.read(PIECE)
            told += piece
            if not piece:
                raise Refused("closed: " + bytes(told[-200:]).decode("utf-8", "replace"))
            if told.endswith(b"\r\n"):
                before = told.rfind(b"\r\n", 0, len(told) - 2)
                last = told[before + 2 if before >= 0 else 0 :]
                if last.startswith(TAG + b" "):
                    if not last.startswith(TAG + b" OK"):
                        raise Refused(last.decode("utf-8", "replace"))
                    return bytes(told)
