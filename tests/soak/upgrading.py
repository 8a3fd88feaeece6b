"""Two hosts of an older version, at work, are relieved by this checkout's one after the other, and brought back.

python -m tests.soak.upgrading COMMIT [--users 6] [--messages 100] [--spare]

As root, with git, PostgreSQL, HAProxy and iproute2. The steps are those of the guide ("Relieve without a stop", "Go
back"): what is installed is replaced under a service that runs, a worker ends meanwhile and is replaced, the plan is
read, each host restarts; then the version before is installed again. Between two steps clients go on until so many
more messages were acknowledged. Exit code 1: something acknowledged was lost or doubled, a client was cut off that
nobody killed, a log has an error, or the plan needs a stop.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.harness import workers_of
from tests.hatchery import ROOT
from tests.hosts_in_namespaces import Academy, Host, academy
from tests.runtime.test_two_hosts import both_up
from tests.soak.clients import Clients, made_up
from tests.soak.timings import Timings
from tests.waiting import until

STEP_SECONDS = 300.0
SECONDS = 600.0
"""What the run takes at most, for the timings."""
KEPT = 50
"""Messages in each inbox."""
LAST_LINES = 60
"""Of the logs, where a step fails."""
BAD = ("Traceback", "[error", "[critical")
"""In lines of a log."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commit", help="of the version before")
    parser.add_argument("--users", type=int, default=6)
    parser.add_argument("--messages", type=int, default=100, help="acknowledged between two steps")
    parser.add_argument("--spare", action="store_true", help="kill no worker: of a version that stops then")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on a real disk")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
    folder = Path(tempfile.mkdtemp(prefix="upgrading-", dir=chosen.folder))
    folder.chmod(0o755)
    users, people = made_up(folder, chosen.users)
    installed = Installed(folder, chosen.commit)
    try:
        with academy(folder, people, installed.link) as served:
            try:
                faults = list(Upgrade(served, installed, users, chosen.messages, spare=chosen.spare).run())
            except AssertionError:
                for host in served.hosts:
                    print(f"{host.directory.name}:", *host.log_text().splitlines()[-LAST_LINES:], sep="\n")
                raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for fault in faults:
        print(f"WRONG {fault}")
    print("all is well" if not faults else f"{len(faults)} faults")
    return 1 if faults else 0


class Installed:
    """Where the service finds its program: first the version before, then this checkout's, and back."""

    def __init__(self, folder: Path, commit: str) -> None:
        self._before = folder / "before"
        self.link = folder / "installed"
        packed = folder / "before.tar"
        with open(packed, "wb") as file:
            subprocess.run(["git", "-C", str(ROOT), "archive", commit], stdout=file, check=True)
        with tarfile.open(packed) as archive:
            archive.extractall(self._before, filter="data")
        words = self._before / "mailserver" / "texts" / "locale"
        subprocess.run(
            [sys.executable, "-m", "babel.messages.frontend", "-q", "compile", "-d", str(words), "-D", "messages"],
            check=True,
        )
        self.older()

    def older(self) -> None:
        self._point_to(self._before)

    def newer(self) -> None:
        self._point_to(ROOT)

    def _point_to(self, program: Path) -> None:
        made = self.link.with_suffix(".new")
        made.symlink_to(program)
        os.replace(made, self.link)


class Upgrade:
    """The steps, with clients at work."""

    def __init__(self, served: Academy, installed: Installed, users: list[str], messages: int, *, spare: bool) -> None:
        self._served = served
        self._installed = installed
        self._users = users
        self._messages = messages
        self._spare = spare
        self._timings = Timings(SECONDS)
        self._clients = Clients(served, users, self._timings, seed=1, kept=KEPT)
        self._broken = 0

    def run(self) -> Iterator[str]:
        both_up(self._served)
        with self._clients.at_work():
            yield from self._steps()
        both_up(self._served)
        yield from self._clients.amiss()
        for host in self._served.hosts:
            wrong = [line for line in host.log_text().splitlines() if any(bad in line for bad in BAD)]
            for line in wrong[:10]:
                yield f"log of {host.directory.name}: {line[:300]}"

    def _steps(self) -> Iterator[str]:
        one, two = self._served.hosts
        yield from self._went_on("at work")
        self._installed.newer()
        yield from self._went_on("installed beside it")
        if not self._spare:
            os.kill(workers_of(two)[0], signal.SIGKILL)
            yield from self._went_on("a worker was killed and replaced", killed=True)
        plan = one.command("upgrade", "DIR", "--plan").stdout
        print(plan)
        for host in (one, two):
            yield from self._relieve(host, "new")
        yield from self._went_on("both are new", times=3)
        self._installed.older()
        for host in (one, two):
            yield from self._relieve(host, "old, in the new schema")
        self._installed.newer()
        for host in (one, two):
            yield from self._relieve(host, "new again")

    def _relieve(self, host: Host, what: str) -> Iterator[str]:
        began = time.monotonic()
        print(host.relieve().strip().splitlines()[-1], f"({time.monotonic() - began:.1f} s)")
        yield from self._went_on(f"{host.directory.name} is {what}")

    def _went_on(self, what: str, times: int = 1, *, killed: bool = False) -> Iterator[str]:
        """Until clients had more messages taken; says who was cut off meanwhile."""
        wanted = len(self._clients.acknowledged) + times * self._messages
        until(lambda: len(self._clients.acknowledged) >= wanted, STEP_SECONDS)
        broken = sum(self._timings.broken.values())
        print(f"{what}: {len(self._clients.acknowledged)} messages, {broken - self._broken} connections broken")
        if broken > self._broken and not killed:
            yield f"{what}: {broken - self._broken} connections broken"
        self._broken = broken


if __name__ == "__main__":
    sys.exit(main())
