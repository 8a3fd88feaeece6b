"""Workers and hosts are killed by the clock."""

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter

from tests.harness import relays_of, workers_of
from tests.hosts_in_namespaces import Academy, Host

DARK_SECONDS = 10.0
"""How long a host that was killed stays away."""
START_SECONDS, RESTART_SECONDS = 120.0, 2.0
"""Until one that does not start has failed, and between two tries."""


class Faults:
    """A thread that kills: a worker each so many seconds, and a whole host each so many."""

    def __init__(self, academy: Academy, worker_seconds: float, host_seconds: float, seed: int) -> None:
        self._academy = academy
        self._every = {"worker": worker_seconds, "host": host_seconds}
        self._dice = random.Random(seed)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.done: Counter[str] = Counter()
        self.failed = ""
        """Why a host did not come back."""

    def __enter__(self) -> "Faults":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        due = {kind: time.monotonic() + seconds for kind, seconds in self._every.items()}
        while not self.failed:
            kind = min(due, key=due.__getitem__)
            if self._stopping.wait(max(0.0, due[kind] - time.monotonic())):
                return
            due[kind] += self._every[kind]
            host = self._dice.choice(self._academy.hosts)
            try:
                self._kill_host(host) if kind == "host" else self._kill_worker(host)
            except AssertionError as error:
                self.failed = str(error)

    def _kill_worker(self, host: Host) -> None:
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            workers = [*workers_of(host), *relays_of(host)]
            if workers:
                os.kill(self._dice.choice(workers), signal.SIGKILL)
                self.done["worker"] += 1

    def _kill_host(self, host: Host) -> None:
        host.kill()
        self.done["host"] += 1
        self._stopping.wait(DARK_SECONDS)
        self._start(host)

    def _start(self, host: Host) -> None:
        """As its unit says (`Restart=on-failure`): one that does not start while something is away is started again."""
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                host.start("--workers", "2")
            except AssertionError:
                if time.monotonic() > end:
                    raise
                self.done["refused start"] += 1
                time.sleep(RESTART_SECONDS)
            else:
                return
