"""Behind a proxy: every door hears from it who really comes, counts and records that one, and makes no exceptions."""

import contextlib
import http.client
import ipaddress
import socket
import ssl
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.foundation.network import proxy_protocol
from mailserver.foundation.network.peers import UNKNOWN, behind
from mailserver.model.errors import BadSyntax
from tests.foundation.test_haproxy_example import program
from tests.foundation.test_listeners import (
    NEIGHBOUR,
    PASSWORD,
    PEER,
    PLAIN_DOORS,
    REFUSED,
    STRANGER,
    TLS_DOORS,
    Doors,
    is_welcome,
    read_until_closed,
    wrapped,
)
from tests.ports import free_port
from tests.waiting import until
from webui.http import forwarded

SCHOOL_V6 = "2001:db8::7"
LOCAL = proxy_protocol.SIGNATURE + b"\x20\x00\x00\x00"
"""A proxy's own question whether we are there."""


def line(client: str) -> bytes:
    """A header of version 1."""
    kind, ours = ("TCP6", "2001:db8::25") if ":" in client else ("TCP4", "192.0.2.25")
    return f"PROXY {kind} {client} {ours} 40000 25\r\n".encode()


def binary(client: str, more: bytes = b"") -> bytes:
    """A header of version 2, with what proxies tell besides."""
    packed = ipaddress.ip_address(client).packed
    content = packed + bytes(len(packed)) + struct.pack("!HH", 40000, 25) + more
    family = 0x11 if len(packed) == 4 else 0x21
    return proxy_protocol.SIGNATURE + struct.pack("!BBH", 0x21, family, len(content)) + content


# ---------------------------------------------------------------------- the header


def read(octets: bytes) -> tuple[str | None, bytes]:
    """As a door reads: the client, and what is left for the door's own protocol."""
    taken = 0
    while count := proxy_protocol.wanted(octets[:taken]):
        if taken + count > len(octets):
            raise EOFError
        taken += count
    return proxy_protocol.source(octets[:taken]), octets[taken:]


@given(st.ip_addresses().map(str), st.binary(max_size=60), st.binary(max_size=60))
def test_a_header_is_read_and_nothing_behind_it(client: str, more: bytes, behind_it: bytes) -> None:
    assert read(line(client) + behind_it) == (client, behind_it)
    assert read(binary(client, more) + behind_it) == (client, behind_it)


@pytest.mark.parametrize(
    "header",
    [
        b"PROXY UNKNOWN\r\n",
        b"PROXY UNKNOWN ffff:f...f ffff:f...f 65535 65535\r\n",
        LOCAL,
        proxy_protocol.SIGNATURE + b"\x20\x11\x00\x0c" + bytes(12),
        proxy_protocol.SIGNATURE + b"\x21\x00\x00\x03abc",
        proxy_protocol.SIGNATURE + b"\x21\x31\x00\xd8" + bytes(216),
    ],
)
def test_a_proxy_that_does_not_say(header: bytes) -> None:
    assert read(header + b"x") == (None, b"x")


@pytest.mark.parametrize(
    "header",
    [
        b"EHLO example.org\r\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.25 40000\r\n",
        b"PROXY TCP4 2001:db8::7 2001:db8::25 40000 25\r\n",
        b"PROXY TCP4 203.0.113.7  192.0.2.25 40000 25\r\n",
        b"PROXY TCP4 203.0.113.07 192.0.2.25 40000 25\r\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.25 040 25\r\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.25 70000 25\r\n",
        b"PROXY UDP4 203.0.113.7 192.0.2.25 40000 25\r\n",
        "PROXY TCP4 203.0.113.٧ 192.0.2.25 40000 25\r\n".encode(),
        b"PROXY TCP4 " + b"1" * 200 + b"\r\n",
        b"proxy TCP4 203.0.113.7 192.0.2.25 40000 25\r\n",
        proxy_protocol.SIGNATURE + b"\x11\x11\x00\x0c" + bytes(12),
        proxy_protocol.SIGNATURE + b"\x22\x11\x00\x0c" + bytes(12),
        proxy_protocol.SIGNATURE + b"\x21\x11\x00\x08" + bytes(8),
        proxy_protocol.SIGNATURE + b"\x21\x21\x00\x0c" + bytes(12),
        proxy_protocol.SIGNATURE + b"\x21\x12\x00\x0c" + bytes(12),
        proxy_protocol.SIGNATURE + b"\x21\x41\x00\x0c" + bytes(12),
        proxy_protocol.SIGNATURE + b"\x21\x11\xff\xff" + bytes(65535),
    ],
)
def test_what_is_no_header(header: bytes) -> None:
    with pytest.raises(BadSyntax):
        read(header)


@given(st.one_of(st.binary(), st.binary().map(b"PROXY ".__add__), st.binary().map(proxy_protocol.SIGNATURE.__add__)))
def test_whatever_comes_is_read_within_bounds(octets: bytes) -> None:
    with contextlib.suppress(BadSyntax, EOFError):
        client, left = read(octets)
        assert client is None or ipaddress.ip_address(client)
        assert len(octets) - len(left) <= proxy_protocol.MOST_BINARY + 16


@pytest.mark.parametrize(
    ("source", "peer"),
    [
        (STRANGER, STRANGER),
        (f"::ffff:{STRANGER}", STRANGER),
        (SCHOOL_V6, SCHOOL_V6),
        ("127.0.0.1", UNKNOWN),
        ("::1", UNKNOWN),
        ("::ffff:127.0.0.1", UNKNOWN),
        ("0.0.0.0", UNKNOWN),
        ("_hidden", UNKNOWN),
        (None, UNKNOWN),
    ],
)
def test_nobody_behind_a_proxy_is_this_machine_or_the_proxy(source: str | None, peer: str) -> None:
    assert behind(source) == peer


# ---------------------------------------------------------------------- every door


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Doors]:
    """They stand behind a proxy on this machine."""
    folder = tmp_path_factory.mktemp("behind") / "house"
    made = Doors(folder, sqlite_template, proxy={"networks": ["127.0.0.0/8"]}, authentication={"dmarc": "off"})
    yield made
    made.close()


class Behind:
    """The doors, each connection with a header before it."""

    def __init__(self, doors: Doors, header: bytes) -> None:
        self._doors = doors
        self._header = header

    def connect(self, door: str) -> socket.socket:
        sock = self._doors.connect(door)
        sock.sendall(self._header)
        return sock


def welcomes(doors: Doors, door: str, header: bytes, stack: contextlib.ExitStack) -> bool:
    return is_welcome(Behind(doors, header), door, stack)


@pytest.mark.parametrize("door", PLAIN_DOORS + TLS_DOORS)
def test_a_connection_counts_where_it_really_comes_from(doors: Doors, door: str) -> None:
    with contextlib.ExitStack() as stack:
        for header in (line(STRANGER), binary(STRANGER), binary(f"::ffff:{STRANGER}")):
            assert welcomes(doors, door, header, stack)
        assert not welcomes(doors, door, line(STRANGER), stack)
        assert welcomes(doors, door, binary(NEIGHBOUR), stack)
        assert welcomes(doors, door, line(SCHOOL_V6), stack)
    until(lambda: enters(doors, door, line(STRANGER)))


def enters(doors: Doors, door: str, header: bytes) -> bool:
    with contextlib.ExitStack() as stack:
        return welcomes(doors, door, header, stack)


@pytest.mark.parametrize("door", PLAIN_DOORS + TLS_DOORS)
def test_no_exception_is_made_for_who_claims_to_be_this_machine(doors: Doors, door: str) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(PEER):
            assert welcomes(doors, door, line("127.0.0.1"), stack)
        assert not welcomes(doors, door, binary("::1"), stack)
        assert not welcomes(doors, door, LOCAL, stack)
    until(lambda: enters(doors, door, LOCAL))


@pytest.mark.parametrize("door", REFUSED)
def test_a_crowd_behind_a_proxy_is_told_so(doors: Doors, door: str) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(PEER):
            assert welcomes(doors, door, line(STRANGER), stack)
        one_more = stack.enter_context(Behind(doors, line(STRANGER)).connect(door))
        assert read_until_closed(one_more) == REFUSED[door]
    until(lambda: enters(doors, door, line(STRANGER)))


@pytest.mark.parametrize("door", ["smtp", "imaps", "https"])
@pytest.mark.parametrize("first", [b"EHLO example.org\r\n", b"PROXY TCP4 x y 1 2\r\n", b"PROXY TCP4 203.0"])
def test_a_proxy_that_is_not_understood_is_cut(doors: Doors, door: str, first: bytes) -> None:
    """Also one that does not go on: `handshake_seconds` bounds it."""
    with doors.connect(door) as sock:
        sock.sendall(first)
        assert read_until_closed(sock) == b""


def test_a_header_from_elsewhere_is_none(tmp_path: Path, sqlite_template: Path) -> None:
    """Nobody names an address but a proxy that is known."""
    doors = Doors(tmp_path / "house", sqlite_template, proxy={"networks": ["192.0.2.0/24"]})
    try:
        with Behind(doors, line(STRANGER)).connect("smtp") as sock:
            said = sock.makefile("rb")
            assert said.readline().startswith(b"220 ")
            assert said.readline().startswith(b"500 ")
    finally:
        doors.close()


def test_passwords_in_clear_are_refused_to_who_claims_to_be_this_machine(doors: Doors) -> None:
    for header in (line("127.0.0.1"), LOCAL, line(STRANGER)):
        with Behind(doors, header).connect("imap") as sock:
            said = sock.makefile("rb")
            assert b"LOGINDISABLED" in said.readline()
            sock.sendall(f"a LOGIN {doors.login} {PASSWORD}\r\n".encode())
            assert said.readline().startswith(b"a NO [PRIVACYREQUIRED]")


def test_guesses_count_where_they_really_come_from(doors: Doors) -> None:
    """Nobody else behind the same proxy waits for a guesser."""
    guesses = doors.settings.limits.login_failures

    def answer(client: str, password: str) -> bytes:
        with wrapped(Behind(doors, line(client)).connect("imaps")) as sock:
            said = sock.makefile("rb")
            said.readline()
            sock.sendall(f"a LOGIN {doors.login if password == PASSWORD else 'personne'} {password}\r\n".encode())
            return said.readline()

    for number in range(guesses):
        assert answer("203.0.113.66", f"Faux#{number}").startswith(b"a NO [AUTHENTICATIONFAILED]")
    assert b"AUTHENTICATIONFAILED" not in answer("203.0.113.66", "Faux#encore")
    assert answer(NEIGHBOUR, PASSWORD).startswith(b"a OK")


def send(doors: Doors, sock: socket.socket) -> None:
    """A message from elsewhere to the person who is there."""
    said = sock.makefile("rb")
    for command, code in (
        ("", b"220"),
        ("EHLO relais.example", b"250"),
        ("MAIL FROM:<a@example.org>", b"250"),
        (f"RCPT TO:<{doors.login}@ac-exemple.fr>", b"250"),
        ("DATA", b"354"),
        ("From: a@example.org\r\nSubject: x\r\n\r\nx\r\n.", b"250"),
        ("QUIT", b"221"),
    ):
        if command:
            sock.sendall(f"{command}\r\n".encode())
        answer = said.readline()
        while answer[3:4] == b"-":
            answer = said.readline()
        assert answer.startswith(code)


def received(doors: Doors, sock: ssl.SSLSocket) -> bytes:
    """The Received field of the newest message."""
    sock.sendall(f"a LOGIN {doors.login} {PASSWORD}\r\nb SELECT INBOX\r\n".encode())
    sock.sendall(b"c FETCH * BODY.PEEK[HEADER.FIELDS (RECEIVED)]\r\nd LOGOUT\r\n")
    return read_until_closed(sock)


def test_the_message_says_where_it_really_came_from(doors: Doors) -> None:
    with Behind(doors, line(STRANGER)).connect("smtp") as sock:
        send(doors, sock)
    with wrapped(Behind(doors, line(NEIGHBOUR)).connect("imaps")) as sock:
        assert f"[{STRANGER}]".encode() in received(doors, sock)


# ---------------------------------------------------------------------- header fields of the web


def fields(*pairs: tuple[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in pairs]


PROXIES = ("192.0.2.0/24", "2001:db8:ffff::/48")


@pytest.mark.parametrize(
    ("said", "peer"),
    [
        ([], UNKNOWN),
        ([("X-Forwarded-For", STRANGER)], STRANGER),
        ([("X-Forwarded-For", f"10.0.0.1, {STRANGER}")], STRANGER),
        ([("X-Forwarded-For", "10.0.0.1"), ("X-Forwarded-For", STRANGER)], STRANGER),
        ([("X-Forwarded-For", f"10.0.0.1, {STRANGER}, 192.0.2.8")], STRANGER),
        ([("X-Forwarded-For", f"{STRANGER}:40000")], STRANGER),
        ([("X-Forwarded-For", SCHOOL_V6)], SCHOOL_V6),
        ([("X-Forwarded-For", f"[{SCHOOL_V6}]:40000")], SCHOOL_V6),
        ([("X-Forwarded-For", f"{STRANGER}, 127.0.0.1")], UNKNOWN),
        ([("X-Forwarded-For", f"{STRANGER}, unknown")], UNKNOWN),
        ([("Forwarded", f"for={STRANGER}")], UNKNOWN),
    ],
)
def test_x_forwarded_for_is_read_from_its_end(said: list[tuple[str, str]], peer: str) -> None:
    assert forwarded.client_of(fields(*said), "x-forwarded", PROXIES) == peer


@pytest.mark.parametrize(
    ("said", "peer"),
    [
        ([f"for={STRANGER};proto=https;by=192.0.2.1"], STRANGER),
        ([f'proto=https; For="{STRANGER}:40000"'], STRANGER),
        ([f'for="[{SCHOOL_V6}]:40000"'], SCHOOL_V6),
        ([f'for=10.0.0.1, for="[{SCHOOL_V6}]", for=192.0.2.7'], SCHOOL_V6),
        ([f'for=10.0.0.1;secret="a, b", for={STRANGER};ext="a, \\"b"'], STRANGER),
        (['for="10.0.0.1', f"for={STRANGER}"], STRANGER),
        ([f'for="10.0.0.1, for="[{SCHOOL_V6}]"'], SCHOOL_V6),
        ([f"for={STRANGER}, for=_hidden"], UNKNOWN),
        ([f"for={STRANGER}, proto=https"], UNKNOWN),
        (["for=10.0.0.1", "for=" + "(" * 1000], UNKNOWN),
    ],
)
def test_forwarded_is_read_from_its_end(said: list[str], peer: str) -> None:
    pairs = fields(*(("Forwarded", value) for value in said), ("X-Forwarded-For", "10.0.0.9"))
    assert forwarded.client_of(pairs, "forwarded", PROXIES) == peer


@given(st.text(st.characters(max_codepoint=255)), st.sampled_from([STRANGER, f'"[{SCHOOL_V6}]"']))
def test_nothing_that_a_client_writes_hides_what_the_proxy_adds(written: str, client: str) -> None:
    real = client.strip('"[]')
    for pairs in (
        fields(("Forwarded", f"{written}, for={client}")),
        fields(("Forwarded", written), ("Forwarded", f"for={client}")),
    ):
        assert forwarded.client_of(pairs, "forwarded", PROXIES) == real
    pairs = fields(("X-Forwarded-For", f"{written}, {real}"))
    assert forwarded.client_of(pairs, "x-forwarded", PROXIES) == real


def test_the_scheme_is_what_the_last_proxy_saw() -> None:
    said = fields(("X-Forwarded-Proto", "http"), ("X-Forwarded-Proto", "HTTPS"), ("Forwarded", "for=x;proto=http"))
    assert forwarded.scheme_of(said, "x-forwarded") == "https"
    assert forwarded.scheme_of(said, "forwarded") == "http"
    assert forwarded.scheme_of(fields(("X-Forwarded-Proto", "javascript")), "x-forwarded") is None
    assert forwarded.scheme_of([], "forwarded") is None


# ---------------------------------------------------------------------- a real HAProxy

CONFIGURATION = """
global
  maxconn 200
defaults
  timeout connect 10s
  timeout client 30s
  timeout server 30s
frontend smtp
  mode tcp
  bind 127.0.0.1:{smtp}
  tcp-request connection set-src str({client})
  default_backend smtp
backend smtp
  mode tcp
  server s 127.0.0.1:{to_smtp} send-proxy
frontend imaps
  mode tcp
  bind 127.0.0.1:{imaps}
  tcp-request connection set-src str({client})
  default_backend imaps
backend imaps
  mode tcp
  server s 127.0.0.1:{to_imaps} send-proxy-v2 check-send-proxy
frontend web
  mode http
  bind 127.0.0.1:{web}
  tcp-request connection set-src str({client})
  option forwardfor
  http-request set-header X-Forwarded-Proto https
  default_backend web
backend web
  mode http
  http-reuse always
  server s 127.0.0.1:{to_web}
"""


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[tuple[Doors, dict[str, int]]]:
    """Doors, and the ports of a HAProxy before them: mail by both versions of its header, the web by header fields, TLS
    ended by the proxy."""
    folder = tmp_path_factory.mktemp("proxied")
    doors = Doors(
        folder / "house",
        sqlite_template,
        proxy={"networks": ["127.0.0.1/32"], "web": "x-forwarded"},
        authentication={"dmarc": "off"},
    )
    ports = {name: free_port() for name in ("smtp", "imaps", "web")}
    targets = {
        f"to_{name}": doors.ports[door] for name, door in (("smtp", "smtp"), ("imaps", "imaps"), ("web", "http"))
    }
    configuration = folder / "haproxy.cfg"
    configuration.write_text(CONFIGURATION.format(client=STRANGER, **ports, **targets))
    with subprocess.Popen([program(), "-db", "-f", configuration]) as haproxy:
        try:
            until(lambda: haproxy.poll() is not None or _listens(ports["web"]))
            assert haproxy.poll() is None
            yield doors, ports
        finally:
            haproxy.terminate()
            doors.close()


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


@pytest.mark.needs("haproxy")
def test_mail_through_haproxy(proxied: tuple[Doors, dict[str, int]]) -> None:
    doors, ports = proxied
    with socket.create_connection(("127.0.0.1", ports["smtp"])) as sock:
        send(doors, sock)
    with wrapped(socket.create_connection(("127.0.0.1", ports["imaps"]))) as sock:
        assert f"[{STRANGER}]".encode() in received(doors, sock)


@pytest.mark.needs("haproxy")
def test_the_web_through_haproxy(proxied: tuple[Doors, dict[str, int]]) -> None:
    """What a client writes itself is not believed; a page that came by TLS gives cookies for TLS."""
    _, ports = proxied
    web = http.client.HTTPConnection("127.0.0.1", ports["web"], timeout=30)
    forged = {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "Forwarded": "for=127.0.0.1;proto=http"}
    web.request("GET", "/metrics", headers=forged)
    answer = web.getresponse()
    assert answer.status == 404, "figures are for this machine only"
    answer.read()
    web.request("GET", "/login", headers=forged)
    answer = web.getresponse()
    assert answer.headers["set-cookie"].startswith("__Host-")
    answer.read()
    web.close()
