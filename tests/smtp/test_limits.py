"""Every bound of the doors, each with a test that goes beyond it."""

import select
import socket

import pytest

from smtp import connection, door
from smtp.wire import framing
from tests.smtp.conftest import HouseMaker
from tests.smtp.dialogues import Dialogue, Wire
from tests.smtp.house import DOMAIN, House
from tests.waiting import PATIENCE, until

ADA = f"ada@{DOMAIN}".encode()
OPEN = b"HELO bar.com\r\nMAIL FROM:<a@bar.com>\r\nRCPT TO:<" + ADA + b">\r\n"


def wire(house: House, name: str = "smtp") -> Wire:
    return Wire(house, Dialogue("limits", door=name), encrypted=False)


def ask(one: Wire, octets: bytes, lines: int = 1) -> list[str]:
    one.send(octets)
    return [one.line() for _ in range(lines)]


def send(house: House, message: bytes) -> str:
    """The answer to a message."""
    one = wire(house)
    ask(one, OPEN + b"DATA\r\n", 4)
    answer = ask(one, message + b"\r\n.\r\n")[0]
    one.close()
    return answer


@pytest.fixture
def small(make_house: HouseMaker) -> House:
    return make_house(
        limits={"message_size": 200_000, "recipients": 100, "header_size": 4096, "hops": 10, "connections": 3}
    )


def test_message_size_is_refused_before_data_when_told(small: House) -> None:
    one = wire(small)
    assert ask(one, b"EHLO bar.com\r\nMAIL FROM:<a@bar.com> SIZE=200001\r\nMAIL FROM:<> SIZE=200000\r\n", 10)[-2:] == [
        "552 5.3.4 Message too big",
        "250 2.1.0 Ok",
    ]
    one.close()


def test_message_size_is_refused_after_data(small: House) -> None:
    assert send(small, b"Subject: x\r\n\r\n" + b"x" * 70 * 10 + b"\r\n" * 99_000).startswith("250 ")
    assert send(small, b"Subject: x\r\n\r\n" + (b"x" * 70 + b"\r\n") * 3000) == "552 5.3.4 Message too big"


def test_chunks_beyond_the_size_are_read_and_refused(small: House) -> None:
    one = wire(small)
    ask(one, OPEN, 3)
    assert ask(one, b"BDAT 200001\r\n" + b"x\r\n" * 66667) == ["552 5.3.4 Message too big"]
    assert ask(one, b"BDAT 9000000 LAST\r\n" + b"QUIT\r\n" * 1_500_000) == [
        "503 5.5.1 The message was refused; say RSET"
    ]
    assert ask(one, b"RSET\r\n") == ["250 2.0.0 Ok"]
    one.close()


def test_header_size(small: House) -> None:
    assert send(small, b"X-Y: " + b"z" * 3000 + b"\r\n\r\nx").startswith("250 ")
    assert send(small, (b"X-Y: " + b"z" * 70 + b"\r\n") * 60 + b"\r\nx") == "552 5.3.4 Header too big"


def test_loops_end(small: House) -> None:
    hop = b"Received: from a by b; Mon, 1 Jan 2026 00:00:00 +0000\r\n"
    assert send(small, hop * 10 + b"\r\nx").startswith("250 ")
    assert send(small, hop * 11 + b"\r\nx").startswith("554 5.4.6 ")


def test_recipients(small: House) -> None:
    one = wire(small)
    answers = ask(one, OPEN + (b"RCPT TO:<" + ADA + b">\r\n") * 101, 104)
    assert answers[2:102] == ["250 2.1.5 Ok"] * 100
    assert answers[102:] == ["452 4.5.3 Too many recipients"] * 2
    ask(one, b"DATA\r\nx\r\n.\r\n", 2)
    one.close()
    assert len(small.mail("ada")) == 1


def test_text_lines(house: House) -> None:
    assert send(house, b"\r\n" + b"x" * 60_000).startswith("250 ")
    assert send(house, b"\r\n" + b"x" * (framing.TEXT_LINE + 1)) == "500 5.5.2 Line too long"


def test_command_lines(house: House) -> None:
    one = wire(house)
    assert ask(one, b"NOOP " + b"x" * (framing.COMMAND_LINE - 10) + b"\r\n") == ["250 2.0.0 Ok"]
    assert ask(one, b"NOOP " + b"x" * framing.COMMAND_LINE + b"\r\n") == ["500 5.5.2 Line too long"]
    assert ask(one, b"NOOP " + b"x" * 1_000_000 + b"\r\nNOOP\r\n", 2) == ["500 5.5.2 Line too long", "250 2.0.0 Ok"]
    one.close()
    one = wire(house, "submission")
    assert ask(one, b"NOOP " + b"x" * framing.COMMAND_LINE + b"\r\n") == ["500 5.5.2 Line too long"]
    assert ask(one, b"AUTH PLAIN " + b"x" * framing.COMMAND_LINE + b"\r\n") == ["503 5.5.1 Say EHLO first"]
    assert ask(one, b"AUTH PLAIN " + b"x" * framing.AUTH_LINE + b"\r\n") == ["500 5.5.2 Line too long"]
    one.close()


def test_senseless_commands_end_the_connection(house: House) -> None:
    one = wire(house)
    answers = ask(one, b"XYZZY\r\n" * connection.MAX_FAULTS, connection.MAX_FAULTS + 1)
    assert answers[-2:] == ["500 5.5.1 Command unknown", "421 4.7.0 Too many errors"]
    assert one.line() == ""
    one.close()


def test_harvesting_ends_the_connection(house: House) -> None:
    one = wire(house)
    ask(one, OPEN, 3)
    count = connection.MAX_REFUSALS
    names = b"".join(b"RCPT TO:<name%d@ac-exemple.fr>\r\n" % n for n in range(count))
    assert ask(one, names, count + 1)[-1] == "421 4.7.0 Too many errors"
    assert one.line() == ""
    one.close()


def test_a_few_wrong_names_in_a_long_list_do_not(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MAX_REFUSALS", 2)
    one = wire(house)
    ask(one, OPEN[: OPEN.index(b"RCPT")], 2)
    bad = b"RCPT TO:<nobody@ac-exemple.fr>\r\n"
    people = (ADA, b"bob@ac-exemple.fr", b"admin@ac-exemple.fr")
    answers = ask(one, b"".join(b"RCPT TO:<" + name + b">\r\n" + bad for name in people), 6)
    assert [one[:4] for one in answers] == ["250 ", "550 "] * 3
    one.close()


@pytest.mark.parametrize("name", [b"postmaster@ac-exemple.fr", ADA, b"ada+dossier@ac-exemple.fr"])
def test_the_same_good_name_again_and_again_does_not_help(house: House, name: bytes) -> None:
    """Nor another address of the same person."""
    one = wire(house)
    ask(one, OPEN, 3)
    good, count = b"RCPT TO:<" + name + b">\r\n", connection.MAX_REFUSALS
    names = b"".join(good + b"RCPT TO:<name%d@ac-exemple.fr>\r\n" % n for n in range(count))
    assert ask(one, names, 2 * count + 1)[-1] == "421 4.7.0 Too many errors"
    one.close()


def test_idle_commands_end_the_connection(house: House) -> None:
    one = wire(house)
    count = connection.MAX_IDLE_COMMANDS
    answers = ask(one, b"NOOP\r\n" * (count + 1), count + 1)
    assert answers[-1] == "421 4.7.0 Too many commands without a message"
    assert one.line() == ""
    one.close()


def test_connections_of_a_worker(small: House) -> None:
    held = [wire(small) for _ in range(3)]
    with socket.create_connection(("127.0.0.1", small.ports["smtp"]), PATIENCE) as extra:
        assert extra.recv(200) == b"421 4.3.2 Too many connections, try again later\r\n"
        assert extra.recv(200) == b""
    held.pop().close()
    until(lambda: len(small.door._members) < 3)
    held.append(wire(small))
    for one in held:
        one.close()


def test_octets_in_memory_are_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many slow senders together may not fill the memory."""
    assert door.HELD_OCTETS >= 100_000_000
    monkeypatch.setattr(door, "HELD_OCTETS", 300_000)
    one, other = wire(house), wire(house)
    for each in (one, other):
        ask(each, OPEN + b"DATA\r\n", 4)
    one.send((b"x" * 70 + b"\r\n") * 4000)
    until(lambda: house.door.held > 200_000)
    other.send((b"x" * 70 + b"\r\n") * 4000)
    assert ask(other, b".\r\n")[0].startswith("452 4.3.1")
    assert ask(one, b".\r\n")[0].startswith("250 2.0.0")
    assert ask(one, OPEN.partition(b"\r\n")[2] + b"DATA\r\nx\r\n.\r\n", 4)[-1].startswith("250 ")
    one.close()
    other.close()
    until(lambda: house.door.held == 0)


def chunks_of(house: House, peer: str, octets: int) -> tuple[socket.socket, bytes]:
    """Somebody elsewhere who has sent a first chunk of so many octets, and what was answered."""
    one = socket.create_connection(("127.0.0.1", house.ports["smtp"]), PATIENCE)
    one.sendall(b"PROXY TCP4 %b 192.0.2.25 40000 25\r\n" % peer.encode() + OPEN)
    reader = one.makefile("rb")
    assert [reader.readline()[:4] for _ in range(4)] == [b"220 ", b"250 ", b"250 ", b"250 "]
    one.sendall(b"BDAT %d\r\n" % octets + (b"x" * 70 + b"\r\n") * (octets // 72))
    return one, reader.readline()


def test_who_fills_the_memory_keeps_nobody_else_out(make_house: HouseMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    """One peer with many connections, each in the middle of a large message, had everybody's mail deferred."""
    monkeypatch.setattr(door, "HELD_OCTETS", 1_440_000)
    house = make_house(proxy={"networks": ["127.0.0.0/8"]})
    held = [chunks_of(house, "203.0.113.7", 288_000) for _ in range(6)]
    assert [answer[:4] for _, answer in held] == [b"250 ", *[b"452 "] * 5]
    other, answer = chunks_of(house, "203.0.113.8", 288_000)
    assert answer.startswith(b"250 "), answer
    for one in (other, *(one for one, _ in held)):
        one.close()
    until(lambda: house.door.held == 0)


def test_a_small_message_always_finds_room(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "HELD_OCTETS", -1)
    one = wire(house)
    ask(one, OPEN + b"DATA\r\n", 4)
    assert ask(one, b"Subject: x\r\n\r\nx\r\n.\r\n")[0].startswith("250 ")
    one.close()


def test_chunks_of_one_message_take_no_longer_than_one_message(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Octet by octet, each a chunk of its own, they held memory for ever."""
    monkeypatch.setattr(connection, "MESSAGE_SECONDS", -1.0)
    one = wire(house)
    assert ask(one, OPEN + b"BDAT 1\r\nx", 4)[-1].startswith("250 ")
    assert ask(one, b"BDAT 1\r\nx") == ["421 4.4.2 The transaction takes too long"]
    assert one.line() == ""
    one.close()


def test_idle_peer_is_told_and_closed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "IDLE_SECONDS", 1.5)
    one = wire(house)
    assert ask(one, b"HELO bar.com\r\n") == ["250 ac-exemple.fr"]
    assert one.line() == "421 4.4.2 Idle for too long"
    assert one.line() == ""
    one.close()


def test_dripping_message_is_cut(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MESSAGE_SECONDS", 0.4)
    one = wire(house)
    ask(one, OPEN + b"DATA\r\n", 4)
    while not select.select([one.socket], [], [], 0.1)[0]:
        one.send(b"x\r\n")
    assert one.line() == "421 4.4.2 The transaction takes too long"
    assert one.line() == ""
    one.close()


def test_peer_that_does_not_read_is_held_back_and_dropped(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "IDLE_SECONDS", 0.5)
    monkeypatch.setattr(connection, "MAX_IDLE_COMMANDS", 1 << 60)
    with socket.socket() as greedy:
        greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        greedy.connect(("127.0.0.1", house.ports["smtp"]))
        greedy.settimeout(0.5)
        with pytest.raises((TimeoutError, ConnectionError)):
            greedy.sendall(b"HELP\r\n" * 10_000_000)
    until(lambda: not house.door._members)


def test_a_peer_that_leaves_early_gets_its_message_delivered(house: House) -> None:
    """The connection is gone before the answer; what was asked for whole is done whole."""
    with socket.create_connection(("127.0.0.1", house.ports["smtp"]), PATIENCE) as one:
        one.sendall(OPEN + b"DATA\r\nSubject: x\r\n\r\n.\r\nQUIT\r\n")
    until(lambda: house.mail("ada"))


def test_half_a_message_is_none(house: House) -> None:
    with socket.create_connection(("127.0.0.1", house.ports["smtp"]), PATIENCE) as one:
        one.sendall(OPEN + b"DATA\r\nSubject: x\r\n\r\nhalf\r\n")
        one.shutdown(socket.SHUT_WR)
        while one.recv(1000):
            pass
    assert house.mail("ada") == []


def test_half_closed_peer_still_gets_answers(house: House) -> None:
    with socket.create_connection(("127.0.0.1", house.ports["smtp"]), PATIENCE) as one:
        one.sendall(OPEN + b"DATA\r\nSubject: x\r\n\r\n.\r\n")
        one.shutdown(socket.SHUT_WR)
        said = b""
        while piece := one.recv(1000):
            said += piece
    assert b"250 2.0.0 delivered as " in said


def test_stop_lets_a_message_end(make_house: HouseMaker) -> None:
    house = make_house()
    idle, busy = wire(house), wire(house)
    ask(busy, OPEN + b"DATA\r\n", 4)
    ended = house.loop.call_soon_threadsafe(lambda: house.loop.create_task(house.door.stop(5)))
    assert idle.line() == "421 4.3.2 Service stopping, try again later"
    assert idle.line() == ""
    assert ask(busy, b"Subject: x\r\n\r\n.\r\n")[0].startswith("250 ")
    assert busy.line() == "421 4.3.2 Service stopping, try again later"
    assert busy.line() == ""
    assert ended is not None
    for one in (idle, busy):
        one.close()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", house.ports["smtp"]), 1)
