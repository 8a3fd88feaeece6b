"""What frames a request costs its sender the connection before it costs us memory: at every HTTP door."""

import contextlib
import itertools
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.waiting import PATIENCE
from tests.webui.house import House
from webui.http import http_connection

ENDLESS = 32 * 1024 * 1024
BOUND = 1024 * 1024
"""What a door may take of it, with what the kernel holds on its way."""
BUFFER = 32 * 1024
CHUNKED = b"Host: x\r\nTransfer-Encoding: chunked\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n"
TARGETS = [
    b"POST /connexion",
    b"POST /dav/",
    b"PUT /dav/edupont/contacts/x.vcf",
    b"GET /metrics",
    b"POST /csp-rapport",
    b"POST /autodiscover/autodiscover.xml",
    b"GET /.well-known/caldav",
    b"POST /nowhere",
]


@pytest.fixture(scope="module")
def framed(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("framing") / "house", sqlite_template)
    for sock in made.sockets.values():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)  # which a connection inherits
    yield made
    made.close()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """For who sends without end and reads nothing: what is left to them to read an answer."""
    monkeypatch.setattr(http_connection, "REFUSAL_SECONDS", 0.05)


def connect(house: House, door: str) -> socket.socket:
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    raw.settimeout(PATIENCE)
    raw.connect(("127.0.0.1", house.ports[door]))
    if door == "http":
        return raw
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(raw)


def accepted(sock: socket.socket, start: bytes, pieces: Iterator[bytes]) -> tuple[int, bytes]:
    """Send without end: how many octets went until the connection was cut, and what had been answered."""
    sent, said = 0, b""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        sock.sendall(start)
        while sent < ENDLESS:
            piece = next(pieces)
            sock.sendall(piece)
            sent += len(piece)
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while piece := sock.recv(65536):
            said += piece
    return sent, said


def numbered(form: str) -> Iterator[bytes]:
    """Pieces of 16 KiB or more, each of many lines."""
    count = len(form % 0)
    lines = 16384 // count + 1
    return (b"".join((form % number).encode() for number in range(at, at + lines)) for at in itertools.count(0, lines))


ATTACKS: dict[str, tuple[bytes, Callable[[], Iterator[bytes]]]] = {
    "trailer fields": (b"0\r\n", lambda: numbered("X-%06d: b\r\n")),
    "a trailer field": (b"0\r\nX-A: ", lambda: itertools.repeat(b"a" * 16384)),
    "the name of a trailer field": (b"0\r\n", lambda: itertools.repeat(b"a" * 16384)),
    "an extension of a chunk": (b"5;", lambda: itertools.repeat(b"a" * 16384)),
    "an extension of the last chunk": (b"0;", lambda: itertools.repeat(b"a" * 16384)),
    "extensions of chunks": (b"", lambda: itertools.repeat(b"1;" + b"a" * 16384 + b"\r\nx\r\n")),
    "the size of a chunk": (b"", lambda: itertools.repeat(b"0" * 16384)),
}


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("door", ["http", "https"])
def test_endless_framing_of_a_body_is_cut(framed: House, door: str, attack: str) -> None:
    """Once the body has begun nothing but its own octets may go on."""
    begin, pieces = ATTACKS[attack]
    with connect(framed, door) as sock:
        sent, _ = accepted(sock, b"POST /connexion HTTP/1.1\r\n" + CHUNKED + begin, pieces())
    assert sent < BOUND


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("target", TARGETS)
def test_endless_trailers_are_cut_at_every_address(framed: House, target: bytes) -> None:
    with connect(framed, "http") as sock:
        sent, said = accepted(sock, target + b" HTTP/1.1\r\n" + CHUNKED + b"0\r\n", numbered("X-%06d: b\r\n"))
    assert sent < BOUND
    with connect(framed, "http") as sock:
        sock.sendall(target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        plain = b"".join(iter(lambda: sock.recv(65536), b"")).partition(b"\r\n")[0]
    # A GET needs no body: its answer may come before its trailers are cut; whatever waits for the body is not answered.
    answer = said.partition(b"\r\n")[0]
    assert b" 200 " not in answer or (target.startswith(b"GET") and answer == plain)


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("attack", ["header fields", "a header field", "the address", "the method"])
@pytest.mark.parametrize("door", ["http", "https"])
def test_endless_header_is_cut(framed: House, door: str, attack: str) -> None:
    start, pieces = {
        "header fields": (b"GET / HTTP/1.1\r\n", numbered("X-%06d: b\r\n")),
        "a header field": (b"GET / HTTP/1.1\r\nX-A: ", itertools.repeat(b"a" * 16384)),
        "the address": (b"GET /", itertools.repeat(b"a" * 16384)),
        "the method": (b"", itertools.repeat(b"G" * 16384)),
    }[attack]
    with connect(framed, door) as sock:
        sent, _ = accepted(sock, start, pieces)
    assert sent < BOUND


@pytest.mark.parametrize(
    ("start", "line"),
    [(b"POST /connexion HTTP/1.1\r\n" + CHUNKED + b"0\r\n", "X-%06d: b\r\n"), (b"GET / HTTP/1.1\r\n", "X-%06d: b\r\n")],
    ids=["trailer", "header"],
)
@pytest.mark.parametrize("door", ["http", "https"])
def test_too_many_fields_are_told_so(framed: House, door: str, start: bytes, line: str) -> None:
    """Few octets, many fields: the peer that waits for an answer gets one."""
    fields = b"".join((line % number).encode() for number in range(2000))
    with connect(framed, door) as sock:
        sock.sendall(start + fields + b"\r\n")
        assert sock.recv(65536).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("door", ["http", "https"])
@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /aide HTTP/1.1\r\n", b"400"),
        (b"GET /aide HTTP/1.1\r\nHost: x\r\nHost: x\r\n", b"400"),
        (b"GET /dav/ HTTP/1.1\r\nhost: x\r\nHost: y\r\n", b"400"),
        (b"GET /aide HTTP/1.1\r\nHost: x/y\r\n", b"400"),
        (b"GET /aide HTTP/1.1\r\nHost: x y\r\n", b"400"),
        (b"POST /connexion HTTP/1.1\r\nContent-Length: 0\r\n", b"400"),
        (b"GET /aide#x HTTP/1.1\r\nHost: x\r\n", b"400"),
        (b"DELETE /dav/edupont/agenda/#1.ics HTTP/1.1\r\nHost: x\r\n", b"400"),
        (b"GET /aide HTTP/1.1\r\nHost:\r\n", b"200"),
        (b"GET /aide HTTP/1.1\r\nHost: [::1]:8443\r\n", b"200"),
        (b"GET /aide HTTP/1.0\r\n", b"200"),
    ],
)
def test_a_request_names_one_host_and_no_fragment(framed: House, door: str, head: bytes, status: bytes) -> None:
    """RFC 9112 section 3.2. What follows a refusal on the connection is no request of its own."""
    with connect(framed, door) as sock:
        behind = b"GET /aide HTTP/1.1\r\nHost: x\r\n\r\n" if status == b"400" else b""
        sock.sendall(head + b"Connection: close\r\n\r\n" + behind)
        said = b""
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while piece := sock.recv(65536):
                said += piece
    assert said.split(b" ", 2)[1] == status
    assert said.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("protocol", [b"websocket", b"h2c"])
def test_a_wish_for_another_protocol_is_not_granted_nor_logged(
    framed: House, protocol: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with connect(framed, "http") as sock:
        sock.sendall(b"GET /aide HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: " + protocol + b"\r\n\r\n")
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert not [record for record in caplog.records if record.name.startswith("uvicorn")]


def test_trailer_fields_say_nothing(framed: House) -> None:
    """A field behind the body is none of the header: it neither names a browser nor lengthens what is kept."""
    body = b"9\r\nlang=none\r\n0\r\nCookie: session=x\r\nAccept-Language: en\r\n\r\n"
    with connect(framed, "http") as sock:
        sock.sendall(b"POST /nowhere HTTP/1.1\r\n" + CHUNKED + body + b"GET /aide HTTP/1.1\r\nHost: x\r\n\r\n")
        said = b""
        while said.count(b"HTTP/1.1 ") < 2:
            said += sock.recv(65536)
    assert said.startswith(b"HTTP/1.1 404 ")
    assert b"Page introuvable" in said or b'lang="fr"' in said


def test_small_chunks_are_no_attack(framed: House) -> None:
    """A body of one octet a chunk, with sizes as long as programs write them, comes through whole."""
    size = 200_000
    with connect(framed, "http") as sock:
        sock.sendall(b"POST /csp-rapport HTTP/1.1\r\n" + CHUNKED)
        sock.sendall(b"00000001\r\nx\r\n" * size + b"0\r\n\r\n")
        sock.sendall(b"GET /aide HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        said = b""
        while piece := sock.recv(65536):
            said += piece
    assert said.startswith(b"HTTP/1.1 204 ")
    assert b"HTTP/1.1 200 " in said


@pytest.mark.parametrize("path", [b"/csp-rapport", b"/autodiscover/autodiscover.xml", b"/connexion"])
def test_who_leaves_within_a_body_is_no_error(framed: House, path: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with connect(framed, "http") as sock:
        sock.sendall(
            b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\n{"
        )
    with connect(framed, "http") as sock:  # what came before it has been dealt with
        sock.sendall(b"GET /aide HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        while sock.recv(65536):
            pass
    assert not [record for record in caplog.records if record.name.startswith("uvicorn")]
