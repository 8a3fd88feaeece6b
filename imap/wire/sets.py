"""Sequence sets and UID sets (RFC 3501 section 9, sequence-set): ranges stay ranges.

`1:*` over a mailbox of a million messages is one pair of integers until somebody walks it, and `1:4294967295`
never costs more than the messages that exist.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from mailserver.model.errors import BadSyntax
from mailserver.model.messages.criteria import STAR

MAX_RANGES = 20_000
"""Ranges of one set: more than any client sends in a line of 64 KiB, less than an attack needs."""

LARGEST = 0xFFFF_FFFF
"""The largest message number or UID (RFC 3501 section 9, nz-number)."""

_PART = rb"(?:[0-9]{1,10}|\*)(?::(?:[0-9]{1,10}|\*))?"
_SHAPE = re.compile(_PART + rb"(?:," + _PART + rb")*\Z")


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """Inclusive ranges as the client wrote them; either end may be STAR (0), in either order."""

    ranges: tuple[tuple[int, int], ...]
    saved: bool = False
    """`$`, the result of the last search with SAVE (RFC 5182): only a view knows which messages that means."""

    @classmethod
    def parse(cls, octets: bytes) -> "SequenceSet":
        """Octets that hold digits, `*`, `:` and `,` only (or are `$`) become a set, or BadSyntax."""
        if octets == b"$":
            return cls((), saved=True)
        if octets.count(b",") >= MAX_RANGES:
            raise BadSyntax("Too many ranges in a set")
        if _SHAPE.match(octets) is None:
            raise BadSyntax("Malformed sequence set")
        ranges = []
        for part in octets.split(b","):
            low, colon, high = part.partition(b":")
            first = _number(low)
            ranges.append((first, _number(high) if colon else first))
        return cls(tuple(ranges))

    def size(self) -> int:
        """How many numbers the ranges have, each counted as often as it is named; `*` is one."""
        return sum(abs(high - low) + 1 for low, high in self.ranges)

    def normal(self, largest: int) -> list[tuple[int, int]]:
        """Ascending disjoint ranges, `*` replaced by `largest` (the highest number or UID in use).

        In an empty mailbox (`largest` 0) `*` names nothing, and neither does a range that has it.
        """
        return normalise(
            (
                (low or largest, high or largest)
                for low, high in self.ranges
                if largest or (low != STAR and high != STAR)
            )
        )

    def slices(self, uids: Sequence[int]) -> list[tuple[int, int]]:
        """The half-open index ranges of `uids` (ascending) whose values the set names, ascending."""
        largest = uids[-1] if uids else 0
        found = []
        for low, high in self.normal(largest):
            start, stop = bisect_left(uids, low), bisect_right(uids, high)
            if start < stop:
                found.append((start, stop))
        return found

    def numbers(self, count: int) -> list[tuple[int, int]]:
        """The ranges of message numbers the set names in a view of `count` messages, ascending.

        Numbers beyond `count` are dropped; `beyond` tells whether there are any.
        """
        return [(low, min(high, count)) for low, high in self.normal(count) if low <= count]

    def beyond(self, count: int) -> bool:
        """True when the set names a message number that does not exist, `*` included when there is none."""
        return any(low > count or high > count or (not count and STAR in (low, high)) for low, high in self.ranges)

    def encode(self) -> bytes:
        """The set as a client would write it."""
        if self.saved:
            return b"$"
        return b",".join(
            b"%s" % _end(low) if low == high else b"%s:%s" % (_end(low), _end(high)) for low, high in self.ranges
        )


def _number(octets: bytes) -> int:
    if octets == b"*":
        return STAR
    number = int(octets)
    if not 0 < number <= LARGEST:
        raise BadSyntax("Number out of range in a set")
    return number


def _end(number: int) -> bytes:
    return b"*" if number == STAR else b"%d" % number


def normalise(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sort, turn round and merge ranges; neighbours join (`1:3,4:5` is `1:5`)."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted((low, high) if low <= high else (high, low) for low, high in ranges):
        if merged and low <= merged[-1][1] + 1:
            if high > merged[-1][1]:
                merged[-1] = (merged[-1][0], high)
        else:
            merged.append((low, high))
    return merged


def ranges_of(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """The runs of ascending, distinct integers."""
    iterator = iter(numbers)
    low = next(iterator, None)
    if low is None:
        return
    high = low
    for number in iterator:
        if number != high + 1:
            yield low, high
            low = number
        high = number
    yield low, high


def spell(ranges: Iterable[tuple[int, int]]) -> bytes:
    """Ascending ranges as set text."""
    return b",".join(b"%d" % low if low == high else b"%d:%d" % (low, high) for low, high in ranges)


def compact(numbers: Iterable[int]) -> bytes:
    """Ascending, distinct integers as set text: 1, 2, 3, 7 is `1:3,7`. Nothing gives nothing."""
    return spell(ranges_of(numbers))


def batched(ranges: Iterable[tuple[int, int]], size: int) -> Iterator[list[tuple[int, int]]]:
    """The ranges in groups of at most `size`."""
    iterator = iter(ranges)
    while group := list(islice(iterator, size)):
        yield group
