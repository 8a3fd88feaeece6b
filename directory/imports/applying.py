"""Carrying a plan out: units that are short enough for mail to pass between them, whatever the machine."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from directory.imports.planning import Listener, Plan, Tally
from directory.imports.target import Target

T = TypeVar("T")

FIRST = 100
SMALLEST, LARGEST = 50, 2000
"""Records of one unit. Fewer than fifty cost more in statements than in records, which helps nobody who waits."""
PLACES = 100
"""Schools or words of one unit."""


class Pace:
    """How many records the next unit takes, from how long the last one took."""

    def __init__(self, aim: float) -> None:
        """`aim`: seconds that a unit should take."""
        self._aim = aim
        self.size = FIRST

    def took(self, seconds: float) -> None:
        wanted = self.size * self._aim / max(seconds, 0.001)
        # Slower at once, faster step by step: one quick unit says little.
        self.size = int(min(max(wanted, SMALLEST), self.size * 1.5 + 1, LARGEST))


def apply(target: Target, run_id: int, plan: Plan, listener: Listener, advance: Callable[[int], None]) -> Tally:
    """Write what the plan says; what became of each record. Raises Temporary: what was written stays."""
    tally = Tally()
    for some_schools in _portions(plan.schools, PLACES):
        tally.places += target.apply_places(run_id, some_schools, ())
    for some_terms in _portions(plan.terms, PLACES):
        tally.places += target.apply_places(run_id, (), some_terms)
    pace = Pace(target.aim)
    done = 0
    while batch := plan.candidates(done, pace.size):
        began = time.monotonic()
        for outcome in target.apply(run_id, batch):
            tally.take(outcome)
            listener.result(outcome)
        pace.took(time.monotonic() - began)
        done += len(batch)
        advance(len(batch))
    return tally


def _portions(items: Iterable[T], size: int) -> Iterator[Sequence[T]]:
    iterator = iter(items)
    while portion := list(islice(iterator, size)):
        yield portion
