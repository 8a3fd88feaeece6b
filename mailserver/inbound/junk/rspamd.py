"""A client of rspamd: one message, one HTTP request (`/checkv2`), bounded in time and size whatever answers."""

import asyncio
import contextlib
import json
import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import h11

from mailserver.foundation.settings import Junk
from mailserver.inbound.junk.patience import PING_SECONDS, Away, Patience
from mailserver.model.clock import Clock

MAX_ANSWER = 256 * 1024
MAX_HEADER = 16 * 1024
MAX_PIECES = 10_000
_READ = 64 * 1024
MAX_SYMBOLS = 12
"""Reasons that are kept, the weightiest."""
MAX_SYMBOL = 64
_JUNK = frozenset({"add header", "rewrite subject", "reject"})
"""Actions of rspamd for what is junk; "greylist" and "soft reject" are about time, not about the message."""
MOST_RECIPIENTS = 100


@dataclass(frozen=True, slots=True)
class Handed:
    """Who handed a message over, as the envelope says."""

    sender: str = ""
    recipients: Sequence[str] = ()
    peer: str = ""
    """An IP address, or nothing."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """What the scanner says."""

    is_junk: bool
    score: int
    """Hundredths of a point."""
    needed: int
    symbols: tuple[str, ...]


class Rspamd:
    """One per worker."""

    def __init__(self, settings: Junk, clock: Clock) -> None:
        self._settings = settings
        self._patience = Patience("rspamd", clock)

    @property
    def is_on(self) -> bool:
        return bool(self._settings.rspamd)

    async def scan(self, octets: bytes, handed: Handed) -> Scanned | None:
        """What it says of a message; None of one that is too large for it. Raises Away, Unscanned."""
        if len(octets) > self._settings.scanned_octets:
            return None
        self._patience.check()
        try:
            async with asyncio.timeout(self._settings.scanner_seconds):
                found = read(await self._ask(octets, handed))
        except (OSError, h11.ProtocolError, TimeoutError, Away) as error:
            raise await self._patience.failed(error, self.answers()) from None
        self._patience.answered()
        return found

    async def answers(self) -> bool:
        """Whether it is there, though something went wrong."""
        if not self.is_on:  # turned off meanwhile
            return False
        try:
            async with asyncio.timeout(min(PING_SECONDS, self._settings.scanner_seconds)), self._connected() as streams:
                reader, writer = streams
                writer.write(b"GET /ping HTTP/1.0\r\n\r\n")
                return b"pong" in await reader.readuntil(b"pong")
        except (OSError, EOFError, asyncio.LimitOverrunError, TimeoutError):
            return False

    async def _ask(self, octets: bytes, handed: Handed) -> bytes:
        async with self._connected() as (reader, writer):
            return await _talk(reader, writer, self._settings.rspamd, octets, _fields(handed))

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        host, _, port = self._settings.rspamd.rpartition(":")
        reader, writer = await asyncio.open_connection(host.strip("[]"), int(port), limit=_READ)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()


def _fields(handed: Handed) -> list[tuple[str, str]]:
    """The envelope as rspamd reads it; what no HTTP field can hold is left out."""
    wanted = [("From", handed.sender), ("IP", handed.peer)]
    wanted += [("Rcpt", address) for address in handed.recipients[:MOST_RECIPIENTS]]
    return [(name, value) for name, value in wanted if value and value.isascii() and value.isprintable()]


async def _talk(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    place: str,
    octets: bytes,
    fields: list[tuple[str, str]],
) -> bytes:
    wire = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEADER)
    head = [("Host", place), ("Content-Length", str(len(octets))), ("Connection", "close"), *fields]
    writer.write(wire.send(h11.Request(method="POST", target="/checkv2", headers=head)) or b"")
    writer.write(wire.send(h11.Data(data=octets)) or b"")
    writer.write(wire.send(h11.EndOfMessage()) or b"")
    await writer.drain()
    answer = bytearray()
    for _ in range(MAX_PIECES):
        event = wire.next_event()
        if event is h11.NEED_DATA:
            wire.receive_data(await reader.read(_READ))
        elif isinstance(event, h11.Response) and event.status_code != 200:
            raise Away(f"answers {event.status_code}")
        elif isinstance(event, h11.Data):
            answer += event.data
            if len(answer) > MAX_ANSWER:
                raise Away("answers too much")
        elif isinstance(event, h11.EndOfMessage):
            return bytes(answer)
        elif not isinstance(event, (h11.Response, h11.InformationalResponse)):
            raise Away("was cut off")
    raise Away("answers in too many pieces")


def read(answer: bytes) -> Scanned:
    """An answer of `/checkv2`. Raises Away: it is none."""
    try:
        said = json.loads(answer)
    except (ValueError, RecursionError):
        raise Away("answers no JSON") from None
    if not isinstance(said, dict) or not isinstance(said.get("action"), str):
        raise Away("answers without an action")
    thresholds = said.get("thresholds")
    thresholds = thresholds if isinstance(thresholds, dict) else {}
    needed = _points(thresholds.get("add header")) or _points(said.get("required_score"))
    symbols = _symbols(said.get("symbols"))
    passed = said.get("passthrough_module")
    if not symbols and isinstance(passed, str):  # one module decided, before any points were given
        symbols = (_printable(passed),)
    return Scanned(said["action"] in _JUNK, _points(said.get("score")), needed, symbols)


def _points(value: object) -> int:
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        return 0
    return max(-1_000_000, min(1_000_000, round(100 * value)))


def _symbols(found: Any) -> tuple[str, ...]:
    """The names of what spoke for junk, the weightiest first."""
    if not isinstance(found, dict):
        return ()
    weights = {_printable(name): _points(one.get("score")) for name, one in found.items() if isinstance(one, dict)}
    named = sorted((name for name, weight in weights.items() if weight > 0), key=lambda name: (-weights[name], name))
    return tuple(name for name in named if name)[:MAX_SYMBOLS]


def _printable(name: str) -> str:
    return "".join(char for char in name[:MAX_SYMBOL] if char.isprintable())
