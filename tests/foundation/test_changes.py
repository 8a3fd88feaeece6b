"""Who is woken by what was committed."""

import pytest

from mailserver.foundation.changes import MANY, RECENT, Change, Changes


@pytest.mark.parametrize("others", [0, MANY])
def test_what_arrives_wakes_nobody_who_waits_for_the_agenda(others: int) -> None:
    changes, woken = Changes(), []
    changes.subscribe("account", 1, lambda: woken.append("account"))
    end = changes.subscribe("agenda", 1, lambda: woken.append("agenda"))
    crowd = [Change(100 + number, 0) for number in range(others)]
    changes.publish([*crowd, Change(1, 7)])
    assert woken == ["account"]
    changes.publish([*crowd, Change(1, 0)])
    assert sorted(woken) == ["account", "account", "agenda"]
    end()
    changes.publish([*crowd, Change(1, 0)])
    assert woken.count("agenda") == 1


def test_what_was_told_since_is_known_for_a_while() -> None:
    changes = Changes()
    before = changes.told()
    changes.publish([Change(1, 10), Change(2, 20)])
    between = changes.told()
    changes.publish([Change(1, 11)])
    assert [changes.has_told_since(before, box) for box in (10, 20, 11, 12)] == [True, True, True, False]
    assert [changes.has_told_since(between, box) for box in (10, 20, 11, 12)] == [False, False, True, False]
    assert not changes.has_told_since(changes.told(), 11)
    for number in range(RECENT):
        changes.publish([Change(3, 1000 + number)])
    assert changes.has_told_since(before, 12)  # that far back nothing is known


def test_what_may_have_been_lost_may_have_been_told() -> None:
    changes = Changes()
    before = changes.told()
    changes.publish_all()
    assert changes.has_told_since(before, 12)
    before = changes.told()
    assert not changes.has_told_since(before, 12)
    changes.publish([Change(1, number) for number in range(MANY + 1)])
    assert changes.has_told_since(before, MANY + 5)
    assert not changes.has_told_since(changes.told(), 5)
