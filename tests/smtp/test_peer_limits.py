"""What a peer may bring to the exchange: 421 and 451 with a sentence, waits for guesses, nothing for loopback."""

import smtplib
import socket
from collections.abc import Callable, Iterator

import pytest

from mailserver.foundation.metrics import catalogue
from mailserver.foundation.network import listeners
from mailserver.inbound.screening import rates
from smtp import connection, conversation
from tests.clocks import StandingClock
from tests.figures import value
from tests.inbound.authentication.name_server import NameServer
from tests.smtp.conftest import HouseMaker
from tests.smtp.house import DOMAIN
from tests.waiting import until

ADA = f"ada@{DOMAIN}"
PEER, OTHER = "192.0.2.1", "192.0.2.9"
MESSAGE = b"From: a@a.fr\r\nSubject: x\r\n\r\nx\r\n"
LIMITS = {
    "connections_per_minute": 8,
    "messages_per_minute": 3,
    "recipients_per_minute": 5,
    "unknown_recipients": 8,
    "tarpit_seconds": 0,
}

SeenFrom = Callable[[str], None]


@pytest.fixture
def seen_from(monkeypatch: pytest.MonkeyPatch) -> SeenFrom:
    """From now on connections come from there: a test has no other machine to come from."""
    return lambda address: monkeypatch.setattr(listeners, "address_of", lambda _sock: address)


class Limited:
    """A house with small limits, where time stands still until a test moves it."""

    def __init__(self, make_house: HouseMaker, **settings: object) -> None:
        self.clock = StandingClock()
        self.clock.step(-self.clock.now() % 3600)
        self.house = make_house(clock=self.clock, peers={**LIMITS, **settings.pop("limits", {})}, **settings)  # type: ignore[dict-item]

    def connect(self, port: str = "smtp") -> smtplib.SMTP:
        return (smtplib.LMTP if port == "lmtp" else smtplib.SMTP)("127.0.0.1", self.house.ports[port], timeout=60)

    def greeting(self) -> bytes:
        with socket.create_connection(("127.0.0.1", self.house.ports["smtp"]), 60) as sock, sock.makefile("rb") as said:
            line: bytes = said.readline()
            return line if not line.startswith(b"421") else line + said.read()

    def send(self, count: int = 1) -> list[int]:
        """The answers to MAIL of so many messages of one connection; those that are taken are sent."""
        codes = []
        with self.connect() as client:
            client.ehlo()
            for _ in range(count):
                codes.append(client.mail("a@a.fr")[0])
                if codes[-1] == 250:
                    assert client.rcpt(ADA)[0] == 250
                    assert client.data(MESSAGE)[0] == 250
        return codes


@pytest.fixture
def limited(make_house: HouseMaker, seen_from: SeenFrom) -> Limited:
    seen_from(PEER)
    return Limited(make_house)


def test_connections(limited: Limited, seen_from: SeenFrom) -> None:
    said = [limited.greeting() for _ in range(9)]
    assert {line[:4] for line in said[:8]} == {b"220 "}
    assert said[8] == b"421 4.7.0 Too many connections from your address in one minute, try again later\r\n"
    seen_from(OTHER)
    assert limited.greeting().startswith(b"220 ")
    seen_from(PEER)
    limited.clock.step(120)
    assert limited.greeting().startswith(b"220 ")


def test_messages(limited: Limited) -> None:
    assert limited.send(5) == [250, 250, 250, 451, 451]
    with limited.connect() as client:
        client.ehlo()
        assert client.mail("a@a.fr") == (
            451,
            b"4.7.1 Too many messages from your address in one minute, try again later",
        )
    limited.clock.step(120)
    assert limited.send() == [250]
    assert len(limited.house.mail("ada")) == 4


def test_who_goes_on_and_on_is_told_to_go(limited: Limited) -> None:
    assert limited.send(3) == [250] * 3
    with socket.create_connection(("127.0.0.1", limited.house.ports["smtp"]), 60) as sock, sock.makefile("rb") as said:
        sock.sendall(b"HELO x.fr\r\n" + b"MAIL FROM:<a@a.fr>\r\n" * 100)
        lines = said.read().splitlines()
    assert len(lines) == 2 + connection.MAX_DEFERRALS
    assert lines[-1] == b"421 4.7.0 Too many messages from your address in one minute, try again later"


def test_recipients_beyond_come_later_and_the_others_are_taken(limited: Limited) -> None:
    with limited.connect() as client:
        client.ehlo()
        client.mail("a@a.fr")
        answers = [client.rcpt(ADA) for _ in range(7)]
        assert [code for code, _ in answers] == [250] * 5 + [451] * 2
        assert answers[-1][1] == b"4.7.1 Too many recipients from your address in one minute, try again later"
        assert client.data(MESSAGE)[0] == 250
    assert len(limited.house.mail("ada")) == 1


def test_loopback_and_relays_are_exempt(make_house: HouseMaker, seen_from: SeenFrom) -> None:
    limited = Limited(make_house, smtp={"relays": [OTHER]})
    for address in ("127.0.0.1", "::1", OTHER):
        seen_from(address)
        assert limited.send(10) == [250] * 10
        assert {limited.greeting()[:4] for _ in range(10)} == {b"220 "}


def test_lmtp_and_submission_are_other_doors(limited: Limited) -> None:
    for port in ("lmtp", "submission"):
        for _ in range(12):
            with limited.connect(port) as client:
                assert client.noop()[0] == 250


# ---------------------------------------------------------------------- senders who are shown to be themselves


@pytest.fixture
def names() -> Iterator[NameServer]:
    server = NameServer()
    server["a.fr", "TXT"] = [b"v=spf1 ip4:192.0.2.1 -all"]
    yield server
    server.stop()


def test_who_is_shown_to_be_the_sender_may_bring_more(
    make_house: HouseMaker, seen_from: SeenFrom, names: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "PROVEN_LEAST", 2)
    limited = Limited(make_house, dns={"nameservers": [names.setting]})
    seen_from(PEER)
    assert limited.send(12) == [250] * 12
    seen_from(OTHER)
    with limited.connect() as client:
        client.ehlo()
        assert [client.mail("b@b.fr")[0], client.rset()[0]] * 3 == [250] * 6


# ---------------------------------------------------------------------- harvesters


def guess(client: smtplib.SMTP, number: int) -> int:
    return client.rcpt(f"personne.{number}@{DOMAIN}")[0]


def test_harvesters_are_told_to_go_and_to_stay_away(limited: Limited, seen_from: SeenFrom) -> None:
    before = value(catalogue.UNKNOWN_RECIPIENTS)
    with limited.connect() as client:
        client.ehlo()
        client.mail("a@a.fr")
        assert [guess(client, number) for number in range(8)] == [550] * 8
        code, text = client.rcpt(f"personne@{DOMAIN}")
        assert (code, text) == (
            421,
            b"4.7.0 Too many unknown recipients from your address in one hour, try again later",
        )
    assert limited.greeting().startswith(b"421 4.7.0 Too many unknown recipients ")
    assert value(catalogue.UNKNOWN_RECIPIENTS) == before + 9
    seen_from(OTHER)
    assert limited.send() == [250]
    seen_from(PEER)
    limited.clock.step(7200)
    assert limited.send() == [250]


def test_names_that_are_here_excuse_no_guess(limited: Limited) -> None:
    """As long as they get no mail: anybody may ask for `postmaster@` as often as they like."""
    limited.house.settings.peers.__dict__["recipients_per_minute"] = 500
    with limited.connect() as client:
        client.ehlo()
        client.mail("")
        codes = []
        for number in range(9):
            assert client.rcpt(f"postmaster@{DOMAIN}")[0] == 250
            codes.append(guess(client, number))
    assert codes == [550] * 8 + [421]


def test_who_may_not_be_told_of_somebody_is_no_guess(limited: Limited) -> None:
    """A mailbox that is full or suspended is there."""
    with limited.connect() as client:
        client.ehlo()
        client.mail("a@a.fr", ["size=1000"])
        codes = [client.rcpt(f"{name}@{DOMAIN}")[0] for name in ("gil", "noe") * 10]
    assert set(codes) == {550, 552}
    assert limited.send() == [250]


@pytest.fixture
def tarpit(make_house: HouseMaker, seen_from: SeenFrom, monkeypatch: pytest.MonkeyPatch) -> Limited:
    """The first guess waits, for longer than any test lasts."""
    monkeypatch.setattr(rates, "FREE_GUESSES", 0)
    monkeypatch.setattr(rates, "FIRST_WAIT", 60.0)
    seen_from(PEER)
    return Limited(make_house, limits={"tarpit_seconds": 60, "connections_per_minute": 50, "messages_per_minute": 50})


def wait_for_answer(limited: Limited, *, more: bytes = b"") -> socket.socket:
    """A connection whose guess is not answered yet; what stood before it is."""
    sock = socket.create_connection(("127.0.0.1", limited.house.ports["smtp"]), 60)
    asked = limited.house.door.waiting
    sock.sendall(b"HELO x.fr\r\nMAIL FROM:<a@a.fr>\r\nRCPT TO:<nemo@" + DOMAIN.encode() + b">\r\n" + more)
    until(lambda: limited.house.door.waiting == asked + 1)
    said = b""
    while said.count(b"\r\n") < 3:
        said += sock.recv(4096)
    assert said.endswith(b"250 2.1.0 Ok\r\n")
    return sock


def test_a_guess_waits_and_nobody_else(tarpit: Limited) -> None:
    waiting = [wait_for_answer(tarpit) for _ in range(5)]
    assert tarpit.send() == [250], "others of the same peer are served"
    for sock in waiting:
        sock.close()
    until(lambda: tarpit.house.door.waiting == 0)


def test_a_stop_does_not_wait_for_guesses(tarpit: Limited) -> None:
    sock = wait_for_answer(tarpit, more=b"NOOP\r\n")
    tarpit.house.stop()
    with sock, sock.makefile("rb") as said:
        assert said.read().splitlines() == [
            b"550 5.1.1 No such recipient here",
            b"421 4.3.2 Service stopping, try again later",
        ]


def test_no_more_peers_wait_than_a_bound(tarpit: Limited, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "MOST_WAITING", 2)
    waiting = [wait_for_answer(tarpit) for _ in range(2)]
    with tarpit.connect() as client:
        client.ehlo()
        client.mail("a@a.fr")
        assert client.rcpt(f"nemo@{DOMAIN}") == (421, b"4.7.0 Too many errors")
    for sock in waiting:
        sock.close()


def test_answers_that_waited_come_in_their_order(
    make_house: HouseMaker, seen_from: SeenFrom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "FREE_GUESSES", 0)
    monkeypatch.setattr(rates, "FIRST_WAIT", 0.001)
    seen_from(PEER)
    limited = Limited(make_house, limits={"tarpit_seconds": 1})
    with socket.create_connection(("127.0.0.1", limited.house.ports["smtp"]), 60) as sock, sock.makefile("rb") as said:
        guesses = b"".join(b"RCPT TO:<%d@%s>\r\n" % (number, DOMAIN.encode()) for number in range(5))
        sock.sendall(b"HELO x.fr\r\nMAIL FROM:<a@a.fr>\r\n" + guesses + b"RCPT TO:<" + ADA.encode() + b">\r\nQUIT\r\n")
        codes = [line[:3] for line in said.read().splitlines()]
    assert codes == [b"220", b"250", b"250", *[b"550"] * 5, b"250", b"221"]
