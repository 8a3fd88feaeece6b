"""What programs cost, seen from outside: the CPU of processes and of everything below them (Linux)."""

import contextlib
import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

TICK = os.sysconf("SC_CLK_TCK")
QUIET = 0.05
"""Of a core: what a service with nothing to do may take."""
LOOK_SECONDS = 0.5


class _Process(NamedTuple):
    parent: int
    name: str
    own: float
    """Seconds, as far as 10 ms."""
    reaped: float
    """Those of children that have ended."""


def cpu(roots: Sequence[int]) -> Counter[str]:
    """Seconds of user and system time that these processes and all below them have taken, by program."""
    known = _processes()
    below: dict[int, list[int]] = {}
    for pid, one in known.items():
        below.setdefault(one.parent, []).append(pid)
    found: Counter[str] = Counter()
    waiting = [pid for pid in roots if pid in known]
    while waiting:
        pid = waiting.pop()
        one = known[pid]
        found[one.name] += max(one.own, _exact(pid)) + one.reaped  # type: ignore[assignment]
        waiting += below.get(pid, ())
    return found


def wait_until_quiet(roots: Sequence[int], seconds: float) -> None:
    """Return once they do nothing any more, or after so many seconds."""
    deadline = time.monotonic() + seconds
    before, quiet = cpu(roots).total(), 0
    while quiet < 3 and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
        now = cpu(roots).total()
        quiet = quiet + 1 if now - before < QUIET * LOOK_SECONDS else 0
        before = now


def _processes() -> dict[int, _Process]:
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{name}/stat").read_text()
            start, end = text.index("("), text.rindex(")")
            words = text[end + 2 :].split()
            own, reaped = ((int(words[at]) + int(words[at + 1])) / TICK for at in (11, 13))
            found[int(name)] = _Process(int(words[1]), text[start + 1 : end], own, reaped)
    return found


def _exact(pid: int) -> float:
    """The nanosecond clocks of the threads that live."""
    total = 0
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            total += int(Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()[0])
    return total / 1e9
