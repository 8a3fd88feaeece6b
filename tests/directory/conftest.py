"""Directories to test, each in its house: the adapter, somebody who can write to it, and the store behind."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from directory import rosters
from directory.people import EmbeddedDirectory
from mailserver.changes import Changes
from mailserver.clock import SystemClock
from mailserver.identity import Directory
from mailserver.settings import Settings
from mailserver.store.transactions import Store
from mailserver.tls import write_secret

DOMAIN = "ac-exemple.fr"
OTHER_DOMAIN = "ac-autre.fr"


@dataclass(frozen=True, slots=True)
class House:
    """What a test of the port works with.

    `directory` is the adapter under test; `writer` puts people into the same directory (the same object where
    the adapter writes). What a writer did is visible through `directory` when the call returns.
    """

    directory: Directory
    writer: Directory
    store: Store
    add_list: Callable[[str, str, tuple[str, ...]], None]
    """Makes a list of this address, name and members' addresses."""


StoreMaker = Callable[[pytest.FixtureRequest, Path], AbstractContextManager[Store]]
HouseMaker = Callable[[pytest.FixtureRequest, Path], AbstractContextManager[House]]


def settings_in(folder: Path) -> Settings:
    """Settings of an instance whose secrets are in this folder."""
    write_secret(folder / "secrets" / "hmac", b"k" * 32)
    return Settings(domain=DOMAIN, aliases=(OTHER_DOMAIN,), directory=folder)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


@pytest.fixture
def embedded(store: Store, settings: Settings) -> Iterator[EmbeddedDirectory]:
    """The embedded directory on each engine in turn."""
    adapter = EmbeddedDirectory(settings=settings, store=store, clock=store.clock)
    yield adapter
    adapter.close()


@contextmanager
def sqlite_store(request: pytest.FixtureRequest, folder: Path) -> Iterator[Store]:
    """A store of its own on SQLite."""
    (folder / "data" / "blobs").mkdir(parents=True)
    shutil.copy(request.getfixturevalue("sqlite_template"), folder / "data" / "mail.db")
    url = f"sqlite:///{folder / 'data' / 'mail.db'}"
    with closing(Store(url, folder / "data", SystemClock(), Changes(), readers=2)) as store:
        yield store


@contextmanager
def postgresql_store(request: pytest.FixtureRequest, folder: Path) -> Iterator[Store]:
    """A store of its own on PostgreSQL."""
    server = request.getfixturevalue("postgres")
    url = server.create(server.template)
    with closing(Store(url, folder, SystemClock(), Changes(), readers=2, writers=3)) as store:
        yield store
    server.drop(url)


def embedded_house(open_store: StoreMaker) -> HouseMaker:
    """The embedded directory over a store."""

    @contextmanager
    def make(request: pytest.FixtureRequest, folder: Path) -> Iterator[House]:
        with open_store(request, folder) as store:
            adapter = EmbeddedDirectory(settings=settings_in(folder), store=store, clock=store.clock)

            def add_list(address: str, name: str, members: tuple[str, ...]) -> None:
                store.write_now(rosters.create, address, name, "", members)

            yield House(adapter, adapter, store, add_list)
            adapter.close()

    return make


MAKERS: dict[str, HouseMaker] = {
    "embedded-sqlite": embedded_house(sqlite_store),
    "embedded-postgresql": embedded_house(postgresql_store),
}
"""Every adapter that the suite `test_port` holds to the same answers."""


@pytest.fixture(params=MAKERS)
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    with MAKERS[request.param](request, tmp_path) as made:
        yield made


@pytest.fixture
def directory(house: House) -> Directory:
    """The adapter under test."""
    return house.directory


@pytest.fixture
def writer(house: House) -> Directory:
    """Somebody who writes to the same directory."""
    return house.writer
