"""How often each token was seen in junk and in good mail, packed into few octets. Pure.

The academy's are dense: a table of SIZE places, two tokens that meet there share it. An account's are sparse: sorted
tokens with their counts, at most MOST of them; what was seen once goes first. Both halve all counts when they have
grown, so that what is new counts for more than what was long ago.
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

import zstandard

SIZE = 1 << 18
"""Places of the academy's table: 1 MiB."""
MOST = 6000
"""Tokens of one account: 36 KB."""
TOP = 65535
OWN_TOP = 255
FULL = 60_000
"""Messages of one kind after which the academy's counts are halved."""
OWN_FULL = 2000
"""The same of an account."""
MAX_PACKED = 2 * 4 * SIZE
_LEVEL = 1


class Lesson(NamedTuple):
    """A message that is counted (1) or taken back (-1) as junk, as good, or as both."""

    keys: Sequence[int]
    spam: int
    ham: int


class Counts(Protocol):
    """What one teacher has taught."""

    spam: int
    """Messages of junk."""
    ham: int
    """Messages that were good."""

    def of(self, keys: Sequence[int]) -> Sequence[tuple[int, int]]:
        """(in junk, in good mail) of each token."""

    def add(self, lessons: Iterable["Lesson"]) -> None:
        """Count messages, or take them back."""

    def packed(self) -> bytes:
        """As the store keeps it."""


class Dense:
    """The academy's."""

    def __init__(self, spam: int = 0, ham: int = 0, packed: bytes = b"") -> None:
        self.spam, self.ham = spam, ham
        whole = _unpack(packed) if packed else b""
        if len(whole) != 4 * SIZE:
            whole = bytes(4 * SIZE)
            self.spam = self.ham = 0
        self._spam, self._ham = array("H", whole[: 2 * SIZE]), array("H", whole[2 * SIZE :])
        self.believed: dict[str, float] = {}
        self.sayings: dict[str, Any] | None = None
        """What `bayes` has reckoned of tokens by these counts."""

    def of(self, keys: Sequence[int]) -> Sequence[tuple[int, int]]:
        return self.reader()(keys)

    def reader(self) -> Callable[[Sequence[int]], Sequence[tuple[int, int]]]:
        """`of`, for whoever these counts lead to: nothing leads back to them."""
        return partial(_read, self._spam, self._ham)

    def add(self, lessons: Iterable[Lesson]) -> None:
        self.believed, self.sayings = {}, None
        for keys, spam, ham in lessons:
            self.spam, self.ham = max(self.spam + spam, 0), max(self.ham + ham, 0)
            for place in {key & (SIZE - 1) for key in keys}:
                self._spam[place] = _within(self._spam[place] + spam, TOP)
                self._ham[place] = _within(self._ham[place] + ham, TOP)
        if max(self.spam, self.ham) > FULL:
            self.spam, self.ham = self.spam // 2, self.ham // 2
            for table in (self._spam, self._ham):
                table[:] = array("H", [count >> 1 for count in table])

    def packed(self) -> bytes:
        return zstandard.ZstdCompressor(level=_LEVEL).compress(self._spam.tobytes() + self._ham.tobytes())


def _read(spam: "array[int]", ham: "array[int]", keys: Sequence[int]) -> Sequence[tuple[int, int]]:
    mask = SIZE - 1
    return [(spam[key & mask], ham[key & mask]) for key in keys]


class Sparse:
    """An account's."""

    def __init__(self, spam: int = 0, ham: int = 0, packed: bytes = b"") -> None:
        self.spam, self.ham = spam, ham
        whole = _unpack(packed) if packed else b""
        count = len(whole) // 6
        self._keys = array("I", whole[: 4 * count])
        self._spam, self._ham = bytearray(whole[4 * count : 5 * count]), bytearray(whole[5 * count : 6 * count])

    def of(self, keys: Sequence[int]) -> Sequence[tuple[int, int]]:
        return [self._of(key) for key in keys]

    def _of(self, key: int) -> tuple[int, int]:
        place = bisect_left(self._keys, key)
        if place < len(self._keys) and self._keys[place] == key:
            return self._spam[place], self._ham[place]
        return 0, 0

    def add(self, lessons: Iterable[Lesson]) -> None:
        rows = {key: (one, other) for key, one, other in zip(self._keys, self._spam, self._ham, strict=True)}
        for keys, spam, ham in lessons:
            self.spam, self.ham = max(self.spam + spam, 0), max(self.ham + ham, 0)
            for key in set(keys):
                one, other = rows.get(key, (0, 0))
                rows[key] = (_within(one + spam, OWN_TOP), _within(other + ham, OWN_TOP))
        if max(self.spam, self.ham) > OWN_FULL:
            self.spam, self.ham = self.spam // 2, self.ham // 2
            rows = {key: (one >> 1, other >> 1) for key, (one, other) in rows.items()}
        self._take({key: row for key, row in rows.items() if any(row)})

    def _take(self, rows: dict[int, tuple[int, int]]) -> None:
        if len(rows) > MOST:
            ranked = sorted(rows, key=lambda key: (sum(rows[key]), key), reverse=True)
            rows = {key: rows[key] for key in ranked[:MOST]}
        ordered = sorted(rows)
        self._keys = array("I", ordered)
        self._spam = bytearray(rows[key][0] for key in ordered)
        self._ham = bytearray(rows[key][1] for key in ordered)

    def packed(self) -> bytes:
        whole = self._keys.tobytes() + bytes(self._spam) + bytes(self._ham)
        return zstandard.ZstdCompressor(level=_LEVEL).compress(whole)


def _within(count: int, top: int) -> int:
    return min(max(count, 0), top)


def _unpack(frame: bytes) -> bytes:
    """Nothing of a frame that does not expand: what was taught is gone, mail goes on."""
    try:
        return zstandard.ZstdDecompressor().decompress(frame, max_output_size=MAX_PACKED)
    except zstandard.ZstdError:
        return b""
