"""A school with lists over SMTP and a world that takes what leaves: on SQLite, or where a test asks on both engines."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mailserver.model.clock import DAY
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail.posts import archived_posts
from tests.clocks import MovingClock
from tests.lists.house import populate, without_mail
from tests.postgres import Postgres
from tests.smtp.conftest import instance_template, make_house
from tests.smtp.elsewhere import Elsewhere
from tests.smtp.house import House

__all__ = ["instance_template", "make_house"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One school for all tests of a file that do not name engines."""
    named = [str(mark.args[0]) for mark in metafunc.definition.iter_markers("parametrize")]
    is_ours = "school" in metafunc.fixturenames and not hasattr(metafunc.module, "school")
    if is_ours and "school" not in named:
        metafunc.parametrize("school", ["sqlite"], indirect=True, scope="module")


@pytest.fixture(scope="module")
def sink() -> Iterator[Elsewhere]:
    elsewhere = Elsewhere().start()
    yield elsewhere
    elsewhere.stop()


@pytest.fixture(scope="module")
def clock() -> MovingClock:
    return MovingClock()


@pytest.fixture(scope="module")
def school(
    request: pytest.FixtureRequest,
    instance_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
    sink: Elsewhere,
    clock: MovingClock,
) -> Iterator[House]:
    """Messages to very many have tests of their own (tests/outbound/mailings): here they are sent at once. So have
    limits, which by night are half as wide for pupils."""
    directory = tmp_path_factory.mktemp("lists") / "dir"
    shutil.copytree(instance_template, directory)
    settings: dict[str, Any] = {
        "outbound": {"smarthost": sink.target, "retry": (1,), "timeout": 5},
        "mailings": {"outside": 0},
        "sending": {"limits": False},
    }
    server: Postgres | None = None
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres")
        assert server is not None
        settings["database"] = {"url": server.borrow()}
    house = House(directory, clock=clock, **settings)
    populate(house)
    yield house
    house.stop()
    if server is not None:
        server.give_back(settings["database"]["url"])


@pytest.fixture
def house(school: House, sink: Elsewhere) -> Iterator[House]:
    """Without mail, lists, archives."""
    without_mail(school)
    school.store.write_now(_forget_archives)
    sink.inbox.taken.clear()
    sink.inbox.answers = {}
    yield school
    school.stop_relays()


def _forget_archives(tx: Tx) -> None:
    while archived_posts.prune(tx, tx.now + 1000 * DAY):
        pass
