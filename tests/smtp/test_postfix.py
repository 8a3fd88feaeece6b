"""A real Postfix as the relay of the settings: login by Cyrus SASL, TLS required, content in chunks of eight bits."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.smtp.conftest import HouseMaker
from tests.smtp.elsewhere import Elsewhere
from tests.smtp.house import House
from tests.smtp.postfix import Postfix
from tests.smtp.test_relay import queue, submit
from tests.waiting import until

pytestmark = pytest.mark.needs("root", "postfix", "saslpasswd2")

LOGIN, SECRET = "academie@relais.fr", "Relais-Sûr#9"
LETTER = "From: <ada@ac-exemple.fr>\r\nTo: <x@ailleurs.fr>\r\nSubject: Été\r\n\r\n.\r\nÀ bientôt\r\n..\r\n".encode()


@pytest.fixture(scope="module")
def beyond() -> Iterator[Elsewhere]:
    """Whom Postfix hands everything to."""
    made = Elsewhere().start()
    made.inbox.extensions = ("8BITMIME",)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def postfix(beyond: Elsewhere, instance_template: Path) -> Iterator[Postfix]:
    tls = instance_template / "tls"
    made = Postfix(tls / "cert.pem", tls / "key.pem", beyond.port, LOGIN, SECRET)
    yield made
    made.stop()


@pytest.fixture
def open_house(make_house: HouseMaker, instance_template: Path) -> "Opens":
    return Opens(make_house, str(instance_template / "tls/authority.pem"))


class Opens:
    """Houses that leave everything to it."""

    def __init__(self, make_house: HouseMaker, authority: str) -> None:
        self._make_house = make_house
        self._authority = authority

    def __call__(self, port: int, *, secret: str = SECRET, **relay: str) -> House:
        relay = {"host": f"localhost:{port}", "ca_file": self._authority, "tls": "required", **relay}
        if secret:
            relay |= {"login": LOGIN, "password_file": "relay"}
        house = self._make_house(outbound={"relays": [relay], "retry": (600,), "concurrency": 2})
        (house.settings.secrets / "relay").write_text(secret + "\n")
        house.start_relay()
        return house


def waits(house: House) -> str:
    """Why, once it was tried."""
    until(lambda: [(one.attempts, one.sending) for one in queue(house)] == [(1, False)])
    return queue(house)[0].error


@pytest.mark.parametrize("tls", ["required", "implicit"])
def test_what_leaves_by_it_arrives_as_it_was(open_house: Opens, postfix: Postfix, beyond: Elsewhere, tls: str) -> None:
    beyond.inbox.taken.clear()
    house = open_house(postfix.implicit if tls == "implicit" else postfix.port, tls=tls)
    submit(house, "x@ailleurs.fr", "y@autre.fr", octets=LETTER)
    submit(house, "z@ailleurs.fr", octets=LETTER + b"0123456789" * 7 * 20_000 + b"\r\n")
    until(lambda: not queue(house))
    until(lambda: len(beyond.inbox.taken) >= 2 and sum(len(one.rcpt_tos) for one in beyond.inbox.taken) == 3)
    assert {one.mail_from for one in beyond.inbox.taken} == {"ada@ac-exemple.fr"}
    text = LETTER.partition(b"Subject: ")[2]
    assert all(text in octets for octets in beyond.inbox.octets)
    until(lambda: f"sasl_username={LOGIN}" in postfix.log)
    assert house.mail("ada") == []


def test_a_wrong_password_is_said_once_and_mail_waits(open_house: Opens, postfix: Postfix) -> None:
    house = open_house(postfix.port, secret="faux")
    before = postfix.log.count("authentication failed")
    submit(house, "x@ailleurs.fr")
    assert "535 5.7.8" in waits(house)
    until(lambda: postfix.log.count("authentication failed") > before)  # it writes its log when it comes to it
    assert postfix.log.count("authentication failed") == before + 1
    assert house.mail("ada") == []


def test_without_a_login_mail_waits_for_the_operator(open_house: Opens, postfix: Postfix) -> None:
    """Postfix says 554 of each recipient then; it is no fault of the message."""
    house = open_house(postfix.port, secret="")
    submit(house, "x@ailleurs.fr")
    assert "Relay access denied" in waits(house)
    assert house.mail("ada") == []


def test_its_certificate_is_looked_at_before_anything_is_said(open_house: Opens, postfix: Postfix) -> None:
    house = open_house(postfix.port, ca_file="")
    before = postfix.log.count("sasl_username")
    submit(house, "x@ailleurs.fr")
    assert "CERTIFICATE_VERIFY_FAILED" in waits(house)
    assert postfix.log.count("sasl_username") == before
