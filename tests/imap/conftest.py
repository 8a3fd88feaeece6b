"""Stores of the door's tests: SQLite for most, both engines where the store's behaviour shows."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailserver.foundation.changes import Changes
from mailserver.model.clock import SystemClock
from mailserver.store.engine.transactions import Store


@pytest.fixture
def sqlite_store(sqlite_template: Path, tmp_path: Path) -> Iterator[Store]:
    """A store on SQLite, for what does not depend on the engine."""
    shutil.copy(sqlite_template, tmp_path / "mail.db")
    store = Store(f"sqlite:///{tmp_path / 'mail.db'}", tmp_path, SystemClock(), Changes(), readers=2)
    yield store
    store.close()
