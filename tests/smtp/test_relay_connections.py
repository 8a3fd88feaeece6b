"""Connections that are kept for the next message, and commands that are sent together."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import aiosmtplib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp.relay import pool, transfer
from smtp.relay.pipeline import MAX_LINE, MAX_REPLY, Replies
from smtp.relay.transfer import Transfer
from tests.smtp.conftest import HouseMaker
from tests.smtp.elsewhere import Elsewhere
from tests.smtp.house import House
from tests.smtp.test_relay import MESSAGE, queue, report_in, submit
from tests.waiting import until


@pytest.fixture(params=[(), ("PIPELINING",)], ids=["one by one", "together"])
def elsewhere(request: pytest.FixtureRequest) -> Iterator[Elsewhere]:
    made = Elsewhere().start()
    made.inbox.extensions = request.param
    yield made
    made.stop()


@pytest.fixture
def house(make_house: HouseMaker, elsewhere: Elsewhere) -> House:
    made = make_house(outbound={"smarthost": elsewhere.target, "retry": (600,), "timeout": 20, "concurrency": 1})
    made.start_relay()
    return made


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection is kept for the next message however slow the machine is."""
    monkeypatch.setattr(pool, "IDLE_SECONDS", 3600.0)
    monkeypatch.setattr(pool, "MAX_SECONDS", 3600.0)


def greetings(elsewhere: Elsewhere) -> int:
    return sum(one.startswith("EHLO") for one in elsewhere.inbox.said)


def sent(house: House, *recipients: str) -> None:
    submit(house, *recipients)
    until(lambda: not any(one.attempts == 0 or one.sending for one in queue(house)))


def test_one_connection_carries_many_messages(house: House, elsewhere: Elsewhere) -> None:
    for number in range(3):
        sent(house, f"x{number}@a{number}.fr")
    assert [one.rcpt_tos for one in elsewhere.inbox.taken] == [[f"x{number}@a{number}.fr"] for number in range(3)]
    assert all(octets.endswith(MESSAGE) for octets in elsewhere.inbox.octets)
    assert greetings(elsewhere) == 1
    house.stop_relays()
    assert elsewhere.inbox.quits == 1


@pytest.mark.parametrize("refused", ["MAIL", "x@ailleurs.fr", "DATA"])
def test_a_refusal_leaves_the_connection_usable(house: House, elsewhere: Elsewhere, refused: str) -> None:
    elsewhere.inbox.answers = {refused: "550 5.7.1 Not so"}
    sent(house, "x@ailleurs.fr")
    elsewhere.inbox.answers = {}
    sent(house, "y@ailleurs.fr")
    assert [one.rcpt_tos for one in elsewhere.inbox.taken] == [["y@ailleurs.fr"]]
    assert "Status: 5.7.1" in report_in(house.mail("ada")[0])[1]
    assert greetings(elsewhere) == 1


def test_some_recipients_are_taken(house: House, elsewhere: Elsewhere) -> None:
    elsewhere.inbox.answers = {"b@ailleurs.fr": "550 5.1.1 No", "c@ailleurs.fr": "450 4.2.1 Later"}
    sent(house, *(f"{name}@ailleurs.fr" for name in "abcd"))
    assert [one.rcpt_tos for one in elsewhere.inbox.taken] == [["a@ailleurs.fr", "d@ailleurs.fr"]]
    assert "Final-Recipient: rfc822; b@ailleurs.fr" in report_in(house.mail("ada")[0])[1]
    assert [one.recipients for one in queue(house)] == [("c@ailleurs.fr",)]


@pytest.mark.parametrize(
    "farewell", [{}, {"MAIL": "421 4.4.2 Idle for too long"}, {"y@ailleurs.fr": "421 4.7.0 Enough for now"}]
)
def test_a_server_that_had_done_with_the_connection_is_dialled_anew(
    house: House, elsewhere: Elsewhere, farewell: dict[str, str]
) -> None:
    """It counts as no attempt. What it says on a new connection does."""
    sent(house, "x@ailleurs.fr")
    elsewhere.inbox.answers = farewell
    if not farewell:
        elsewhere.inbox.breaks = {"MAIL": 1}
    submit(house, "y@ailleurs.fr")
    until(lambda: greetings(elsewhere) == 2)
    until(lambda: [(one.attempts, one.sending) for one in queue(house)] == [(1, False)])
    elsewhere.inbox.answers, elsewhere.inbox.breaks = {}, {}
    sent(house, "z@ailleurs.fr")
    assert [one.rcpt_tos for one in elsewhere.inbox.taken] == [["x@ailleurs.fr"], ["z@ailleurs.fr"]]


def test_a_connection_that_was_closed_meanwhile_is_not_used(house: House, elsewhere: Elsewhere) -> None:
    sent(house, "x@ailleurs.fr")
    elsewhere.stop()
    elsewhere.start()
    sent(house, "y@ailleurs.fr")
    assert not queue(house)
    assert greetings(elsewhere) == 2


def test_a_connection_has_its_time(house: House, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "MAX_MESSAGES", 2)
    for number in range(3):
        sent(house, f"x{number}@ailleurs.fr")
    assert greetings(elsewhere) == 2
    until(lambda: elsewhere.inbox.quits == 1)
    monkeypatch.setattr(pool, "MAX_SECONDS", 0.0)
    sent(house, "y@ailleurs.fr")
    until(lambda: elsewhere.inbox.quits == 2)
    assert greetings(elsewhere) == 2


def test_what_waits_is_bounded_and_ends(house: House, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Elsewhere().start()
    try:
        monkeypatch.setattr(pool, "MAX_IDLE", 1)
        house.settings.outbound.routes["autre.fr"] = other.target
        sent(house, "x@ailleurs.fr")
        sent(house, "y@autre.fr")
        until(lambda: elsewhere.inbox.quits == 1)
        assert other.inbox.quits == 0
        monkeypatch.setattr(pool, "IDLE_SECONDS", 0.0)
        sent(house, "z@autre.fr")
        until(lambda: other.inbox.quits == 1)
    finally:
        other.stop()


def test_who_is_slow_with_every_answer_has_so_long_for_all_of_them(
    house: House, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each answer is in time; together they are not."""
    monkeypatch.setattr(transfer, "SLOW_ANSWERS", 0)
    monkeypatch.setattr(transfer, "RECIPIENT_SECONDS", 0.05)
    elsewhere.inbox.slow = 0.2
    sent(house, *(f"x{number}@ailleurs.fr" for number in range(10)))
    assert elsewhere.inbox.taken == []
    (row,) = queue(house)
    assert (len(row.recipients), row.attempts) == (10, 1)
    assert house.mail("ada") == []


# ---------------------------------------------------------------------- a server that says what it likes


class Scripted:
    """Answers with what it was given, each time after so many lines have come."""

    def __init__(self, script: list[tuple[int, bytes]]) -> None:
        self.heard = b""
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.target = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        sock, _ = self._listener.accept()
        with sock, contextlib.suppress(OSError):
            for lines, answer in self._script:
                while self.heard.count(b"\n") < lines:
                    self.heard += sock.recv(65536)
                sock.sendall(answer)
            while (more := sock.recv(65536)) and not more.startswith(b"QUIT"):
                self.heard += more

    def stop(self) -> None:
        self._listener.close()
        self._thread.join(20)


class Deaf(Scripted):
    """Reads no more once it has said everything, and keeps the connection."""

    def __init__(self, script: list[tuple[int, bytes]]) -> None:
        self._over = threading.Event()
        super().__init__(script)

    def _serve(self) -> None:
        sock, _ = self._listener.accept()
        with sock, contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            for lines, answer in self._script:
                while self.heard.count(b"\n") < lines:
                    self.heard += sock.recv(4096)
                sock.sendall(answer)
            self._over.wait(60)

    def stop(self) -> None:
        self._over.set()
        super().stop()


@pytest.fixture
def scripted() -> Iterator[Callable[[list[tuple[int, bytes]]], Scripted]]:
    made: list[Scripted] = []

    def make(script: list[tuple[int, bytes]]) -> Scripted:
        made.append(Scripted([*EHLO, *script]))
        return made[-1]

    yield make
    for one in made:
        one.stop()


ScriptedMaker = Callable[[list[tuple[int, bytes]]], Scripted]
EHLO = [(0, b"220 x\r\n"), (1, b"250-x\r\n250 PIPELINING\r\n")]


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        # RFC 2920 section 3.1: DATA wanted though nobody is to get it; the end is sent alone
        ([(4, b"250 ok\r\n550 5.1.1 no\r\n354 go\r\n"), (5, b"554 5.5.1 nobody\r\n")], "5.1.1"),
        ([(4, b"550 5.7.1 no\r\n503 5.5.1 no\r\n354 go\r\n"), (5, b"554 5.5.1 nobody\r\n")], "5.7.1"),
        # in pieces, and in lines of several
        ([(4, b"250 o"), (4, b"k\r\n550-5.1.1 x\r\n5"), (4, b"50 5.1.1 no\r\n503 5.5.1 no\r\n")], "5.1.1"),
    ],
)
def test_answers_to_commands_sent_together(
    make_house: HouseMaker, scripted: ScriptedMaker, answers: list[tuple[int, bytes]], status: str
) -> None:
    there = scripted(answers)
    house = make_house(outbound={"smarthost": there.target, "retry": (600,), "timeout": 20})
    house.start_relay()
    submit(house, "x@ailleurs.fr")
    until(lambda: house.mail("ada"))
    assert f"Status: {status}" in report_in(house.mail("ada")[0])[1]
    assert b"Bonjour" not in there.heard
    house.stop_relays()


def test_nobody_gets_an_empty_message(make_house: HouseMaker, scripted: ScriptedMaker) -> None:
    """From a server that refuses MAIL and goes on all the same."""
    there = scripted([(4, b"550 5.7.1 no\r\n250 ok\r\n354 go\r\n")])
    house = make_house(outbound={"smarthost": there.target, "retry": (600,), "timeout": 20})
    house.start_relay()
    submit(house, "x@ailleurs.fr")
    until(lambda: house.mail("ada"))
    assert "Status: 5.7.1" in report_in(house.mail("ada")[0])[1]
    there.stop()
    assert there.heard.endswith(b"DATA\r\n")


@pytest.mark.parametrize(
    "nonsense",
    [
        b"hello\r\n",
        b"2" * (MAX_LINE + 2),
        b"250-x\r\n" * (MAX_REPLY // 4),
        b"250 x\r\n" * 999,
        b"250 ok\r\n250 ok\r\n250 not what DATA is answered with\r\n",
        b"250 ok\r\n252 who knows\r\n503 nobody\r\n",
        b"250 ok\r\n250 ok\r\n354 go\r\n250 taken, though nothing was sent\r\n",
        b"250 ok\r\n250 ok\r\n250 an answer too many\r\n354 go\r\n",
    ],
)
def test_nonsense_is_put_off(make_house: HouseMaker, scripted: ScriptedMaker, nonsense: bytes) -> None:
    there = scripted([(4, nonsense)])
    house = make_house(outbound={"smarthost": there.target, "retry": (600,), "timeout": 20})
    house.start_relay()
    submit(house, "x@ailleurs.fr")
    until(lambda: [(one.attempts, one.sending) for one in queue(house)] == [(1, False)])
    assert queue(house)[0].error
    house.stop_relays()


REPLY = st.tuples(
    st.integers(200, 599), st.lists(st.text("abc 1-é.", max_size=9).map(str.strip), min_size=1, max_size=4)
)


@given(st.lists(REPLY, max_size=6), st.data())
def test_replies_are_read_however_they_are_cut(replies: list[tuple[int, list[str]]], data: st.DataObject) -> None:
    octets = b""
    for code, lines in replies:
        for line in lines[:-1]:
            octets += f"{code}-{line}\r\n".encode()
        octets += f"{code} {lines[-1]}\r\n".encode()
    cutter = Replies()
    found: list[aiosmtplib.SMTPResponse] = []
    while octets:
        size = data.draw(st.integers(1, len(octets)))
        found += cutter.feed(octets[:size])
        octets = octets[size:]
    assert [(one.code, one.message.split("\n")) for one in found] == replies


@given(st.binary(max_size=300))
def test_anything_else_is_an_error_or_a_reply(octets: bytes) -> None:
    try:
        found = Replies().feed(octets)
    except aiosmtplib.SMTPResponseException:
        return
    assert all(0 <= one.code <= 999 for one in found)


def test_a_command_is_one_line(house: House, elsewhere: Elsewhere) -> None:
    """Whatever stands in the queue."""
    from smtp.relay.pipeline import Pipeline

    async def say() -> None:
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=elsewhere.port, start_tls=False)
        await client.connect()
        with Pipeline(client) as pipeline, pytest.raises(ValueError, match="control"):
            pipeline.send(b"MAIL FROM:<a@b.fr>\r\nRCPT TO:<c@d.fr>")
        client.close()

    asyncio.run(say())
    assert not any(one.startswith("RCPT") for one in elsewhere.inbox.said)


@pytest.mark.parametrize("limit", ["²", "9" * 5000])
def test_a_limit_that_is_no_number_is_none(make_house: HouseMaker, scripted: ScriptedMaker, limit: str) -> None:
    end = b"\r\n.\r\n"
    there = Scripted(
        [
            (0, b"220 x\r\n"),
            (1, f"250-x\r\n250-SIZE {limit}\r\n250 PIPELINING\r\n".encode()),
            (4, b"250 ok\r\n250 ok\r\n354 go\r\n"),
            (4 + MESSAGE.count(b"\n"), b""),
        ]
    )
    house = make_house(outbound={"smarthost": there.target, "retry": (600,), "timeout": 20})
    house.start_relay()
    submit(house, "x@ailleurs.fr")
    until(lambda: there.heard.endswith(end))
    house.stop_relays()
    there.stop()


def test_what_nobody_foresaw_is_put_off_like_the_rest(
    make_house: HouseMaker, scripted: ScriptedMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not sent again with each lease, for ever."""

    def fail(_: object) -> bytes:
        raise ZeroDivisionError

    monkeypatch.setattr(Transfer, "_mail_options", fail)
    there = scripted([])
    house = make_house(outbound={"smarthost": there.target, "retry": (600,), "timeout": 20})
    house.start_relay()
    submit(house, "x@ailleurs.fr")
    until(lambda: [(one.attempts, one.sending) for one in queue(house)] == [(1, False)])
    assert queue(house)[0].error == "Sending stopped at an error of our own server (ZeroDivisionError)"
    assert queue(house)[0].due > house.clock.now() + 300
    house.stop_relays()


@pytest.mark.parametrize("offers", [b"250-CHUNKING\r\n250 PIPELINING\r\n", b"250 PIPELINING\r\n"])
def test_who_does_not_read_is_left(make_house: HouseMaker, monkeypatch: pytest.MonkeyPatch, offers: bytes) -> None:
    """Else a few servers that take connections and no messages would stop the queue."""
    monkeypatch.setattr(transfer, "BLOCK_SECONDS", 0.05)
    is_chunked = offers.startswith(b"250-CHUNKING")
    go = (3, b"250 ok\r\n250 ok\r\n") if is_chunked else (4, b"250 ok\r\n250 ok\r\n354 go\r\n")
    there = Deaf([(0, b"220 x\r\n"), (1, b"250-x\r\n" + offers), go])
    house = make_house(outbound={"smarthost": there.target, "retry": (600,), "timeout": 20})
    house.start_relay()
    submit(house, "x@ailleurs.fr", octets=MESSAGE + b"0123456789" * 7 * 100_000 + b"\r\n")
    until(lambda: [(one.attempts, one.sending) for one in queue(house)] == [(1, False)])
    assert "reads no more of what it is sent" in queue(house)[0].error
    there.stop()
    house.stop_relays()
