"""A house of one's own for each module, and people in it."""

import datetime
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from mailserver.model.identity import Principal, Role
from tests.conftest import needs_browser
from tests.webui.browser import browsers
from tests.webui.caldav_client import Client
from tests.webui.house import House, Visitor
from tests.webui.secondstep import Phone, set_up


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("house"), sqlite_template)
    yield made
    made.close()


@pytest.fixture(scope="module")
def today(house: House) -> datetime.date:
    """Whose morning it is: for what looks otherwise in the evening, or is over at midnight."""
    return house.clock.forward_to(10).date()


@pytest.fixture(scope="module")
def emma(house: House) -> Principal:
    return house.person("Emma", "Dupont")


@pytest.fixture(scope="module")
def marc(house: House) -> Principal:
    return house.person("Marc", "Martin")


@pytest.fixture(scope="module")
def administrator(house: House) -> Principal:
    return house.person("Ada", "Chef", Role.ADMIN)


@pytest.fixture(scope="module")
def phone(house: House, administrator: Principal) -> Phone:
    """The administrator's, which shows their codes."""
    visitor = house.visitor()
    visitor.log_in(administrator.login)
    return set_up(house, visitor)[0]


@pytest.fixture(scope="module")
def chromium() -> Browser:
    return browsers.get()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    same_module = nextitem is not None and nextitem.path == item.path
    if not same_module and not needs_browser(nextitem):
        browsers.close()


_counter: list[int] = []


@pytest.fixture
def rose(house: House) -> Principal:
    """Somebody new, of an office."""
    _counter.append(0)
    return house.person("Rose", f"Bureau-{len(_counter)}")


@pytest.fixture
def person(rose: Principal) -> Principal:
    """Whom a test is about; most modules have their own."""
    return rose


@pytest.fixture
def someone(house: House, request: pytest.FixtureRequest) -> Principal:
    """Somebody with an empty agenda, for one test alone."""
    return house.person("Claire", re.sub("[^a-z]", "", request.node.name)[-30:])


@pytest.fixture
def page(visitor: Visitor, someone: Principal) -> Visitor:
    """Them, in the complete interface."""
    visitor.log_in(someone.login, interface="complet")
    return visitor


@pytest.fixture
def client(house: House, someone: Principal) -> Iterator[Client]:
    """Their CalDAV client."""
    made = Client(house, someone)
    yield made
    made.http.close()


@pytest.fixture(scope="module")
def lise(house: House) -> Principal:
    """A colleague who writes and is answered."""
    return house.person("Lise", "Moreau")


@pytest.fixture(scope="module")
def zoe(house: House) -> Principal:
    """Who writes to a school."""
    return house.person("Zoé", "Parent")


@pytest.fixture
def visitor(house: House) -> Visitor:
    """Somebody at the door."""
    return house.visitor()


@pytest.fixture
def at_home(visitor: Visitor, emma: Principal) -> Visitor:
    """Emma, logged in to the simplified interface."""
    visitor.log_in(emma.login)
    return visitor


@pytest.fixture
def browser(house: House, person: Principal) -> Visitor:
    """The `person` of a module of tests, logged in to the simplified interface."""
    made = house.visitor()
    made.log_in(person.login)
    return made
