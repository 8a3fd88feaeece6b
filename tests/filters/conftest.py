"""People whose mail is sorted."""

import pytest

from mailserver.store.engine.transactions import Store
from tests.store.conftest import create_account


@pytest.fixture
def edupont(store: Store) -> int:
    """An account with its mailboxes."""
    return store.write_now(create_account, "edupont")


@pytest.fixture
def mmartin(store: Store) -> int:
    """Another one."""
    return store.write_now(create_account, "mmartin")
