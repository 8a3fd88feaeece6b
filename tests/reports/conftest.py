"""A house that takes reports, with a name server of its own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailserver.foundation.network.resolver import Resolver
from mailserver.reports.reading import ReportReader
from mailserver.store.engine.transactions import Tx
from mailserver.store.schema.service.reports import report, report_host, report_session, report_source, report_waiting
from tests.inbound.authentication.name_server import NameServer
from tests.smtp.house import DOMAIN, House, make_instance

ADDRESSES = {"dmarc": f"dmarc@{DOMAIN}", "tls": f"tls@{DOMAIN}"}


@pytest.fixture(scope="package")
def names() -> Iterator[NameServer]:
    server = NameServer()
    server["boite.example", "TXT"] = [b"v=spf1 ip4:127.0.0.2 -all"]
    server["_dmarc.boite.example", "TXT"] = [b"v=DMARC1; p=none"]
    server["1.2.0.192.in-addr.arpa", "PTR"] = ["mx.ac-exemple.fr."]
    server["mx.ac-exemple.fr", "A"] = ["192.0.2.1"]
    server["2.2.0.192.in-addr.arpa", "PTR"] = ["google.com."]
    yield server
    server.stop()


@pytest.fixture(scope="package")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_instance(tmp_path_factory.mktemp("instance") / "dir")


@pytest.fixture(scope="package")
def opened(template: Path, tmp_path_factory: pytest.TempPathFactory, names: NameServer) -> Iterator[House]:
    directory = tmp_path_factory.mktemp("house") / "dir"
    shutil.copytree(template, directory)
    house = House(
        directory, smtp={"relays": ["127.0.0.1"]}, dns={"nameservers": [names.setting]}, reports=dict(ADDRESSES)
    )
    yield house
    house.stop()
    shutil.rmtree(directory)


@pytest.fixture
def house(opened: House) -> House:
    """Without mail and reports."""
    opened.empty()
    opened.store.write_now(_forget)
    return opened


def _forget(tx: Tx) -> None:
    for table in (report_source, report_session, report, report_host, report_waiting):
        tx.execute(table.delete())


@pytest.fixture
def reader(house: House) -> Iterator[ReportReader]:
    async def make() -> tuple[ReportReader, Resolver]:
        resolver = Resolver(house.settings.dns)
        reader = ReportReader(
            settings=house.settings, store=house.store, changes=house.changes, resolver=resolver, clock=house.clock
        )
        return reader, resolver

    found, resolver = house.run(make())
    yield found
    house.run(resolver.close())
