"""What the hosts hold while they work: memory and open files of all their processes."""

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

    def __init__(self, academy: Academy) -> None:
        self._hosts = academy.hosts
        self._began = time.monotonic()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.samples: dict[int, list[Sample]] = {number: [] for number, _ in enumerate(self._hosts, 1)}

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(EVERY_SECONDS):
            for number, host in enumerate(self._hosts, 1):
                with contextlib.suppress(OSError, AssertionError, ValueError):  # it was killed meanwhile
                    self.samples[number].append(_look(host, time.monotonic() - self._began))

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
