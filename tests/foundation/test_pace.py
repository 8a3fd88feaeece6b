"""How much a unit of a long work takes follows from how long those before it took."""

from mailserver.foundation.pace import Pace


def test_it_doubles_while_units_are_short_and_falls_at_once_when_one_was_long() -> None:
    pace = Pace(2, 10, 100, seconds=0.03)
    sizes = []
    for _ in range(4):
        pace.took(pace.size, 0.001 * pace.size / 10)
        sizes.append(pace.size)
    assert sizes == [20, 40, 80, 100]
    pace.took(100, 0.3)
    assert pace.size == 10
    pace.took(10, 3.0)
    assert pace.size == 2, "never less than the least"


def test_a_rest_says_little_but_what_is_slow_counts() -> None:
    pace = Pace(2, 40, 100, seconds=0.03)
    pace.took(3, 0.002)
    assert pace.size == 40
    pace.took(3, 0.09)
    assert pace.size == 2
