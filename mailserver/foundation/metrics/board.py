"""Memory that the processes of one supervisor share, made before they are forked: a row of numbers for each.

A process writes into its own row alone and whoever is asked adds the rows up, so no figure depends on which worker
answers. A row stays when its process dies: the one that takes its place goes on counting there, and sums never fall.
"""

import mmap
import os
import threading
from collections.abc import Iterator
from typing import Protocol, cast

NAME_OCTETS = 64
_HEAD = 1
"""Numbers before the figures: the process id, 0 while nobody has the row."""


class Numbers(Protocol):
    """A row."""

    def __getitem__(self, place: int) -> float: ...

    def __setitem__(self, place: int, value: float) -> None: ...


class Layout:
    """How many numbers and names a row holds. It is complete before the first board is made."""

    def __init__(self) -> None:
        self._numbers = _HEAD
        self._names = 0
        self.gauges: list[range] = []
        """Numbers that mean nothing once their process is gone."""
        self.closed = False

    @property
    def numbers(self) -> int:
        """Of one row."""
        return self._numbers

    @property
    def names(self) -> int:
        """Of one row."""
        return self._names

    def reserve(self, numbers: int, names: int = 0) -> tuple[int, int]:
        """Room for a family: its first number, its first name."""
        if self.closed:
            raise RuntimeError("a metric that was declared after the board was made")
        at = self._numbers, self._names
        self._numbers += numbers
        self._names += names
        return at


LAYOUT = Layout()


class Board:
    """So many rows."""

    def __init__(self, rows: int, layout: Layout = LAYOUT) -> None:
        layout.closed = True
        self._layout = layout
        self.rows = rows
        self._octets = mmap.mmap(-1, rows * (layout.numbers * 8 + layout.names * NAME_OCTETS))
        self._numbers = memoryview(self._octets)[: rows * layout.numbers * 8].cast("d")

    def row(self, index: int) -> Numbers:
        """The numbers of one row."""
        size = self._layout.numbers
        return cast(Numbers, self._numbers[index * size : (index + 1) * size])

    def name(self, index: int, place: int) -> str:
        """A name in one row; empty: it has none there yet."""
        start = self._name_at(index, place)
        return self._octets[start : start + NAME_OCTETS].rstrip(b"\0").decode(errors="replace")

    def write_name(self, index: int, place: int, name: str) -> None:
        """Write what fits."""
        start = self._name_at(index, place)
        self._octets[start : start + NAME_OCTETS] = name.encode()[:NAME_OCTETS].ljust(NAME_OCTETS, b"\0")

    def _name_at(self, index: int, place: int) -> int:
        layout = self._layout
        return self.rows * layout.numbers * 8 + (index * layout.names + place) * NAME_OCTETS

    def take(self, index: int, pid: int) -> None:
        """A process begins its life in this row."""
        self.leave(index)
        self.row(index)[0] = pid

    def leave(self, index: int) -> None:
        """The process of this row is gone: what was true of it alone goes, too."""
        row = self.row(index)
        row[0] = 0.0
        for numbers in self._layout.gauges:
            for number in numbers:
                row[number] = 0.0

    def living(self) -> Iterator[tuple[int, int]]:
        """Row and process id of whoever is there."""
        for index in range(self.rows):
            if pid := int(self.row(index)[0]):
                yield index, pid


class Here:
    """Where this process writes: in a board of its own until a supervisor gives it a row."""

    __slots__ = ("_board", "index", "names", "numbers")

    def __init__(self) -> None:
        self._board: Board | None = None
        self.index = 0
        self.names: dict[tuple[str, str], str] = {}
        """Where names stand, by metric and name."""
        self.numbers: Numbers = _Late(self)

    @property
    def board(self) -> Board:
        """Of the supervisor, or our own."""
        if self._board is None:
            self.begin(Board(1), 0)
        assert self._board is not None
        return self._board

    def begin(self, board: Board, index: int) -> None:
        """From now on write there."""
        board.take(index, os.getpid())
        self._board, self.index = board, index
        self.numbers = board.row(index)
        self.names = {}


class _Late:
    """Stands for the row until something is written: by then every metric has been declared."""

    def __init__(self, here: Here) -> None:
        self._here = here

    def __getitem__(self, place: int) -> float:
        return self._here.board.row(self._here.index)[place]

    def __setitem__(self, place: int, value: float) -> None:
        self._here.board.row(self._here.index)[place] = value


LOCK = threading.Lock()
"""Between the threads of one process: `+=` is no single step."""
HERE = Here()
