"""Scales and bars of charts: round values, nothing outside of the surface."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webui.admin.monitoring.drawing import STEPS, Measured, Series, Slot, chart, sparkline, steps_up_to, thinned


@pytest.mark.parametrize(
    ("highest", "scale"),
    [
        (0, (0, 1)),
        (1, (0, 1)),
        (3, (0, 1, 2, 3)),
        (98, (0, 50, 100)),
        (100, (0, 50, 100)),
        (2610, (0, 1000, 2000, 3000)),
        (27_630, (0, 10_000, 20_000, 30_000)),
    ],
)
def test_a_scale_has_round_values(highest: int, scale: tuple[int, ...]) -> None:
    assert steps_up_to(highest) == scale


def test_octets_are_round_in_their_unit() -> None:
    assert steps_up_to(3 * 1024**3, octets=True) == tuple(place * 1024**3 for place in range(4))
    assert steps_up_to(1200, octets=True) == (0, 512, 1024, 1536)


@given(st.integers(0, 10**15), st.booleans())
def test_a_scale_reaches_what_is_drawn_and_not_far_beyond(highest: int, octets: bool) -> None:
    scale = steps_up_to(highest, octets=octets)
    assert 2 <= len(scale) <= STEPS + 2
    assert scale[0] == 0
    assert all(one < other for one, other in itertools.pairwise(scale))
    assert highest <= scale[-1]
    assert scale[-2] <= max(highest, 1) * 1.01


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)), min_size=1, max_size=40))
def test_bars_stay_on_their_surface(values: list[tuple[int, int]]) -> None:
    slots = [Slot(place, f"{place}", f"{place}", pair) for place, pair in enumerate(values)]
    about = Measured("k", "T", "u", (Series("a", ""), Series("b", "")))
    drawn = chart(about, slots, str, "%(low)s %(high)s %(when)s")
    assert drawn.is_empty is not any(value for pair in values for value in pair)
    assert [row.texts for row in drawn.rows] == [tuple(map(str, pair)) for pair in values]
    for bar in drawn.bars:
        assert 0 <= bar.x <= bar.x + bar.width <= 100.02
        assert -0.02 <= bar.y <= bar.y + bar.height <= 100.02
    low, high, _ = drawn.spoken.split()
    assert (int(low), int(high)) == (min(map(max, values)), max(map(max, values)))


def test_a_line_needs_something_to_show() -> None:
    assert sparkline([0, 0, 0]) == ""
    assert sparkline([4]) == ""
    assert sparkline([0, 4]) == "0.0,32.0 100.0,3.0"


def test_words_are_thinned_until_there_is_room() -> None:
    slots = [Slot(place, "", f"{place}", ()) for place in range(30)]
    assert [slot.short for slot in thinned(slots) if slot.short] == ["0", "4", "8", "12", "16", "20", "24", "28"]
