"""What every day costs: ours on SQLite and on PostgreSQL beside Postfix and Dovecot, in one run.

python -m tests.bench.peers [--rounds 3] [--messages 10000] [--only load|commands] [--json FILE] [--write]

Rounds of all sides in turn; medians. `--write` puts tables and bars into the documents.
"""

import argparse
import contextlib
import json
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from tests.bench.incoming import processes
from tests.bench.incoming.ours import HERE, Ours
from tests.bench.incoming.theirs import Theirs, missing
from tests.bench.peers import commands, load, report
from tests.bench.peers.measuring import Figure
from tests.documents.made import replaced
from tests.postgres import Postgres

MEASURES = (*load.MEASURES, *commands.MEASURES)
STARTING_SECONDS = 60.0
PLACES = {
    "README.md": "en",
    "deploy/guide/fr/sizing.md": "fr",
    "deploy/guide/en/sizing.md": "en",
}
BARS = HERE / "deploy" / "guide" / "beside-others.svg"


@dataclass(slots=True)
class Side:
    """One service, and what was measured of it."""

    name: str
    service: Ours | Theirs
    others: tuple[int, ...] = ()
    """First processes of what it needs beside it."""
    rounds: list[dict[str, Figure]] = field(default_factory=list)

    @property
    def roots(self) -> list[int]:
        return [*self.service.roots, *self.others]

    async def round(self, number: int, chosen: argparse.Namespace) -> None:
        """Every measure once."""
        service, roots, found = self.service, self.roots, dict[str, Figure]()
        first = 1_000_000 * (number + 1)
        if chosen.only != "commands":
            count, seconds = chosen.messages // 5, chosen.seconds
            found["small"] = await load.ingest(service.smtp, service.imap, roots, first, count, load.SMALL)
            found["large"] = await load.ingest(service.smtp, service.imap, roots, first, count // 4, load.LARGE)
            found["logins"] = await load.logins(service.imap, roots, seconds)
            found["mixed"] = await load.mixed(service.smtp, service.imap, roots, first, seconds)
            first += int(seconds * load.A_SECOND)
            found["searching"] = await load.mixed(service.smtp, service.imap, roots, first, seconds, load.SEARCHING)
        if chosen.only != "load":
            found.update(await commands.measure(service.imap, roots, chosen.messages))
        self.rounds.append(found)

    def medians(self) -> dict[str, Figure]:
        names = self.rounds[0]
        return {
            name: Figure(
                statistics.median(one[name].value for one in self.rounds),
                statistics.median(one[name].cpu for one in self.rounds),
            )
            for name in names
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--messages", type=int, default=10_000, help="of the mailbox; a fifth of it is taken in")
    parser.add_argument("--seconds", type=float, default=15.0, help="of logins, and of programs at work")
    parser.add_argument("--only", choices=("load", "commands"))
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on a real disk")
    parser.add_argument("--json", type=Path, help="a file for every round")
    parser.add_argument("--write", action="store_true", help="tables and bars into README.md and the guide")
    chosen = parser.parse_args()
    if problem := missing():
        print(problem)
        return 2
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
    folder = Path(tempfile.mkdtemp(prefix="peers-", dir=chosen.folder))
    folder.chmod(0o755)
    try:
        with _running(folder) as sides:
            _contest(sides, chosen)
    finally:
        shutil.rmtree(folder)
    medians = {side.name: side.medians() for side in sides}
    print(report.table("en", MEASURES, medians))
    if chosen.json:
        chosen.json.write_text(json.dumps({side.name: [_plain(one) for one in side.rounds] for side in sides}))
    if chosen.write:
        _write(medians, chosen)
    return 0


@contextlib.contextmanager
def _running(folder: Path) -> Iterator[list[Side]]:
    postgres = Postgres(folder, durable=True)
    with contextlib.ExitStack() as running:
        running.callback(postgres.stop)
        postgres.start()
        ours = Ours(folder / "ours")
        apart = Ours(folder / "ours-postgresql", database=postgres.create())
        theirs = Theirs(folder / "theirs")
        for service in (ours, apart, theirs):
            service.make()
            running.callback(service.stop)
            service.start()
        yield [
            Side("ours", ours),
            Side("ours, PostgreSQL", apart, (postgres.pid,)),
            Side("Postfix + Dovecot", theirs),
        ]


def _contest(sides: Sequence[Side], chosen: argparse.Namespace) -> None:
    for side in sides:
        processes.wait_until_quiet(side.roots, STARTING_SECONDS)
    for number in range(chosen.rounds):
        for side in reversed(sides) if number % 2 else sides:
            began = time.monotonic()
            uvloop.run(side.round(number, chosen))
            print(f"round {number + 1}, {side.name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def _plain(figures: dict[str, Figure]) -> dict[str, tuple[float, float]]:
    return {name: (round(one.value, 3), round(one.cpu, 3)) for name, one in figures.items()}


def _write(medians: dict[str, dict[str, Figure]], chosen: argparse.Namespace) -> None:
    for name, language in PLACES.items():
        path = HERE / name
        said = f"{report.machine()}, {time.strftime('%Y-%m-%d')}, `make bench` ({chosen.rounds} × {chosen.messages})"
        block = f"{said}\n\n{report.table(language, MEASURES, medians)}\n"
        path.write_text(replaced(path.read_text(), "bench", block))
    BARS.write_text(report.bars(MEASURES, medians))


if __name__ == "__main__":
    sys.exit(main())
