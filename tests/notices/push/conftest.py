"""A house that tells closed browsers, and a push service on this machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailserver.notices.push.sender import PushSender
from tests.notices.push.receiver import Receiver, Service
from tests.smtp.elsewhere import Names
from tests.webui.house import House
from tests.webui.website import Website, world

HOST = "push.example.org"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[House]:
    push = {"enabled": True, "services": [HOST]}
    made = House(tmp_path_factory.mktemp("house"), sqlite_template, push=push)
    yield made
    made.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, house: House) -> Iterator[Service]:
    names = Names()
    names.known[HOST, "A"] = ["127.0.0.1"]
    site = Website(tmp_path_factory.mktemp("site"), [HOST])
    sender = PushSender(
        settings=house.settings,
        store=house.store,
        directory=house.directory,
        outside=world(names, site),
        clock=house.clock,
        changes=house.changes,
    )
    yield Service(house, site, names, sender, HOST)
    site.stop()
    names.stop()


@pytest.fixture
def browser() -> Receiver:
    return Receiver()
