"""Greylisting at the exchange: what is suspicious is asked to come again, and a server that does so gets in."""

import smtplib
from collections.abc import Iterator

import pytest

from tests.clocks import MovingClock, StandingClock
from tests.inbound.authentication.name_server import NameServer
from tests.inbound.authentication.signers import KEY, MESSAGE, record, sign
from tests.smtp.conftest import HouseMaker
from tests.smtp.house import DOMAIN, House
from tests.smtp.test_relay import queue, submit
from tests.waiting import until

ADA = f"ada@{DOMAIN}"
PLAIN = b"From: x@nobody.fr\r\nSubject: x\r\n\r\nx\r\n"


@pytest.fixture
def names() -> Iterator[NameServer]:
    server = NameServer()
    server["spf.fr", "TXT"] = [b"v=spf1 ip4:127.0.0.2 -all"]
    server["s._domainkey.a.fr", "TXT"] = [record(KEY)]
    yield server
    server.stop()


class Grey:
    """A house that greylists, where time stands still."""

    def __init__(self, make_house: HouseMaker, names: NameServer, **changes: object) -> None:
        self.clock = StandingClock()
        settings = {"smtp": {"relays": ["127.0.0.1"]}, "dns": {"nameservers": [names.setting]}, **changes}
        self.house: House = make_house(clock=self.clock, greylisting={"enabled": True}, **settings)

    def send(
        self,
        octets: bytes = PLAIN,
        *to: str,
        sender: str = "x@nobody.fr",
        source: str = "127.0.0.2",
        port: str = "smtp",
    ) -> tuple[int, str]:
        kind = smtplib.LMTP if port == "lmtp" else smtplib.SMTP
        with kind("127.0.0.1", self.house.ports[port], "mx.nobody.fr", timeout=60, source_address=(source, 0)) as one:
            one.ehlo_or_helo_if_needed()
            assert one.mail(sender)[0] == 250
            for address in to or (ADA,):
                assert one.rcpt(address)[0] == 250
            code, text = one.data(octets)
            return code, text.decode()


@pytest.fixture
def grey(make_house: HouseMaker, names: NameServer) -> Grey:
    return Grey(make_house, names)


def test_a_stranger_is_told_when_to_come_again(grey: Grey) -> None:
    text = "4.7.1 This sender is not known here yet, send the message again in {} seconds"
    assert grey.send() == (451, text.format(300))
    grey.clock.step(100)
    assert grey.send() == (451, text.format(200))
    assert grey.house.mail("ada") == []
    grey.clock.step(200)
    assert grey.send()[0] == 250
    assert grey.send()[0] == 250
    assert len(grey.house.mail("ada")) == 2


def test_who_is_shown_to_be_the_sender_is_not_asked(grey: Grey) -> None:
    assert grey.send(sender="x@spf.fr")[0] == 250
    assert grey.send(sign(MESSAGE), sender="x@elsewhere.fr")[0] == 250
    assert grey.send(sign(MESSAGE).replace(b"question", b"Question"), sender="x@elsewhere.fr")[0] == 451


@pytest.mark.parametrize("arrival", [{"source": "127.0.0.1"}, {"port": "lmtp"}])
def test_relays_and_local_programs_are_not_asked(grey: Grey, arrival: dict[str, str]) -> None:
    assert grey.send(**arrival)[0] == 250  # type: ignore[arg-type]


def test_postmaster_is_reached_at_once(grey: Grey) -> None:
    assert grey.send(PLAIN, f"postmaster@{DOMAIN}", f"abuse@{DOMAIN}")[0] == 250
    assert grey.send(PLAIN, f"postmaster@{DOMAIN}", ADA)[0] == 451


def test_without_a_name_server_nobody_is_asked(make_house: HouseMaker, names: NameServer) -> None:
    grey = Grey(make_house, names, dns={"nameservers": ["127.0.0.1:1"]})
    assert grey.send()[0] == 250


def test_a_server_that_tries_again_gets_in(make_house: HouseMaker, names: NameServer) -> None:
    """Our own relay, as another server's."""
    clock = MovingClock()
    settings = {"relays": ["127.0.0.200"], "own_domain_from_outside": "accept"}
    here = make_house(
        "here",
        clock=clock,
        aliases=("ailleurs.fr",),
        smtp=settings,
        dns={"nameservers": [names.setting]},
        greylisting={"enabled": True},
    )
    there = make_house("there", outbound={"smarthost": f"127.0.0.1:{here.ports['smtp']}", "retry": (1,)})
    there.start_relay()
    submit(there, "bob@ailleurs.fr")
    until(lambda: "451 4.7.1 This sender is not known here yet" in str(queue(there)))
    assert here.mail("bob") == []
    clock.ahead = 300.0
    until(lambda: not queue(there))
    assert len(here.mail("bob")) == 1
    assert there.mail("ada") == [], "nobody was told of a failure"
