"""Whether the processes of a supervisor still work: each counts in shared memory, the supervisor looks at the counts.

Two faults are told apart. A process that somebody stopped (SIGSTOP: state `T`) does nothing until somebody lets it go
on, so it is given up soon. One whose event loop does not turn may be at the mercy of a busy machine, so it is given up
late, and not while it waits for a disk. Time counts only while the supervisor itself runs: after a pause of the whole
machine nobody is late.
"""

import asyncio
import mmap
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mailserver.foundation.metrics import catalogue

BEAT_SECONDS = 1.0
LOOK_SECONDS = 0.5
STOPPED_SECONDS = 5.0
"""A process that is stopped for so long is replaced."""
SILENT_SECONDS = 60.0
"""So is one whose loop did not turn for so long,"""
ILL_SECONDS = 30.0
"""When all are silent for so long, whoever watches over the supervisor hears nothing any more."""
START_SECONDS = 180.0
"""or did not begin to."""
_COUNT = struct.Struct("=Q")
_COUNTS = 1 << 64


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One process's count."""

    board: mmap.mmap
    place: int

    def beat(self) -> None:
        """Say once more that the loop turns."""
        (count,) = _COUNT.unpack_from(self.board, self.place)
        _COUNT.pack_into(self.board, self.place, (count + 1) % _COUNTS)

    async def run(self) -> None:
        """Beat until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self.beat()
            due = loop.time() + BEAT_SECONDS
            await asyncio.sleep(BEAT_SECONDS)
            catalogue.LOOP_DELAY.observe(max(0.0, loop.time() - due))


@dataclass(slots=True)
class _Seen:
    """What is known of one process. Seconds are those in which the supervisor ran."""

    count: int
    has_begun: bool = False
    stopped: float = 0.0
    silent: float = 0.0
    given_up: bool = False


class Watchdog:
    """Looks after so many processes, known by their index."""

    def __init__(self, count: int) -> None:
        self._board = mmap.mmap(-1, max(count, 1) * _COUNT.size)
        self._seen: dict[int, _Seen] = {}
        self._looked = 0.0

    def heartbeat(self, index: int) -> Heartbeat:
        """What the process counts with."""
        return Heartbeat(self._board, index * _COUNT.size)

    def begin(self, index: int) -> None:
        """A process with this index begins its life."""
        self._seen[index] = _Seen(self._count(index))

    def close(self) -> None:
        """Give the memory back."""
        self._board.close()

    def look(self, children: Mapping[int, int], now: float) -> Iterator[tuple[int, str]]:
        """Processes (id -> index) that are to be replaced, each once, and why. `now` is of a clock without jumps."""
        passed = now - self._looked
        if passed < LOOK_SECONDS:
            return
        self._looked = now
        for pid, index in children.items():
            seen = self._seen[index]
            why = self._judge(seen, self._count(index), state_of(pid), min(passed, 2 * LOOK_SECONDS))
            if why and not seen.given_up:
                seen.given_up = True
                yield pid, why

    def is_any_well(self) -> bool:
        """Whether the loop of any process turned lately, or has just begun to."""
        return any(seen.silent < ILL_SECONDS for seen in self._seen.values())

    def _judge(self, seen: _Seen, count: int, state: str, passed: float) -> str:
        if count != seen.count:
            seen.count, seen.has_begun, seen.silent = count, True, 0.0
        elif state in ("R", "S"):
            seen.silent += passed
        seen.stopped = seen.stopped + passed if state == "T" else 0.0
        if seen.stopped >= STOPPED_SECONDS:
            return "is stopped"
        return "does not answer" if seen.silent >= (SILENT_SECONDS if seen.has_begun else START_SECONDS) else ""

    def _count(self, index: int) -> int:
        (count,) = _COUNT.unpack_from(self._board, index * _COUNT.size)
        return int(count)


def state_of(pid: int) -> str:
    """The letter of proc(5): R runs, S sleeps, D waits for a disk, T is stopped; nothing for a process that is gone."""
    try:
        # The name before it may contain anything.
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""
