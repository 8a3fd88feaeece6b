"""A certificate authority for the tests of certificates, a clock, and a store that goes by it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailserver.foundation.changes import Changes
from mailserver.store.engine.transactions import Store
from tests.certificates.pebble import Pebble
from tests.clocks import MovingClock


@pytest.fixture(scope="module")
def pebble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    """One that looks for records of names (dns-01)."""
    one = Pebble(tmp_path_factory.mktemp("pebble"), 1)
    one.start()
    yield one
    one.stop()


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


@pytest.fixture
def sqlite_store(sqlite_template: Path, tmp_path: Path, clock: MovingClock) -> Iterator[Store]:
    """For what does not depend on the engine."""
    shutil.copy(sqlite_template, tmp_path / "mail.db")
    store = Store(f"sqlite:///{tmp_path / 'mail.db'}", tmp_path, clock, Changes(), readers=2)
    yield store
    store.close()
