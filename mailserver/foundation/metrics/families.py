"""Counters, gauges and histograms with bounded labels: every combination has its number on the board beforehand.

No label may take its value from a peer: a value that was not declared counts as `other`.
"""

import itertools
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mailserver.foundation.metrics.board import HERE, LAYOUT, LOCK, NAME_OCTETS, Board

OTHER = "other"
PREFIX = "mailserver_"
QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
SLOW = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds in seconds."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The numbers of one combination of labels: one, or those of a histogram's buckets and its sum."""

    labels: tuple[str, ...]
    numbers: tuple[float, ...]


class Family:
    """One metric with its labels: all values of each that are known beforehand."""

    def __init__(self, name: str, help_text: str, labels: dict[str, Sequence[str]], width: int = 1) -> None:
        self.name = PREFIX + name
        self.help = help_text
        self.labels = tuple(labels)
        self._width = width
        values = [(*given, OTHER) if OTHER not in given else tuple(given) for given in labels.values()]
        combinations = list(itertools.product(*values))
        first, _ = LAYOUT.reserve(width * len(combinations))
        self.numbers = range(first, first + width * len(combinations))
        self._known = [frozenset(given) for given in values]
        self._places = {labels: first + width * place for place, labels in enumerate(combinations)}
        FAMILIES.append(self)

    def place(self, labels: tuple[str, ...]) -> int:
        """The first number of a combination."""
        found = self._places.get(labels)
        if found is None:
            pairs = zip(labels, self._known, strict=True)
            found = self._places[tuple(label if label in known else OTHER for label, known in pairs)]
        return found

    def samples(self, board: Board) -> Iterator[Sample]:
        """The sums over all rows. What never happened to an undeclared value is left out."""
        rows = [board.row(index) for index in range(board.rows)]
        for labels, place in self._places.items():
            numbers = tuple(sum(row[place + offset] for row in rows) for offset in range(self._width))
            if any(numbers) or OTHER not in labels:
                yield Sample(labels, numbers)


FAMILIES: list[Family] = []


class Counter(Family):
    """Counts what happened; its name ends in `_total`."""

    def add(self, *labels: str, amount: float = 1.0) -> None:
        """So many more."""
        place = self._places.get(labels) or self.place(labels)
        with LOCK:
            HERE.numbers[place] += amount


class Gauge(Family):
    """What is now; the sum over the processes that live."""

    def __init__(self, name: str, help_text: str, labels: dict[str, Sequence[str]]) -> None:
        super().__init__(name, help_text, labels)
        LAYOUT.gauges.append(self.numbers)

    def add(self, *labels: str, amount: float = 1.0) -> None:
        """So many more, or fewer."""
        place = self._places.get(labels) or self.place(labels)
        with LOCK:
            HERE.numbers[place] += amount

    def set(self, value: float, *labels: str) -> None:
        """It is so much in this process."""
        HERE.numbers[self.place(labels)] = value


class Histogram(Family):
    """How long things took."""

    def __init__(self, name: str, help_text: str, labels: dict[str, Sequence[str]], bounds: Sequence[float]) -> None:
        super().__init__(name, help_text, labels, width=len(bounds) + 2)
        self.bounds = tuple(bounds)

    def observe(self, seconds: float, *labels: str) -> None:
        """One more that took so long."""
        place = self._places.get(labels) or self.place(labels)
        bounds = self.bounds
        with LOCK:
            numbers = HERE.numbers
            numbers[place + bisect_left(bounds, seconds)] += 1.0
            numbers[place + len(bounds) + 1] += seconds


class NamedCounter(Counter):
    """A counter whose first label is a name of the operators' choice (a blocklist): `room` of them are told apart."""

    def __init__(self, name: str, help_text: str, labels: dict[str, Sequence[str]], room: int = 8) -> None:
        first, *rest = labels
        self._slots = [str(slot) for slot in range(room)]
        self._first_name = LAYOUT.reserve(0, room)[1]
        super().__init__(name, help_text, {first: self._slots} | {label: labels[label] for label in rest})

    def add(self, *labels: str, amount: float = 1.0) -> None:
        """So many more of that name."""
        super().add(self._slot(labels[0]), *labels[1:], amount=amount)

    def _slot(self, name: str) -> str:
        key = (self.name, name)
        if (slot := HERE.names.get(key)) is not None:
            return slot
        board, index = HERE.board, HERE.index
        for slot in self._slots:  # a process before this one may have written it
            found = board.name(index, self._first_name + int(slot))
            if found in ("", name[:NAME_OCTETS]):
                board.write_name(index, self._first_name + int(slot), name)
                HERE.names[key] = slot
                return slot
        return OTHER

    def samples(self, board: Board) -> Iterator[Sample]:
        """By name: each process has an order of its own."""
        sums: dict[tuple[str, ...], float] = {}
        for index in range(board.rows):
            row = board.row(index)
            for (slot, *rest), place in self._places.items():
                name = slot if slot == OTHER else board.name(index, self._first_name + int(slot))
                if name and row[place]:
                    sums[name, *rest] = sums.get((name, *rest), 0.0) + row[place]
        yield from (Sample(labels, (number,)) for labels, number in sums.items())
