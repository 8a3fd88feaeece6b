"""A house whose filter has learned."""

import asyncio
import shutil
from collections.abc import Callable, Iterator

import pytest

from mailserver.inbound.junk.teaching import teach
from mailserver.store.mail.junk import ACADEMY
from tests.inbound.junk.samples import taught
from tests.smtp.house import House, make_instance


@pytest.fixture(scope="package")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    directory = make_instance(tmp_path_factory.mktemp("instance") / "dir")
    house = House(directory, junk={"least": 50}, smtp={"relays": ["127.0.0.1"]})
    asyncio.run(teach(house.store, ACADEMY, taught(60)))
    yield house
    house.stop()
    shutil.rmtree(directory)


@pytest.fixture
def house(trained: House) -> House:
    trained.empty()
    return trained


@pytest.fixture
def setting(house: House) -> Iterator[Callable[..., None]]:
    """Changes settings of the house as SIGHUP does, for one test."""
    section = house.settings.junk
    before = dict(section.__dict__)
    yield lambda **changes: section.__dict__.update(changes)
    section.__dict__.update(before)
