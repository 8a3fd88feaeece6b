"""`mailserver peers`: an operator looks at what other servers bring, and has one counted anew."""

import asyncio
import json
import time
from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from mailserver.__main__ import app
from mailserver.cli.shared import open_store, settings_of
from mailserver.store.queue import peer_counts
from mailserver.store.queue.peer_counts import Window
from tests.harness import Instance


def run(academy: Instance, *args: str) -> Result:
    return CliRunner().invoke(app, ["peers", str(academy.directory), *args])


@pytest.fixture
def academy(fresh: Callable[..., Instance]) -> Instance:
    return fresh()


def test_peers_are_shown_and_forgotten(academy: Instance) -> None:
    assert "Aucun serveur" in run(academy).output or "No server" in run(academy).output
    now = int(time.time())
    told = {
        Window("192.0.2.1", 3600, now - now % 3600): (9, 8, 7, 6, 5, 4),
        Window("192.0.2.1", 60, now - now % 60): (1, 1, 1, 1, 1, 1),
        Window("2001:db8:1:2::/64", 3600, now - now % 3600): (1, 2, 3, 4, 0, 0),
    }

    async def write() -> None:
        async with open_store(settings_of(academy.directory)) as store:
            await store.write(peer_counts.exchange, told, [])

    asyncio.run(write())
    facts = json.loads(run(academy, "--json").output)
    assert [(one["peer"], one["connections"], one["unknown"]) for one in facts] == [
        ("192.0.2.1", 9, 6),
        ("2001:db8:1:2::/64", 1, 4),
    ]
    assert "192.0.2.1" in run(academy).output
    left = run(academy, "--forget", "2001:db8:1:2::77", "--json")
    assert [one["peer"] for one in json.loads(left.output)] == ["192.0.2.1"]
    assert run(academy, "--forget", "2001:db8:1:2::/64").exit_code == 1, "nothing is counted any more"
    assert run(academy, "--forget", "somebody").exit_code == 2
