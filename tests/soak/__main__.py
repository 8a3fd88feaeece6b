"""An hour of everyday load on two hosts, with a worker killed each minute and a host each ten.

python -m tests.soak [--minutes 60] [--users 20] [--kept 1000] [--worker-seconds 60] [--host-seconds 600] [--seed 1]
    [--json FILE]

As root, with PostgreSQL, HAProxy and iproute2. Mailboxes have as many messages at the start as at the end: their owners
delete. Exit code 1: something acknowledged was lost, doubled or came back, memory or open files grew by a quarter, or
the last stretch was more than twice as slow as the first.
"""

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import psycopg

from tests.hosts_in_namespaces import Academy, academy
from tests.runtime.test_two_hosts import both_up
from tests.soak.clients import Clients, made_up
from tests.soak.faults import Faults
from tests.soak.timings import STRETCHES, Timings
from tests.soak.watching import Watch
from tests.waiting import until

MOST_GROWTH = 1.25
MOST_SLOWER = 2.0
MOST_TAKEN = 0.1
"""Of the processors: with so much more gone to others at the end, waits say nothing of us."""
FEWEST = 30
"""Requests of a stretch from which a percentile says something."""
SETTLE_SECONDS = 120.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--kept", type=int, default=1000, help="messages in each inbox")
    parser.add_argument("--worker-seconds", type=float, default=60.0, help="between two workers that are killed")
    parser.add_argument("--host-seconds", type=float, default=600.0, help="between two hosts that are killed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on a real disk")
    parser.add_argument("--json", type=Path, help="a file for what was seen")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
    folder = Path(tempfile.mkdtemp(prefix="soak-", dir=chosen.folder))
    folder.chmod(0o755)
    users, people = made_up(folder, chosen.users)
    try:
        with academy(folder, people) as served:
            faults = _soak(served, users, chosen)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for fault in faults:
        print(f"WRONG {fault}")
    print("all is well" if not faults else f"{len(faults)} faults")
    return 1 if faults else 0


def _soak(served: Academy, users: list[str], chosen: argparse.Namespace) -> list[str]:
    both_up(served)
    seconds = 60 * chosen.minutes
    timings = Timings(seconds)
    clients = Clients(served, users, timings, chosen.seed, chosen.kept)
    clients.fill()
    _wait_for_index(served.database)
    timings.begin()
    watch, faults = Watch(served), Faults(served, chosen.worker_seconds, chosen.host_seconds, chosen.seed)
    with clients.at_work(), watch, faults:
        time.sleep(seconds)
    if faults.failed:
        return [f"a host did not come back: {faults.failed}"]
    both_up(served)
    _wait_for_index(served.database)
    found = list(clients.amiss())
    found += [*_of_waits(timings, watch, seconds), *_of_growth(watch)]
    _tell(timings, watch, faults, seconds)
    if chosen.json:
        chosen.json.write_text(json.dumps(_plain(timings, watch, faults, found)))
    return found


def _wait_for_index(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        waiting = "SELECT count(*) FROM content WHERE indexed = 0"
        until(lambda: connection.execute(waiting).fetchone() == (0,), SETTLE_SECONDS)


def _taken(watch: Watch, seconds: float) -> list[float]:
    """By stretch, the part of the machine's processors that others had."""
    return [watch.taken(at * seconds / STRETCHES, (at + 1) * seconds / STRETCHES) for at in range(STRETCHES)]


def _of_waits(timings: Timings, watch: Watch, seconds: float) -> Iterator[str]:
    """Said where the machine was as free at the end as at the start."""
    first_taken, *_, last_taken = _taken(watch, seconds)
    if last_taken > first_taken + MOST_TAKEN:
        print(f"waits are not judged: others had {last_taken:.0%} of the machine at the end, {first_taken:.0%} before")
        return
    for kind in timings.kinds:
        first, *_, last = timings.of(kind)
        if min(first.count, last.count) >= FEWEST and last.slowest > MOST_SLOWER * first.slowest:
            yield f"{kind}: {last.slowest:.0f} ms at the end, {first.slowest:.0f} at the start (99 of a hundred)"


def _of_growth(watch: Watch) -> Iterator[str]:
    for number in watch.samples:
        memory, files = watch.growth(number)
        if memory > MOST_GROWTH or files > MOST_GROWTH:
            yield f"host {number}: {memory:.2f} times the memory, {files:.2f} times the open files"


def _tell(timings: Timings, watch: Watch, faults: Faults, seconds: float) -> None:
    print(f"killed: {dict(faults.done)}")
    print(f"broken and made again: {dict(timings.broken)}")
    print(f"{'ms, middle/99 of a hundred':>28}", *(f"{at + 1:>10}" for at in range(STRETCHES)))
    for kind in timings.kinds:
        print(f"{kind:>28}", *(f"{f'{one.middle:.0f}/{one.slowest:.0f}':>10}" for one in timings.of(kind)))
    print(f"{'the machine had by others':>28}", *(f"{part:>10.0%}" for part in _taken(watch, seconds)))
    for number in watch.samples:
        memory, files = watch.growth(number)
        most = max((one.memory for one in watch.samples[number]), default=0) >> 20
        print(f"host {number}: at most {most} MiB; last quarter to second: memory {memory:.2f}, files {files:.2f}")


def _plain(timings: Timings, watch: Watch, faults: Faults, found: list[str]) -> dict[str, object]:
    return {
        "waits": {kind: [asdict(one) for one in timings.of(kind)] for kind in timings.kinds},
        "samples": {number: [asdict(one) for one in samples] for number, samples in watch.samples.items()},
        "others": watch.others,
        "killed": dict(Counter(faults.done)),
        "broken": dict(timings.broken),
        "faults": found,
    }


if __name__ == "__main__":
    sys.exit(main())
