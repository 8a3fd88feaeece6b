"""Who is woken by what was committed."""

import pytest

from mailserver.foundation.changes import MANY, Change, Changes


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
