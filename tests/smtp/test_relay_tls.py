"""What TLS with other servers must be before they get a message."""

import datetime
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailserver.foundation.tls import AUTHORITY, make_certificate
from mailserver.store.queue import spool
from tests.smtp.conftest import HouseMaker
from tests.smtp.elsewhere import Elsewhere, Names
from tests.smtp.house import DOMAIN, House
from tests.waiting import until

ADA = f"ada@{DOMAIN}"
MESSAGE = f"From: Ada <{ADA}>\r\nTo: x@ailleurs.fr\r\nSubject: x\r\n\r\nBonjour\r\n".encode()
MX = "mx.ailleurs.fr"


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a certificate for MX, and of the authority that signed it."""
    folder = tmp_path_factory.mktemp("identity")
    make_certificate(folder / "cert.pem", folder / "key.pem", [MX], datetime.datetime.now(datetime.UTC))
    return folder


@pytest.fixture
def trust(identity: Path) -> ssl.SSLContext:
    """For who knows that authority."""
    return ssl.create_default_context(cafile=str(identity / AUTHORITY))


def secure(identity: Path) -> Elsewhere:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity / "cert.pem", identity / "key.pem")
    return Elsewhere(tls=context)


@pytest.fixture
def elsewhere(identity: Path) -> Iterator[Elsewhere]:
    """Has a certificate for MX."""
    made = secure(identity).start()
    yield made
    made.stop()


@pytest.fixture
def plain() -> Iterator[Elsewhere]:
    """Offers no TLS."""
    made = Elsewhere().start()
    yield made
    made.stop()


@pytest.fixture
def names() -> Iterator[Names]:
    made = Names()
    made.known = {("ailleurs.fr", "MX"): [f"10 {MX}."], (MX, "A"): ["127.0.0.1"]}
    yield made
    made.stop()


def open_house(make_house: HouseMaker, names: Names, port: int, trust: ssl.SSLContext, **outbound: object) -> House:
    house = make_house(outbound={"port": port, "retry": (1,), **outbound})
    house.start_relay(resolver=names.resolver(), trust=trust)
    return house


def submit(house: House, *recipients: str) -> None:
    house.run(house.submission.submit(house.people["ada"], ADA, recipients, MESSAGE))


def waits(house: House) -> str:
    """Why the message waits; empty: nobody has tried yet, or it has left."""
    found = house.read(spool.show)
    return found[0].error if found else ""


# ---------------------------------------------------------------------- domains that the operator names


def test_a_named_domain_gets_mail_over_verified_tls(
    make_house: HouseMaker, names: Names, elsewhere: Elsewhere, trust: ssl.SSLContext
) -> None:
    house = open_house(make_house, names, elsewhere.port, trust, require_tls=("Ailleurs.fr",))
    submit(house, "x@ailleurs.fr")
    until(lambda: elsewhere.inbox.taken)
    assert elsewhere.inbox.tls == [True]


def test_a_named_domain_gets_nothing_in_the_clear(
    make_house: HouseMaker, names: Names, plain: Elsewhere, trust: ssl.SSLContext
) -> None:
    names.known["autre.fr", "MX"] = names.known["ailleurs.fr", "MX"]
    names.known["sous.ailleurs.fr", "MX"] = names.known["ailleurs.fr", "MX"]
    house = open_house(make_house, names, plain.port, trust, require_tls=("ailleurs.fr",))
    for recipient in ("x@ailleurs.fr", "x@sous.ailleurs.fr", "x@autre.fr"):
        submit(house, recipient)
    until(lambda: plain.inbox.taken)
    until(
        lambda: (
            [one.error for one in house.read(spool.show)]
            == [f"{MX}: The server offers no encrypted connection (STARTTLS), which is required for this domain"] * 2
        )
    )
    assert [one.rcpt_tos for one in plain.inbox.taken] == [["x@autre.fr"]]


def test_a_named_domain_gets_nothing_with_a_certificate_of_nobody_known(
    make_house: HouseMaker, names: Names, elsewhere: Elsewhere, trust: ssl.SSLContext
) -> None:
    house = open_house(make_house, names, elsewhere.port, ssl.create_default_context(), require_tls=("ailleurs.fr",))
    submit(house, "x@ailleurs.fr")
    until(lambda: f"The certificate of {MX} does not prove that it is this server" in waits(house))
    assert elsewhere.inbox.taken == []


def test_a_named_domain_gets_nothing_with_a_certificate_for_another_name(
    make_house: HouseMaker, names: Names, elsewhere: Elsewhere, trust: ssl.SSLContext
) -> None:
    names.known["ailleurs.fr", "MX"] = ["10 mx2.ailleurs.fr."]
    names.known["mx2.ailleurs.fr", "A"] = ["127.0.0.1"]
    house = open_house(make_house, names, elsewhere.port, trust, require_tls=("ailleurs.fr",))
    submit(house, "x@ailleurs.fr")
    until(lambda: "Hostname mismatch" in waits(house))
    assert elsewhere.inbox.taken == []
