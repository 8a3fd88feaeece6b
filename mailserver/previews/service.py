"""Has files read by processes of their own: few at once, each with an end."""

import asyncio
import contextlib
import hashlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakValueDictionary

import structlog

from mailserver.model.errors import Temporary
from mailserver.previews.child import ALL
from mailserver.previews.faults import EXIT_CODES, Fault, Unreadable
from mailserver.previews.office_program import OfficeProgram
from mailserver.previews.processes import ROOT, end, kill
from mailserver.store.engine.memory import Memory

log = structlog.get_logger("previews")

MAX_OCTETS = 20 * 1024 * 1024
"""Of a file that is read."""
MAX_ANSWER = 12 * 1024 * 1024
"""Octets of its HTML, pictures included."""
SECONDS = 20.0
"""By the clock; of the processor it has fewer (`child`)."""
AT_ONCE = 2
"""Processes of one worker."""
MAX_WAITING = 10
"""Requests of one account that wait for their turn."""
KEPT_OCTETS = 24 * 1024 * 1024
Take = Callable[[], Awaitable[bytes]]
"""Gives a file's octets when it is its turn: nobody holds them, nor what they are taken of, while they wait."""
_FAULTS = {code: fault for fault, code in EXIT_CODES.items()}


@dataclass(frozen=True, slots=True)
class Converted:
    """A file as HTML that nobody has cleaned yet."""

    html: str
    cut: bool
    """It goes on beyond what is shown."""


class _Line(asyncio.Lock):
    """The requests of one account: one is worked on."""

    waiting = 0


class Previews:
    """One per worker."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._lines: WeakValueDictionary[int, _Line] = WeakValueDictionary()
        self._kept = Memory(KEPT_OCTETS)
        self._office = OfficeProgram()
        self._one_office = asyncio.Lock()

    async def convert(
        self, account_id: int, kind: str, language: str, take: Take, *, everything: bool = False
    ) -> Converted:
        """The file as HTML; the same again is remembered. `everything`: with what no page shows of it. Raises
        Unreadable, Temporary."""
        said = (kind, language, *([ALL] if everything else []))
        async with self.turn(account_id):
            octets, key = await _taken(said, take)
            kept: Converted | Fault | None = self._kept.get(key)
            if kept is None:
                kept = await _converted(said, octets)
                self._kept.put(key, kept, 100 if isinstance(kept, Fault) else 4 * len(kept.html))
        if isinstance(kept, Fault):
            raise Unreadable(kept)
        return kept

    async def pages(self, account_id: int, program: Path, kind: str, take: Take, wanted: str = "pdf") -> bytes:
        """The file as PDF, or as what is `wanted` (`kinds.NEW`), by LibreOffice; the same again is remembered. Raises
        Unreadable, Temporary."""
        async with self.turn(account_id, self._one_office):
            octets, key = await _taken((kind, wanted), take)
            kept: bytes | Fault | None = self._kept.get(key)
            if kept is None:
                kept = await self._office.converted(program, kind, wanted, octets)
                if kept is not Fault.NO_PROGRAM:
                    self._kept.put(key, kept, 100 if isinstance(kept, Fault) else len(kept))
        if isinstance(kept, Fault):
            raise Unreadable(kept)
        return kept

    @contextlib.asynccontextmanager
    async def turn(self, account_id: int, among: asyncio.Lock | None = None) -> AsyncIterator[None]:
        """Hold while a file of this account is read: one of each, few of a worker, and one of those that hold the same
        lock. Raises Temporary: too many wait."""
        line = self._lines.setdefault(account_id, _Line())
        if line.waiting >= MAX_WAITING:
            raise Temporary("too many previews are waited for")
        line.waiting += 1
        try:
            async with line, among or self._turns:
                yield
        finally:
            line.waiting -= 1


async def _taken(said: tuple[str, ...], take: Take) -> tuple[bytes, Hashable]:
    """The octets, and what what is made of them is remembered by."""
    octets = await take()
    if len(octets) > MAX_OCTETS:
        raise Unreadable(Fault.TOO_BIG)
    return octets, (*said, hashlib.sha256(octets).digest())


async def _converted(said: tuple[str, ...], octets: bytes) -> Converted | Fault:
    """What became of it in a process."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mailserver.previews.child", *said,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
        cwd="/", env={"PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"},
    )  # fmt: skip
    try:
        async with asyncio.timeout(SECONDS):
            answer, _ = await asyncio.gather(_read(child), _write(child, octets))
            code = await child.wait()
    except TimeoutError:
        log.warning("a preview took too long", kind=said[0])
        return Fault.TOO_BIG
    finally:
        await end(child)
    if code == 0 and answer is not None:
        head, _, html = answer.partition(b"\n")
        return Converted(html.decode("utf-8", "replace"), bool(json.loads(head)["cut"]))
    if code not in _FAULTS:  # a limit, or a fault of ours
        log.warning("a preview's process failed", kind=said[0], code=code)
    return _FAULTS.get(code, Fault.TOO_BIG)


async def _read(child: asyncio.subprocess.Process) -> bytes | None:
    """Its answer; None when that is too long."""
    assert child.stdout is not None
    pieces: list[bytes] = []
    octets = 0
    while piece := await child.stdout.read(256 * 1024):
        octets += len(piece)
        if octets > MAX_ANSWER:
            kill(child)
            return None
        pieces.append(piece)
    return b"".join(pieces)


async def _write(child: asyncio.subprocess.Process, octets: bytes) -> None:
    assert child.stdin is not None
    with contextlib.suppress(ConnectionError):  # it ended without reading everything: its code says why
        child.stdin.write(octets)
        await child.stdin.drain()
        child.stdin.close()
        await child.stdin.wait_closed()
