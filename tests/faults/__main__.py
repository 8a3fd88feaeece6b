"""`python -m tests.faults --list | --run [--only NAME] | --random N --seed S`: which faults do the tests catch?

The faults go into a copy of the checkout in a temporary folder. Exit code 0: every one was caught; 1: some were not;
2: some do not apply any more, or nothing is known of them.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.faults import catalogue, mutations
from tests.faults.fault import ROOT, Fault
from tests.faults.trial import Outcome, workplace

SECONDS = 600.0
"""That the tests of one fault may take before they count as failed."""


def main() -> int:
    """Run what was asked for."""
    asked = _arguments()
    faults = _wanted(asked)
    if not faults:
        print("no such fault", file=sys.stderr)
        return 2
    if not (asked.run or asked.random):
        for fault in faults:
            print(f"{fault.name:40} {fault.file}\n    {fault.why}")
        return 0
    return _try(faults, asked)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--list", action="store_true", help="name the faults of the catalogue (default)")
    parser.add_argument("--run", action="store_true", help="put each into a copy and run its tests")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="faults whose name begins so")
    parser.add_argument("--tests", nargs="+", default=[], metavar="TEST", help="these tests instead of their own")
    parser.add_argument("--random", type=int, default=0, metavar="N", help="so many faults by chance instead")
    parser.add_argument("--seed", type=int, default=1, help="the chance of --random")
    parser.add_argument("--modules", nargs="+", default=[], metavar="FILE", help="where --random puts them")
    parser.add_argument("--checkout", type=Path, default=ROOT, help="the checkout that is copied")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="that the tests of one fault may take")
    return parser.parse_args()


def _wanted(asked: argparse.Namespace) -> Sequence[Fault]:
    if asked.random:
        return mutations.chosen(asked.checkout, asked.random, asked.seed, asked.modules)
    return [fault for fault in catalogue.FAULTS if not asked.only or fault.name.startswith(tuple(asked.only))]


def _try(faults: Sequence[Fault], asked: argparse.Namespace) -> int:
    outcomes: list[Outcome] = []
    with workplace(asked.checkout, asked.seconds) as place:
        for fault in faults:
            verdict = place.run(fault, asked.tests)
            outcomes.append(verdict.outcome)
            print(f"{verdict.outcome.value:20} {fault.name:40} {verdict.detail}", flush=True)
    caught = outcomes.count(Outcome.CAUGHT)
    print(f"{caught} of {len(outcomes)} caught")
    if caught == len(outcomes):
        return 0
    return 1 if set(outcomes) <= {Outcome.CAUGHT, Outcome.MISSED} else 2


if __name__ == "__main__":
    sys.exit(main())
