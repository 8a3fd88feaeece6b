"""Directories to test, each in its house: the adapter, somebody who can write to it, and the store behind."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from directory.ldap import LdapDirectory
from directory.lists import rosters
from directory.people.embedded import EmbeddedDirectory
from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import LdapDirectory as LdapSection
from mailserver.foundation.settings import Settings
from mailserver.foundation.tls import write_secret
from mailserver.model.clock import SystemClock
from mailserver.model.identity import Directory
from mailserver.store.engine.transactions import Store
from tests.directory import slapd
from tests.directory.server import door
from tests.directory.slapd import Slapd

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
    url = server.borrow()
    with closing(Store(url, folder, SystemClock(), Changes(), readers=2, writers=3)) as store:
        yield store
    server.give_back(url)


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


@pytest.fixture(scope="session")
def openldap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    """A real OpenLDAP with our schema; whoever uses it empties it first."""
    server = Slapd(tmp_path_factory.mktemp("openldap") / "slapd")
    server.prepare()
    server.start()
    yield server
    server.stop()


@contextmanager
def openldap_house(request: pytest.FixtureRequest, folder: Path) -> Iterator[House]:
    """ldap3 against a real OpenLDAP that is ours to write."""
    server: Slapd = request.getfixturevalue("openldap")
    server.empty()
    write_secret(folder / "secrets" / "ldap", slapd.PASSWORD.encode())
    section = LdapSection(url=server.url, base=slapd.BASE, bind_dn=slapd.ADMIN, password_file="ldap", read_only=False)
    with sqlite_store(request, folder) as store:
        settings = settings_in(folder).model_copy(update={"ldap": section})
        adapter = LdapDirectory(settings=settings, store=store, clock=store.clock)

        def add_list(address: str, name: str, members: tuple[str, ...]) -> None:
            lines = [
                f"dn: cn={address.partition('@')[0]},ou=groups,{slapd.BASE}",
                *("objectClass: organizationalRole", "objectClass: acadList"),
                *(f"displayName: {name}", f"mail: {address}"),
                *(f"acadMemberAddress: {member}" for member in members),
            ]
            server.add("\n".join(lines) + "\n")

        yield House(adapter, adapter, store, add_list)
        adapter.close()


@contextmanager
def own_door_house(request: pytest.FixtureRequest, folder: Path) -> Iterator[House]:
    """ldap3 against our own LDAP door, which is read; the embedded directory behind it is written."""
    with door.academy(folder / "academy", request.getfixturevalue("sqlite_template")) as academy:
        write_secret(folder / "secrets" / "ldap", door.ADMIN_PASSWORD.encode())
        section = LdapSection(
            url=academy.url, base=door.BASE, bind_dn=door.ADMIN, password_file="ldap", cache_seconds=0
        )
        settings = settings_in(folder).model_copy(update={"ldap": section})
        adapter = LdapDirectory(settings=settings, store=academy.store, clock=academy.store.clock)

        def add_list(address: str, name: str, members: tuple[str, ...]) -> None:
            academy.store.write_now(rosters.create, address, name, "", members)

        yield House(adapter, academy.directory, academy.store, add_list)
        adapter.close()


MAKERS: dict[str, HouseMaker] = {
    "embedded-sqlite": embedded_house(sqlite_store),
    "embedded-postgresql": embedded_house(postgresql_store),
    "ldap3-openldap": openldap_house,
    "ldap3-own-door": own_door_house,
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
