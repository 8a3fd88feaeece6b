"""Sequence sets: parsed, resolved and written, huge ones as cheaply as small ones."""

import itertools
import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.wire.sets import LARGEST, MAX_RANGES, SequenceSet, compact, normalise, ranges_of
from mailserver.model.errors import BadSyntax

NUMBERS = st.integers(1, 60)
ENDS = st.integers(0, 60)
SETS = st.lists(st.tuples(ENDS, ENDS), min_size=1, max_size=8).map(lambda r: SequenceSet(tuple(r)))


@pytest.mark.parametrize("octets", [b"1", b"*", b"1:*", b"*:4", b"2,4:7,9,12:*", b"4294967295", b"7:3,1,1"])
def test_known_set_and_back(octets: bytes) -> None:
    assert SequenceSet.parse(octets).encode() == octets


@given(SETS)
def test_any_set_and_back(numbers: SequenceSet) -> None:
    assert SequenceSet.parse(numbers.encode()) == numbers


@pytest.mark.parametrize(
    "octets",
    [b"", b"0", b"1:0", b"1,", b",1", b"1,,2", b":", b"1:", b":1", b"1:2:3", b"**", b"1*", b"4294967296", b"x"],
)
def test_wrong_set(octets: bytes) -> None:
    with pytest.raises(BadSyntax):
        SequenceSet.parse(octets)


def members(numbers: SequenceSet, largest: int) -> set[int]:
    """What RFC 3501 section 9 says, word by word."""
    found: set[int] = set()
    for ends in numbers.ranges:
        if 0 in ends and not largest:
            continue
        low, high = sorted(end or largest for end in ends)
        found.update(range(low, high + 1))
    return found


@given(SETS, st.integers(0, 60))
def test_normal_form_holds_the_same_numbers(numbers: SequenceSet, largest: int) -> None:
    normal = numbers.normal(largest)
    assert {n for low, high in normal for n in range(low, high + 1)} == members(numbers, largest)
    assert all(low <= high for low, high in normal)
    assert all(before[1] + 1 < after[0] for before, after in itertools.pairwise(normal))


@given(SETS, st.sets(NUMBERS))
def test_slices_of_uids(numbers: SequenceSet, uids: set[int]) -> None:
    ordered = sorted(uids)
    found = [uid for start, stop in numbers.slices(ordered) for uid in ordered[start:stop]]
    assert found == sorted(uids & members(numbers, max(uids, default=0)))


@given(SETS, st.integers(0, 60))
def test_message_numbers(numbers: SequenceSet, count: int) -> None:
    found = {n for low, high in numbers.numbers(count) for n in range(low, high + 1)}
    wanted = members(numbers, count)
    assert found == {n for n in wanted if n <= count}
    if count:
        assert numbers.beyond(count) == any(n > count for n in wanted)


def test_star_in_an_empty_mailbox_is_beyond_it() -> None:
    assert SequenceSet.parse(b"1:*").beyond(0)
    assert SequenceSet.parse(b"1:*").numbers(0) == []
    assert SequenceSet.parse(b"1:*").slices([]) == []


def test_star_is_the_last_message_even_below_the_range() -> None:
    # RFC 3501 section 6.4.8: 559:* names at least the message with the highest UID.
    assert SequenceSet.parse(b"559:*").slices([3, 7]) == [(1, 2)]


@given(st.sets(st.integers(1, LARGEST)))
def test_compact_and_back(numbers: set[int]) -> None:
    ordered = sorted(numbers)
    if ordered:
        written = SequenceSet.parse(compact(ordered))
        assert list(written.ranges) == list(ranges_of(ordered)) == normalise((n, n) for n in ordered)
    else:
        assert compact(ordered) == b""


def test_compact_known() -> None:
    assert compact([1, 2, 3, 7]) == b"1:3,7"


class Looked(Sequence[int]):
    """The UIDs 1 to a million; counts how many were looked at."""

    looks = 0

    def __len__(self) -> int:
        return 1_000_000

    def __getitem__(self, place: Any) -> Any:
        self.looks += 1
        return range(1, 1_000_001)[place]


def test_range_of_the_whole_world_costs_nothing() -> None:
    numbers = SequenceSet.parse(b"1:4294967295,*:1,4294967295:1")
    uids = Looked()
    assert numbers.slices(uids) == [(0, 1_000_000)]
    assert 0 < uids.looks < 100
    assert numbers.numbers(10) == [(1, 10)]


def test_range_bomb() -> None:
    SequenceSet.parse(b",".join([b"1"] * MAX_RANGES))
    with pytest.raises(BadSyntax):
        SequenceSet.parse(b",".join([b"1"] * (MAX_RANGES + 1)))


def test_largest_line_of_ranges_is_resolved_quickly() -> None:
    started = time.process_time()
    numbers = SequenceSet.parse(b",".join(b"%d" % n for n in range(20_000, 0, -2)))
    assert len(numbers.slices(range(1, 20_001))) == 10_000
    assert time.process_time() - started < 2
