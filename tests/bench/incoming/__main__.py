"""How much mail from outside is taken a second, and what it costs: ours beside Postfix and Dovecot.

python -m tests.bench.incoming [--rounds 5] [--messages 1500] [--before CHECKOUT]... [--only a|b] [--ours]

(a) with nothing checked on either side, (b) with SPF, DKIM, DMARC, a junk filter and ten Sieve rules for everybody.
"""

import argparse
import contextlib
import shutil
import signal
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import uvloop

from tests.bench.incoming.domains import Keys, Names, records
from tests.bench.incoming.mail import letters, one_of_each
from tests.bench.incoming.ours import Ours
from tests.bench.incoming.side import Measured, Side
from tests.bench.incoming.theirs import Theirs, missing

TAUGHT = 2000
"""Messages that the junk filter learns."""
_COLUMNS: tuple[tuple[str, Callable[[Measured], float]], ...] = (
    ("messages a second", lambda one: one.rate),
    ("CPU ms a message", lambda one: one.cpu),
    ("without search index", lambda one: one.without_index),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=1500, help="of one round")
    parser.add_argument("--before", type=Path, action="append", default=[], help="a further checkout, measured in (a)")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on a real disk")
    parser.add_argument("--only", choices=("a", "b"))
    parser.add_argument("--ours", action="store_true", help="this service alone, in (a)")
    chosen = parser.parse_args()
    problem = "" if chosen.ours else missing()
    if problem:
        print(problem)
        return 2
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
    keys = Keys()
    names = Names(records(keys))
    folder = Path(tempfile.mkdtemp(prefix="incoming-", dir=chosen.folder))
    folder.chmod(0o755)
    good = True
    try:
        if chosen.only != "b":
            with _unchecked(folder / "a", chosen.before, alone=chosen.ours) as sides:
                good &= _contest("(a) nothing is checked", sides, keys, chosen, is_checked=False)
        if chosen.only != "a" and not chosen.ours:
            with _checked(folder / "b", keys, names.setting) as sides:
                good &= _contest("(b) everything is checked and sorted", sides, keys, chosen, is_checked=True)
    finally:
        names.stop()
        if good:
            shutil.rmtree(folder)
        else:
            print(f"left for a look: {folder}")
    return 0 if good else 1


@contextlib.contextmanager
def _unchecked(folder: Path, checkouts: Sequence[Path], *, alone: bool) -> Iterator[list[Side]]:
    folder.mkdir()
    sides = [Side("ours", Ours(folder / "ours"))]
    if not alone:
        sides.append(Side("theirs", Theirs(folder / "theirs")))
    sides += [Side(f"before: {one.name}", Ours(folder / f"before-{at}", one)) for at, one in enumerate(checkouts)]
    with contextlib.ExitStack() as running:
        for side in sides:
            side.service.make()
            running.callback(side.service.stop)
            side.service.start()
        yield sides


@contextlib.contextmanager
def _checked(folder: Path, keys: Keys, names: str) -> Iterator[list[Side]]:
    folder.mkdir()
    ours, theirs = Ours(folder / "ours"), Theirs(folder / "theirs")
    with contextlib.ExitStack() as running:
        ours.make(names)
        ours.teach(*_lessons(folder, keys))
        theirs.make(names)
        for service in (ours, theirs):
            running.callback(service.stop)
            service.start()
        ours.sort()
        yield [Side("ours", ours), Side("theirs", theirs)]


def _lessons(folder: Path, keys: Keys) -> tuple[Path, Path]:
    """Folders with junk and with good mail of the same kinds as what comes later."""
    found = folder / "junk", folder / "good"
    for one in found:
        one.mkdir()
    for number, letter in enumerate(letters(keys, 0, TAUGHT, junk=50)):
        if letter.kind != "forged":
            (found[letter.kind != "junk"] / str(number)).write_bytes(letter.octets)
    return found


def _contest(name: str, sides: Sequence[Side], keys: Keys, chosen: argparse.Namespace, *, is_checked: bool) -> bool:
    """Rounds of all sides in turn; whether all mail became what it should."""
    print(f"{name}: {chosen.rounds} rounds of {chosen.messages} messages", flush=True)
    warm = one_of_each(keys, 1)  # connections, caches, folders, compiled scripts
    for side in sides:
        side.wait_until_quiet()
        uvloop.run(side.run(warm))
    for number in range(chosen.rounds):
        some = letters(keys, number + 2, chosen.messages)
        for side in reversed(sides) if number % 2 else sides:
            told = uvloop.run(side.run(some))
            side.rounds.append(told)
            print(f"  {number + 1} {side.name:28} {told.rate:7.1f} /s {told.cpu:7.2f} ms", file=sys.stderr)
    for title, column in _COLUMNS:
        medians = {side.name: statistics.median(map(column, side.rounds)) for side in sides}
        said = [f"{name} {median:.2f}" for name, median in medians.items()]
        ratios = [f"{name}/ours {median / medians['ours']:.2f}" for name, median in medians.items() if name != "ours"]
        print(f"  {title:22} {', '.join(said)}; {', '.join(ratios)}")
    faults = [fault for side in sides for fault in uvloop.run(side.faults(is_checked=is_checked))]
    for fault in faults:
        print(f"  WRONG {fault}")
    print(f"  {sum(len(side.rounds) for side in sides)} rounds, {'NOT ' if faults else ''}all mail where it should be")
    return not faults


if __name__ == "__main__":
    sys.exit(main())
