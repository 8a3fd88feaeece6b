"""So many mailings of one author a day: the day on which they leave, where the academy is."""

from datetime import datetime

import pytest

from mailserver.model.clock import DAY, HOUR
from mailserver.model.rules.sentences import SentTooMuch
from mailserver.store.queue.mailings import State
from tests.clocks import StandingClock
from tests.outbound.mailings.letters import SMALL, submit
from tests.outbound.mailings.workers import ADMIN, Worker
from tests.smtp.conftest import HouseMaker
from tests.smtp.house import House

LATE = int(datetime.fromisoformat("2026-10-24T23:30:00+02:00").timestamp())
"""Paris, half an hour before a day of 25 hours."""


@pytest.fixture
def house(make_house: HouseMaker, clock: StandingClock) -> House:
    clock.step(LATE - clock.now())
    return make_house(mailings={**SMALL, "per_day": 1}, clock=clock)


def test_the_day_ends_at_midnight_and_may_have_25_hours(house: House, worker: Worker, clock: StandingClock) -> None:
    assert submit(house).mailing
    with pytest.raises(SentTooMuch):
        submit(house)
    assert submit(house, author="bob").mailing, "each has their own"
    clock.step(HOUR / 2)
    assert submit(house).mailing
    clock.step(24.5 * HOUR)
    with pytest.raises(SentTooMuch):
        submit(house)
    clock.step(HOUR / 2)
    number = submit(house).mailing
    house.run(worker.decides.refuse(number, ADMIN))
    assert submit(house).mailing, "one that was refused counts for nothing"


def test_what_is_planned_counts_on_its_day(house: House, worker: Worker, clock: StandingClock) -> None:
    monday = LATE + 2 * DAY
    first = submit(house, due=monday).mailing
    with pytest.raises(SentTooMuch):
        submit(house, due=monday + HOUR // 4)
    second = submit(house).mailing
    with pytest.raises(SentTooMuch):
        house.run(worker.decides.plan(second, monday, ADMIN))
    assert worker.get(second).due == 0
    house.run(worker.decides.plan(first, monday + HOUR // 4, ADMIN))
    house.run(worker.decides.plan(second, monday + DAY, ADMIN))
    assert worker.get(second).state is State.WAITING
