"""Content as the next server takes it: in chunks where it offers that, in seven bits where it takes no eight."""

import asyncio
import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from mailserver.model.messages.authentication import Outcome
from mailserver.reports.tally import SessionTally
from mailserver.store.queue import spool
from smtp.relay import transfer
from smtp.relay.attempt import Courier
from smtp.relay.routing import Exchanger
from smtp.relay.seven_bit import Message, SevenBit
from smtp.relay.tls.memory import TlsMemory
from smtp.relay.tls.session_counts import SessionCounts
from smtp.relay.transfer import chunks
from smtp.relay.verdicts import Result, Verdict
from tests.smtp.conftest import HouseMaker
from tests.smtp.house import DOMAIN, House
from tests.smtp.test_relay import MESSAGE, queue, report_in, submit
from tests.smtp.test_signing import outcomes
from tests.waiting import until

CHUNK = 8192
LONG = MESSAGE + b".\r\n" + (b"." * 76 + b"\r\n") * (2 * CHUNK // 78 + 1)


class Chunked:
    """A server that takes BDAT, and reads it to the octet."""

    def __init__(self, *offers: str, answers: tuple[str, ...] = (), recipient: str = "250 ok") -> None:
        """`answers`: to one BDAT after the other, then consent."""
        self.said: list[str] = []
        self.content = b""
        self._offers = offers
        self._answers = list(answers)
        self._recipient = recipient
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.target = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                with sock, sock.makefile("rwb") as file, contextlib.suppress(OSError):
                    file.write(b"220 x\r\n")
                    file.flush()
                    while line := file.readline():
                        file.write(self._answer(line.decode().rstrip(), file.read).encode() + b"\r\n")
                        file.flush()

    def _answer(self, line: str, read: Callable[[int], bytes]) -> str:
        self.said.append(line)
        if line.startswith("EHLO"):
            return "250-x\r\n" + "".join(f"250-{offer}\r\n" for offer in self._offers) + "250 SIZE"
        if found := re.fullmatch(r"BDAT (\d+)( LAST)?", line):
            self.content += read(int(found[1]))
            return self._answers.pop(0) if self._answers else "250 2.0.0 ok"
        if line == "DATA":
            return "554 5.5.1 BDAT was offered"
        return self._recipient if line.startswith("RCPT") else "250 ok"

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(20)


Maker = Callable[..., Chunked]


@pytest.fixture(autouse=True)
def _short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "CHUNK", CHUNK)


@pytest.fixture
def chunked() -> Iterator[Maker]:
    """Asked for before houses: these end first, and with them the connections that they keep."""
    made: list[Chunked] = []

    def make(*offers: str, **options: object) -> Chunked:
        made.append(Chunked("CHUNKING", *offers, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.stop()


def opened(make_house: HouseMaker, there: Chunked, **others: object) -> House:
    house = make_house(outbound={"smarthost": there.target, "retry": (600,), "timeout": 20, "concurrency": 1, **others})
    house.start_relay()
    return house


def verbs(there: Chunked) -> list[str]:
    return [line.split(" ")[0] for line in there.said]


@pytest.mark.parametrize("offers", [(), ("PIPELINING",)], ids=["one by one", "together"])
def test_a_message_leaves_in_chunks_octet_for_octet(
    chunked: Maker, make_house: HouseMaker, offers: tuple[str, ...]
) -> None:
    there = chunked(*offers)
    house = opened(make_house, there)
    submit(house, "x@ailleurs.fr", octets=LONG)
    until(lambda: not queue(house))
    assert there.content.endswith(LONG)
    assert verbs(there) == ["EHLO", "MAIL", "RCPT", "BDAT", "BDAT", "BDAT"]
    assert [line.endswith(" LAST") for line in there.said[3:]] == [False, False, True]
    submit(house, "y@ailleurs.fr")
    until(lambda: not queue(house))
    assert verbs(there)[6:] == ["MAIL", "RCPT", "BDAT"], "over the same connection"


@pytest.mark.parametrize("offers", [(), ("PIPELINING",)], ids=["one by one", "together"])
@pytest.mark.parametrize("number", [0, 2])
def test_a_chunk_that_is_refused_ends_the_message(
    chunked: Maker, make_house: HouseMaker, offers: tuple[str, ...], number: int
) -> None:
    there = chunked(*offers, answers=(*["250 ok"] * number, "552 5.3.4 Too much"))
    house = opened(make_house, there)
    submit(house, "x@ailleurs.fr", octets=LONG)
    until(lambda: house.mail("ada"))
    assert "Status: 5.3.4" in report_in(house.mail("ada")[0])[1]
    assert not queue(house)


def test_a_chunk_that_is_put_off_leaves_the_message_waiting(chunked: Maker, make_house: HouseMaker) -> None:
    there = chunked("PIPELINING", answers=("250 ok", "452 4.3.1 Full"))
    house = opened(make_house, there)
    submit(house, "x@ailleurs.fr", octets=LONG)
    until(lambda: [(one.attempts, one.sending) for one in queue(house)] == [(1, False)])
    house.store.write_now(spool.retry)
    until(lambda: not queue(house))
    assert there.content.endswith(LONG)


@pytest.mark.parametrize("offers", [(), ("PIPELINING",)], ids=["one by one", "together"])
def test_nobody_gets_content_that_is_taken_for_nobody(
    chunked: Maker, make_house: HouseMaker, offers: tuple[str, ...]
) -> None:
    there = chunked(*offers, recipient="550 5.1.1 Nobody")
    house = opened(make_house, there)
    submit(house, "x@ailleurs.fr")
    until(lambda: house.mail("ada"))
    assert there.content == b""
    assert "BDAT" not in verbs(there)


def test_chunks_can_be_switched_off(chunked: Maker, make_house: HouseMaker) -> None:
    there = chunked()
    house = opened(make_house, there, chunking=False)
    submit(house, "x@ailleurs.fr")
    until(lambda: house.mail("ada"))
    assert "DATA" in verbs(there)


@pytest.mark.parametrize("octets", [b"", b"x", b"x\r\n", b"x" * CHUNK, b"x" * (CHUNK - 2) + b"\r\n"])
def test_chunks_are_the_message_and_one_is_the_last(octets: bytes) -> None:
    found = list(chunks(octets))
    assert b"".join(piece for _, piece in found) == octets + (b"" if octets.endswith(b"\r\n") else b"\r\n")
    assert [command.endswith(b" LAST\r\n") for command, _ in found] == [False] * (len(found) - 1) + [True]


# ---------------------------------------------------------------------- seven bits

HEADER = f"From: Ada <ada@{DOMAIN}>\r\nTo: x@ailleurs.fr\r\nMIME-Version: 1.0\r\n"
EIGHT = (HEADER + "Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nÀ bientôt\r\n").encode()
NAMED = (HEADER + "Subject: Été\r\n\r\nx\r\n").encode()
PROVEN = (
    HEADER + "Content-Type: multipart/signed; boundary=b; protocol=x; micalg=y\r\n\r\n--b\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n\r\né\r\n--b\r\n\r\nx\r\n--b--\r\n"
).encode()


async def _signed(octets: bytes) -> bytes:
    return b"DKIM-Signature: ours\r\n" + octets


def sent(house: House, there: Chunked, octets: bytes, *recipients: str, utf8: bool = False) -> list[Verdict]:
    """What becomes of a message that nobody has signed yet."""
    submit(house, *(recipients or ("x@ailleurs.fr",)))
    (row,) = house.store.write_now(spool.lease, 10)
    host, _, port = there.target.rpartition(":")
    way = [Exchanger("ailleurs.fr", host, int(port))]

    async def attempt() -> list[Verdict]:
        memory = TlsMemory(house.settings.outbound, house.store, house.clock)
        sessions = SessionCounts(SessionTally(settings=house.settings, store=house.store, clock=house.clock))
        courier = Courier(house.settings, house.clock, memory, sessions)
        try:
            message = Message(octets, SevenBit(octets, asyncio.Semaphore(), _signed))
            return (await courier.send(way, replace(row, utf8=utf8), message, lambda _ends: True)).verdicts
        finally:
            await courier.stop()

    return house.run(attempt())


def test_eight_bits_become_seven_where_they_are_not_taken(chunked: Maker, make_house: HouseMaker) -> None:
    there = chunked()
    (verdict,) = sent(make_house(), there, EIGHT)
    assert verdict.result is Result.DELIVERED
    assert there.content.startswith(b"DKIM-Signature: ours\r\n")
    assert there.content.isascii()
    assert b"quoted-printable\r\n" in there.content
    assert there.content.endswith(b"=C3=80 bient=C3=B4t\r\n")
    assert "BODY=" not in there.said[1]


def test_eight_bits_stay_where_they_are_taken(chunked: Maker, make_house: HouseMaker) -> None:
    there = chunked("8BITMIME")
    (verdict,) = sent(make_house(), there, EIGHT)
    assert verdict.result is Result.DELIVERED
    assert there.content == EIGHT
    assert there.said[1].endswith("BODY=8BITMIME")


def test_what_somebody_has_signed_is_not_written_anew(chunked: Maker, make_house: HouseMaker) -> None:
    there = chunked()
    (verdict,) = sent(make_house(), there, PROVEN)
    assert (verdict.result, verdict.status) == (Result.FAILED, "5.6.3")
    assert "MAIL" not in verbs(there)


def test_a_header_in_utf_8_is_encoded_where_addresses_are_ascii(chunked: Maker, make_house: HouseMaker) -> None:
    there = chunked("8BITMIME")
    (verdict,) = sent(make_house(), there, NAMED, utf8=True)
    assert verdict.result is Result.DELIVERED
    assert b"Subject: =?utf-8?" in there.content
    assert "SMTPUTF8" not in there.said[1]


def test_an_address_that_is_not_ascii_needs_a_server_that_takes_it(chunked: Maker, make_house: HouseMaker) -> None:
    there = chunked("8BITMIME")
    (verdict,) = sent(make_house(), there, MESSAGE, "élève@ailleurs.fr", utf8=True)
    assert (verdict.result, verdict.status) == (Result.FAILED, "5.6.7")


def test_what_is_ascii_throughout_asks_for_no_smtputf8(chunked: Maker, make_house: HouseMaker) -> None:
    there = chunked()
    (verdict,) = sent(make_house(), there, MESSAGE, utf8=True)
    assert verdict.result is Result.DELIVERED
    assert "SMTPUTF8" not in there.said[1]


def test_what_is_written_anew_is_signed_anew(chunked: Maker, make_house: HouseMaker) -> None:
    """Whatever had been signed before of it, for a server that takes eight bits."""
    seven, eight = chunked(), chunked("8BITMIME")
    house = opened(make_house, eight, routes={"sept.fr": seven.target})
    submit(house, "x@ailleurs.fr", "x@sept.fr", octets=EIGHT)
    until(lambda: not queue(house))
    assert seven.content.isascii()
    assert eight.content.endswith(EIGHT)
    for there in (seven, eight):
        assert outcomes(house, there.content) == {("s1", DOMAIN): Outcome.PASS}
