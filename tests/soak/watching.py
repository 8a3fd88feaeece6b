"""What the hosts hold while they work: memory and open files of all their processes. What the machine does beside."""

import contextlib
import os
import statistics
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from tests.harness import children_of
from tests.hosts_in_namespaces import Academy, Host

EVERY_SECONDS = 5.0
_UNIT = 1024


@dataclass(frozen=True, slots=True)
class Sample:
    """Of one host at one time."""

    at: float
    memory: int
    """Octets, what processes share divided among them."""
    files: int
    processes: int


class Watch:
    """A thread that looks again and again."""

    others: list[tuple[float, float]]
    """When, and the processors' seconds that went to whoever has nothing to do with this run."""

    def __init__(self, academy: Academy) -> None:
        self._hosts = academy.hosts
        self._began = time.monotonic()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.others = []
        self._spent = _Spent()
        self.samples: dict[int, list[Sample]] = {number: [] for number, _ in enumerate(self._hosts, 1)}

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(EVERY_SECONDS):
            with contextlib.suppress(OSError, ValueError):  # a process ended while it was looked at
                self.others.append((time.monotonic() - self._began, self._spent.of_others()))
            for number, host in enumerate(self._hosts, 1):
                with contextlib.suppress(OSError, AssertionError, ValueError):  # it was killed meanwhile
                    self.samples[number].append(_look(host, time.monotonic() - self._began))

    def taken(self, begin: float, end: float) -> float:
        """Of the machine's processors between two times, the part that others had."""
        found = [one for one in self.others if begin <= one[0] <= end]
        if len(found) < 2:
            return 0.0
        (first, before), (last, after) = found[0], found[-1]
        return max(0.0, after - before) / ((last - first) * (os.cpu_count() or 1))

    def growth(self, number: int) -> tuple[float, float]:
        """How many times the memory and the open files of the run's second quarter its last quarter has."""
        full = max((one.processes for one in self.samples[number]), default=0)
        samples = [one for one in self.samples[number] if one.processes == full]
        quarter = len(samples) // 4
        if not quarter:
            return 1.0, 1.0
        early, late = samples[quarter : 2 * quarter], samples[-quarter:]
        memory, files = (
            statistics.median(getattr(one, name) for one in late)
            / statistics.median(getattr(one, name) for one in early)
            for name in ("memory", "files")
        )
        return memory, files


def _look(host: Host, at: float) -> Sample:
    pids = [host.pid, *children_of(host)]
    memory = sum(_pss(pid) for pid in pids)
    files = sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)
    return Sample(at, memory, files, len(pids))


def _pss(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * _UNIT
    return 0


class _Spent:
    """Seconds of the processors that went to this process and whatever it started, those included that are gone."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, str], int] = {}

    def of_others(self) -> float:
        """All that the processors worked since the machine began, less ours."""
        user, nice, system, _, _, irq, softirq, *_ = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:])
        parents: dict[int, int] = {}
        spent: dict[int, tuple[str, int]] = {}
        for entry in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):  # it ended meanwhile
                fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
                parents[int(entry)] = int(fields[1])
                spent[int(entry)] = fields[19], int(fields[11]) + int(fields[12])
        ours = {os.getpid()}
        while more := {pid for pid, parent in parents.items() if parent in ours and pid not in ours}:
            ours |= more
        for pid in ours & spent.keys():
            began, ticks = spent[pid]
            self._seen[pid, began] = ticks
        busy = user + nice + system + irq + softirq - sum(self._seen.values())
        return busy / float(os.sysconf("SC_CLK_TCK"))
