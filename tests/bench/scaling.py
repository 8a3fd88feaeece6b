"""What a second host adds: two workers on one host, and four on two, over one PostgreSQL and one object storage.

python -m tests.bench.scaling [--rounds 3] [--messages 2000] [--seconds 15] [--cores 0.35] [--json FILE]

As root, with PostgreSQL, HAProxy, iproute2 and control groups. The hosts are network namespaces of this machine behind
HAProxy (TLS between it and them); each gets so much of a core for all its processes, in slices of 20 ms, so that what
they share (the database, the storage, HAProxy) and the clients have the rest of the machine. Both ways are measured
in turn within the same service: clients of "one" reach the first host alone. Exit code 1: less than 1.7 times as much.
"""

import argparse
import contextlib
import csv
import json
import os
import shutil
import signal
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import uvloop

from tests.bench.incoming import processes
from tests.bench.incoming.people import DOMAIN, LOGINS, PASSWORD
from tests.bench.peers import load
from tests.bench.peers.measuring import Figure
from tests.hosts_in_namespaces import SETTINGS, Academy, Host

MARK = 1.7
WORKERS = 2
"""On each host."""
PERIOD = 20_000
"""Microseconds of a slice."""
CONTROL_GROUPS = Path("/sys/fs/cgroup")
PLAIN = """
[junk]
filter = false
[impersonation]
judge = false
"""
STARTING_SECONDS = 60.0
SLOW_LOOKS = 60
"""A host that has no processor left is not down."""
WARMING = 500
"""Messages."""
MEASURES = ("small", "logins", "mixed")


class Share:
    """A control group for the processes of one host."""

    def __init__(self, host: Host, cores: float) -> None:
        old = CONTROL_GROUPS / "cpu"  # version 1
        self._folder = (old if old.is_dir() else CONTROL_GROUPS) / host.space
        self._folder.mkdir()
        quota = int(cores * PERIOD)
        if old.is_dir():
            (self._folder / "cpu.cfs_period_us").write_text(str(PERIOD))
            (self._folder / "cpu.cfs_quota_us").write_text(str(quota))
        else:
            (self._folder / "cpu.max").write_text(f"{quota} {PERIOD}")
        for pid in _all_below(host.pid):
            (self._folder / "cgroup.procs").write_text(str(pid))

    def remove(self) -> None:
        """Once its processes have ended."""
        with contextlib.suppress(OSError):
            self._folder.rmdir()


def _all_below(pid: int) -> Iterator[int]:
    yield pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield from _all_below(int(child))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=15.0, help="of logins, and of programs at work")
    parser.add_argument("--cores", type=float, default=0.35, help="of each host")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on a real disk")
    parser.add_argument("--json", type=Path, help="a file for every round")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
    folder = Path(tempfile.mkdtemp(prefix="scaling-", dir=chosen.folder))
    folder.chmod(0o755)
    try:
        with _served(folder, chosen.cores) as academy:
            rounds = _measured(academy, chosen)
    finally:
        shutil.rmtree(folder)
    if chosen.json:
        chosen.json.write_text(json.dumps([{way: _plain(found) for way, found in one.items()} for one in rounds]))
    return 0 if _told(rounds) else 1


@contextlib.contextmanager
def _served(folder: Path, cores: float) -> Iterator[Academy]:
    people = folder / "people.csv"
    with open(people, "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("given_name", "surname", "birth_date", "role", "login", "password"))
        rows.writerows(("Anne", login, "1980-01-01", "teacher", login, PASSWORD) for login in LOGINS)
    academy = Academy(folder, ("smtp", "imap"), durable=True, fall=SLOW_LOOKS)
    shares: list[Share] = []
    try:
        academy.start(people, domain=DOMAIN, workers=WORKERS, settings=SETTINGS + PLAIN)
        shares += [Share(host, cores) for host in academy.hosts]
        processes.wait_until_quiet([os.getpid()], STARTING_SECONDS)
        yield academy
    finally:
        academy.stop()
        for share in shares:
            share.remove()


def _measured(academy: Academy, chosen: argparse.Namespace) -> list[dict[str, dict[str, Figure]]]:
    """By round, way and measure. Before, everybody gets a mailbox, and every worker has done its part once."""
    uvloop.run(load.ingest(academy.ports["smtp"], academy.ports["imap"], [], 0, WARMING, load.SMALL))
    rounds = []
    for number in range(chosen.rounds):
        found: dict[str, dict[str, Figure]] = {}
        for turn, way in enumerate(("one", "both") if number % 2 else ("both", "one")):
            first = 1_000_000 * (2 * number + turn + 1)
            found[way] = uvloop.run(_round(academy, "1" if way == "one" else "", first, chosen))
            print(f"round {number + 1}, {way}: {found[way]}", file=sys.stderr, flush=True)
        rounds.append(found)
    return rounds


async def _round(academy: Academy, which: str, first: int, chosen: argparse.Namespace) -> dict[str, Figure]:
    smtp, imap = academy.ports[f"smtp{which}"], academy.ports[f"imap{which}"]
    roots = [host.pid for host in academy.hosts]
    return {
        "small": await load.ingest(smtp, imap, roots, first, chosen.messages, load.SMALL),
        "logins": await load.logins(imap, roots, chosen.seconds),
        "mixed": await load.mixed(smtp, imap, roots, first, chosen.seconds),
    }


def _plain(found: dict[str, Figure]) -> dict[str, dict[str, float]]:
    return {name: asdict(figure) for name, figure in found.items()}


def _told(rounds: list[dict[str, dict[str, Figure]]]) -> bool:
    """The medians, in words; whether each measure reaches the mark."""
    reached = True
    for name in MEASURES:
        one, both = (statistics.median(found[way][name].value for found in rounds) for way in ("one", "both"))
        reached &= both >= MARK * one
        print(f"{name}: {one:.0f} a second on one host, {both:.0f} on two: {both / one:.2f} times")
    return reached


if __name__ == "__main__":
    sys.exit(main())
