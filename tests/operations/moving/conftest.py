"""An instance that no process serves, in a SQLite file, and places to move it to."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from mailserver.operations.moving.service import Move
from mailserver.store.octets.disk import read_mark
from mailserver.store.upkeep import opening
from mailserver.store.upkeep.opening import Place
from tests.postgres import Postgres

SETTINGS = 'domain = "ac-exemple.fr"  # le nôtre\n'


@pytest.fixture
def place(tmp_path: Path, sqlite_template: Path) -> Place:
    return place_in(tmp_path / "instance", sqlite_template)


def place_in(directory: Path, sqlite_template: Path) -> Place:
    """It has its identifiers, and nothing else."""
    (directory / "data" / "blobs").mkdir(parents=True)
    (directory / "mailserver.toml").write_text(SETTINGS)
    shutil.copy(sqlite_template, directory / "data" / "mail.db")
    made = Place(f"sqlite:///{directory / 'data' / 'mail.db'}", directory / "data", directory)
    opening.open_instance(made)
    return made


@pytest.fixture
def server_url(postgres: Postgres) -> Iterator[str]:
    """A database without anything in it."""
    url = postgres.create()
    yield url
    postgres.drop(url)


@pytest.fixture
def begun_url(postgres: Postgres, place: Place) -> Iterator[str]:
    """A database in which a move of the instance has made the schema: that takes a while."""
    url = postgres.create(postgres.template)
    note(url, read_mark(place.settings))
    yield url
    postgres.drop(url)


@pytest.fixture
def begun_file(sqlite_template: Path, place: Place, tmp_path: Path) -> str:
    """The same in a file."""
    return begun_in(tmp_path / "begun.db", sqlite_template, place)


def begun_in(path: Path, sqlite_template: Path, source: Place) -> str:
    shutil.copy(sqlite_template, path)
    with closing(sqlite3.connect(path)) as database:
        database.execute(NOTE)
        database.execute("INSERT INTO moving_in VALUES (?, ?)", (read_mark(source.settings), LONG_AGO))
        database.commit()
    return f"sqlite:///{path}"


NOTE = "CREATE TABLE moving_in (instance text NOT NULL, begun bigint NOT NULL)"
LONG_AGO = 1000


def note(url: str, identifier: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(NOTE)
        connection.execute("INSERT INTO moving_in VALUES (%s, %s)", (identifier, LONG_AGO))


MoveMaker = Callable[..., Move]


@pytest.fixture
def move_to(place: Place) -> MoveMaker:
    def make(url: str, source: Place = place, folder: Path | None = None) -> Move:
        return move_of(source, url, folder)

    return make


def move_of(source: Place, url: str, folder: Path | None = None) -> Move:
    target = Place(url, source.data, source.settings, folder or source.chosen)
    return Move(source, target, folder is not None, f"{SETTINGS}[database]\nurl = '{url}'\n")
