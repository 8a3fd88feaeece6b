"""A name server, and a resolver that asks it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from mailserver.foundation.network.resolver import Resolver
from mailserver.foundation.settings import NameService
from tests.inbound.authentication.name_server import NameServer


@pytest.fixture
def names() -> Iterator[NameServer]:
    server = NameServer()
    yield server
    server.stop()


@pytest.fixture
async def resolver(names: NameServer) -> AsyncIterator[Resolver]:
    found = Resolver(NameService(nameservers=(names.setting,)))
    yield found
    await found.close()
