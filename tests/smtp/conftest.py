"""Houses for the SMTP tests."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.smtp import filtering
from tests.smtp.house import House, make_instance

HouseMaker = Callable[..., House]


@pytest.fixture(scope="session")
def instance_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_instance(tmp_path_factory.mktemp("instance") / "dir")


@pytest.fixture(scope="session")
def shared_house(instance_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One house for all tests that change nothing but mail."""
    directory = tmp_path_factory.mktemp("house") / "dir"
    shutil.copytree(instance_template, directory)
    house = House(directory)
    yield house
    house.stop()


@pytest.fixture
def house(shared_house: House) -> House:
    """The shared house, without mail."""
    shared_house.empty()
    return shared_house


@pytest.fixture
def filter_house(shared_house: House) -> Iterator[House]:
    """The shared house without mail, queue and what filters remember; filters are switched off afterwards."""
    shared_house.empty()
    shared_house.store.write_now(filtering.forget)
    yield shared_house
    for person in shared_house.people.values():
        filtering.off(shared_house, person.login)
    shared_house.empty()


@pytest.fixture
def make_house(instance_template: Path, tmp_path: Path) -> Iterator[HouseMaker]:
    """Houses with settings of their own."""
    made: list[House] = []

    def make(name: str = "dir", **settings: Any) -> House:
        directory = tmp_path / name
        if not directory.exists():
            shutil.copytree(instance_template, directory)
        made.append(House(directory, **settings))
        return made[-1]

    yield make
    for house in made:
        house.stop()
