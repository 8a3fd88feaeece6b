"""The academy of SMTP, whose mailings are small."""

import pytest

from tests.clocks import StandingClock
from tests.outbound.mailings.letters import SMALL
from tests.outbound.mailings.workers import Worker
from tests.smtp.conftest import HouseMaker, instance_template, make_house
from tests.smtp.house import House

__all__ = ["instance_template", "make_house"]


@pytest.fixture
def clock() -> StandingClock:
    """Nothing runs out before a test says so."""
    return StandingClock()


@pytest.fixture
def house(make_house: HouseMaker, clock: StandingClock) -> House:
    """One whose messages to more than two people are mailings, which wait for approval."""
    return make_house(mailings=SMALL, clock=clock)


@pytest.fixture
def worker(house: House) -> Worker:
    """What decides and sends there."""
    return Worker(house)
