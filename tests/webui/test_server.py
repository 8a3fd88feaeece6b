"""The HTTP doors against slow, endless and greedy peers; a clean stop."""

import asyncio
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import PATIENCE, until
from tests.webui.house import House
from webui.http import http_connection


@pytest.fixture
def own_house(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """Impatient, so that a test need not wait."""
    monkeypatch.setattr(http_connection, "HEADER_SECONDS", 0.4)
    monkeypatch.setattr(http_connection, "IDLE_BODY_SECONDS", 0.4)
    monkeypatch.setattr(http_connection, "STALL_SECONDS", 0.4)
    made = House(tmp_path / "house", sqlite_template)
    yield made
    made.close()


def connect(house: House) -> socket.socket:
    return socket.create_connection(("127.0.0.1", house.ports["http"]), timeout=PATIENCE)


def ended(sock: socket.socket) -> bool:
    """True when the server cut the connection."""
    try:
        while sock.recv(65536):
            pass
    except ConnectionResetError:
        return True
    return True


def test_slow_header_is_cut(own_house: House) -> None:
    """Slowloris: a header that trickles in does not hold a connection."""
    for start in (b"", b"GET / HTTP/1.1\r\nHost: x\r\n"):
        with connect(own_house) as sock:
            sock.sendall(start)
            assert ended(sock)


def cut_while_sending(sock: socket.socket, piece: bytes, pause: float) -> bool:
    """Send the same piece again and again for half a minute at most; True when the server had enough before."""
    deadline = time.monotonic() + 30
    try:
        while time.monotonic() < deadline:
            sock.sendall(piece)
            time.sleep(pause)
    except (ConnectionResetError, BrokenPipeError):
        return True
    return False


def test_trickle_does_not_extend_the_deadline(own_house: House) -> None:
    with connect(own_house) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n")
        assert cut_while_sending(sock, b"X-A: b\r\n", 0.05)


def test_endless_header_is_cut(own_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_connection, "HEADER_SECONDS", 60)
    with connect(own_house) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        assert cut_while_sending(sock, b"X-Filler: " + b"a" * 1000 + b"\r\n", 0.001)


def test_stalled_body_is_cut(own_house: House) -> None:
    with connect(own_house) as sock:
        head = b"POST /connexion HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
        sock.sendall(head + b"Content-Type: application/x-www-form-urlencoded\r\n\r\na=b")
        assert ended(sock)


def narrow(house: House) -> socket.socket:
    """A connection that holds little of what nobody reads."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(PATIENCE)
    sock.connect(("127.0.0.1", house.ports["http"]))
    return sock


@pytest.fixture
def stalls(monkeypatch: pytest.MonkeyPatch) -> list[asyncio.TimerHandle]:
    """What would cut connections, each from when its peer took nothing more."""
    found: list[asyncio.TimerHandle] = []
    pause = http_connection.BoundedProtocol.pause_writing

    def noted(connection: http_connection.BoundedProtocol) -> None:
        pause(connection)
        assert connection._stalled is not None
        found.append(connection._stalled)

    monkeypatch.setattr(http_connection.BoundedProtocol, "pause_writing", noted)
    return found


def test_who_stops_reading_is_cut(
    own_house: House, stalls: list[asyncio.TimerHandle], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is being made for a peer that takes nothing would hold its place for ever."""
    request, count = b"GET /aide HTTP/1.1\r\nHost: x\r\n\r\n", 1000
    own_house.sockets["http"].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # which a connection inherits
    with narrow(own_house) as sock:
        sock.sendall(request * count)
        until(lambda: stalls)
        until(lambda: own_house.run(connections(own_house)) == 0)
    stalls.clear()
    monkeypatch.setattr(http_connection, "STALL_SECONDS", PATIENCE)  # the reader may be held up, too
    with narrow(own_house) as sock:  # who reads on, however much there is, gets all of it
        sock.sendall(request * 100 + b"GET /aide HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        until(lambda: stalls)
        answers = b""
        while piece := sock.recv(65536):
            answers += piece
        assert answers.count(b"HTTP/1.1 200 ") == 101
    assert all(one.cancelled() for one in stalls), "each stall ends by itself"


async def connections(house: House) -> int:
    """How many the HTTP doors hold."""
    return sum(len(one.server_state.connections) for one, _ in house.door._servers)


def test_no_part_of_an_answer_waits_for_an_acknowledgement(own_house: House) -> None:
    """With Nagle's algorithm the body of an answer would come 40 ms after its header, or a round trip later."""
    with connect(own_house):
        until(lambda: own_house.run(connections(own_house)) == 1)
        assert own_house.run(prompt(own_house)) == [True]


async def prompt(house: House) -> list[bool]:
    """Of each connection whether what is written leaves at once."""
    found = [connection.transport for door, _ in house.door._servers for connection in door.server_state.connections]
    sockets = [transport.get_extra_info("socket") for transport in found]
    return [bool(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)) for sock in sockets]


def test_keep_alive_serves_several_requests(own_house: House) -> None:
    with connect(own_house) as sock:
        for _ in range(3):
            sock.sendall(b"GET /favicon.ico HTTP/1.1\r\nHost: x\r\n\r\n")
            assert sock.recv(65536).startswith(b"HTTP/1.1 302")
            time.sleep(0.2)


def test_tls_door_speaks_tls_1_2_and_later(own_house: House) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    address = ("127.0.0.1", own_house.ports["https"])
    with socket.create_connection(address, timeout=PATIENCE) as raw, context.wrap_socket(raw) as sock:
        assert sock.version() in ("TLSv1.2", "TLSv1.3")
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 200")


def test_stop_lets_an_answer_end_and_frees_the_port(tmp_path: Path, sqlite_template: Path) -> None:
    house = House(tmp_path / "house", sqlite_template)
    port = house.ports["http"]
    idle = connect(house)
    house.close()  # whatever the idle one does
    idle.close()
    with socket.socket() as sock:
        assert sock.connect_ex(("127.0.0.1", port)) != 0
