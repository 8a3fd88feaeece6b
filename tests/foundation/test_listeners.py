"""Connections at every door: counted when they are accepted, by one rule of addresses; a time for the handshake."""

import asyncio
import base64
import contextlib
import datetime
import shutil
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest
import uvloop

from directory.server.wire import ber, messages
from directory.server.wire.messages import Tag
from mailserver.foundation.network import listeners
from mailserver.foundation.settings import Settings
from mailserver.foundation.tls import make_certificate
from mailserver.model.credentials.sasl import Secret
from mailserver.model.identity import NewPerson, Role
from mailserver.runtime import composition
from mailserver.runtime import doors as runtime_doors
from tests import loops
from tests.harness import PORTS
from tests.waiting import until

T = TypeVar("T")
PASSWORD = "Academie#2026"
TLS_DOORS = ("submissions", "imaps", "ldaps", "https")
PLAIN_DOORS = ("smtp", "submission", "lmtp", "imap", "sieve", "ldap", "http")
PEER, KNOWN, ACCOUNT = 3, 5, 4
STRANGER, NEIGHBOUR, SCHOOL = "203.0.113.7", "203.0.113.8", "198.51.100.9"
REFUSED = {
    "smtp": b"421 4.7.0 Too many connections from your address\r\n",
    "submission": b"421 4.7.0 Too many connections from your address\r\n",
    "lmtp": b"421 4.7.0 Too many connections from your address\r\n",
    "imap": b"* BYE [UNAVAILABLE] Too many connections from your address\r\n",
    "sieve": b'BYE (TRYLATER) "Too many connections from your address"\r\n',
    "ldap": messages.disconnection(messages.Code.BUSY, "too many connections"),
}


def ldap_request(number: int, content: bytes, tag: Tag) -> bytes:
    return ber.sequence((ber.integer(number), ber.sequence((content,), tag)))


BEFORE_TLS = {
    "smtp": (b"EHLO x\r\n", b"STARTTLS\r\n", b"220 2.0.0"),
    "submission": (b"EHLO x\r\n", b"STARTTLS\r\n", b"220 2.0.0"),
    "lmtp": (b"LHLO x\r\n", b"STARTTLS\r\n", b"220 2.0.0"),
    "imap": (b"", b"a STARTTLS\r\n", b"a OK"),
    "ldap": (b"", ldap_request(1, ber.octets(messages.START_TLS, 0x80), Tag.EXTENDED), b"0"),
}


class Doors:
    """All doors of one worker, on a loop of their own in a thread."""

    def __init__(self, folder: Path, template: Path, **sections: object) -> None:
        (folder / "data" / "blobs").mkdir(parents=True)
        (folder / "secrets").mkdir()
        for name in ("hmac", "ldap-admin"):
            (folder / "secrets" / name).write_text("00112233445566778899aabbccddeeff" * 2)
        shutil.copy(template, folder / "data" / "mail.db")
        limits = {
            "connections_per_peer": PEER,
            "connections_per_known_peer": KNOWN,
            "known_networks": ["198.51.100.0/24"],
            "connections_per_account": ACCOUNT,
            "handshake_seconds": 2,
        }
        values = {"domain": "ac-exemple.fr", "directory": folder, "limits": limits, **sections}
        self.settings = Settings.model_validate(values)
        now = datetime.datetime.now(datetime.UTC)
        make_certificate(self.settings.certificate, self.settings.private_key, ["ac-exemple.fr"], now)
        self.loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        sockets = {name: socket.create_server(("127.0.0.1", 0)) for name in PORTS}
        self.ports = {name: sock.getsockname()[1] for name, sock in sockets.items()}
        self.services = composition.build(self.settings)
        self.services.changes.attach(self.loop, lambda: 0)
        self._doors = self.run(runtime_doors.start(self.services, {name: [sock] for name, sock in sockets.items()}))
        self.login = self.run(self._add_person())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    async def _add_person(self) -> str:
        person = await self.services.directory.add(NewPerson("Emma", "Dupont", Role.TEACHER))
        await self.services.directory.set_password(person.account_id, Secret(PASSWORD))
        await self.services.login.login(person.login, Secret(PASSWORD), "127.0.0.1", "test")
        return person.login

    def connect(self, door: str) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.ports[door]), timeout=20)

    def close(self) -> None:
        for door in self._doors:
            self.run(door.stop(1))
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        loops.close(self.loop)
        self.services.store.close()


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Doors]:
    made = Doors(tmp_path_factory.mktemp("doors") / "house", sqlite_template)
    yield made
    made.close()


@pytest.fixture
def seen_from(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """From now on connections come from there: a test has no other machine to come from."""
    return lambda address: monkeypatch.setattr(listeners, "address_of", lambda _sock: address)


def wrapped(sock: socket.socket) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(sock)


class Connects(Protocol):
    """Opens connections to the doors."""

    def connect(self, door: str) -> socket.socket: ...


def is_welcome(doors: Connects, door: str, stack: contextlib.ExitStack) -> bool:
    """Connect and stay: true when the door speaks with us, false when it closes, whatever it says then."""
    sock = stack.enter_context(doors.connect(door))
    try:
        if door in TLS_DOORS:
            sock = stack.enter_context(wrapped(sock))
        if door.startswith("ldap"):
            sock.sendall(ldap_request(1, ber.octets(messages.WHO_AM_I, 0x80), Tag.EXTENDED))
        elif door.startswith("http"):
            sock.sendall(b"GET /favicon.ico HTTP/1.1\r\nHost: x\r\n\r\n")
        said = sock.recv(65536)
    except OSError:
        return False
    return bool(said) and said != REFUSED.get(door)


def read_until_closed(sock: socket.socket) -> bytes:
    said = b""
    with contextlib.suppress(ConnectionError):
        while piece := sock.recv(65536):
            said += piece
    return said


# ---------------------------------------------------------------------- TLS that does not come about


def test_who_never_begins_the_handshake_is_cut_soon(doors: Doors) -> None:
    """Seen: 60 seconds at one door, for ever at another. At all of them at once, since each takes its time."""
    with contextlib.ExitStack() as stack:
        waiting = [(door, stack.enter_context(doors.connect(door))) for door in TLS_DOORS for _ in range(2)]
        for _, slow in waiting[::2]:
            slow.sendall(b"\x16\x03\x01\x02\x00\x01")
        for door, sock in waiting:
            sock.settimeout(30)
            assert not read_until_closed(sock).startswith(b"\x16"), door


def test_who_asks_for_tls_and_does_not_begin_is_cut_soon(doors: Doors) -> None:
    with contextlib.ExitStack() as stack:
        waiting = []
        for door, (hello, ask, answer) in BEFORE_TLS.items():
            sock = stack.enter_context(doors.connect(door))
            if door != "ldap":
                sock.recv(65536)
            if hello:
                sock.sendall(hello)
                sock.recv(65536)
            sock.sendall(ask)
            assert sock.recv(65536).startswith(answer), door
            waiting.append(sock)
        for sock in waiting:
            sock.settimeout(30)
            read_until_closed(sock)


@pytest.mark.parametrize("door", TLS_DOORS)
def test_connections_without_a_handshake_count(doors: Doors, door: str, seen_from: Callable[[str], None]) -> None:
    """They count from when they are accepted: the one too many is closed without a word, and others are served."""
    seen_from(STRANGER)
    with contextlib.ExitStack() as stack:
        for _ in range(PEER):
            stack.enter_context(doors.connect(door))
        assert not is_welcome(doors, door, stack)
        seen_from(NEIGHBOUR)
        assert is_welcome(doors, door, stack)
    seen_from(STRANGER)
    until(lambda: enters(doors, door))


def enters(doors: Doors, door: str) -> bool:
    with contextlib.ExitStack() as stack:
        return is_welcome(doors, door, stack)


# ---------------------------------------------------------------------- one rule of addresses


@pytest.mark.parametrize("door", PLAIN_DOORS + TLS_DOORS)
@pytest.mark.parametrize(
    ("addresses", "last"),
    [
        ([STRANGER, f"::ffff:{STRANGER}", STRANGER], f"::ffff:{STRANGER}"),
        (["2001:db8::1", "2001:db8::2:3:4:5", "2001:db8::9"], "2001:db8::ffff"),
    ],
    ids=["IPv4 within IPv6", "a /64 of IPv6"],
)
def test_what_counts_as_one_address(
    doors: Doors, door: str, addresses: list[str], last: str, seen_from: Callable[[str], None]
) -> None:
    with contextlib.ExitStack() as stack:
        for address in addresses:
            seen_from(address)
            assert is_welcome(doors, door, stack)
        seen_from(last)
        assert not is_welcome(doors, door, stack)
        seen_from("2001:db8:0:1::1")
        assert is_welcome(doors, door, stack)
    seen_from(last)
    until(lambda: enters(doors, door))


@pytest.mark.parametrize("door", PLAIN_DOORS + TLS_DOORS)
def test_loopback_is_exempt_and_known_networks_have_more(
    doors: Doors, door: str, seen_from: Callable[[str], None]
) -> None:
    with contextlib.ExitStack() as stack:
        for address in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
            seen_from(address)
            for _ in range(PEER):
                assert is_welcome(doors, door, stack)
        for address in (SCHOOL, f"::ffff:{SCHOOL}", SCHOOL, SCHOOL, SCHOOL):
            seen_from(address)
            assert is_welcome(doors, door, stack)
        assert not is_welcome(doors, door, stack)
    until(lambda: enters(doors, door))


@pytest.mark.parametrize("door", REFUSED)
def test_a_crowd_is_told_so_in_clear(doors: Doors, door: str, seen_from: Callable[[str], None]) -> None:
    seen_from(STRANGER)
    with contextlib.ExitStack() as stack:
        for _ in range(PEER):
            assert is_welcome(doors, door, stack)
        assert read_until_closed(stack.enter_context(doors.connect(door))) == REFUSED[door]
    until(lambda: enters(doors, door))


# ---------------------------------------------------------------------- who has said who it is


def logs_in(doors: Doors, sock: ssl.SSLSocket, door: str) -> bool:
    """Log in; False when the door says that the account has too many connections."""
    plain = base64.b64encode(f"\0{doors.login}\0{PASSWORD}".encode())
    match door:
        case "submissions":
            sock.recv(65536)
            sock.sendall(b"EHLO x\r\n")
            sock.recv(65536)
            sock.sendall(b"AUTH PLAIN " + plain + b"\r\n")
            said = sock.recv(65536)
            assert said.startswith((b"235 ", b"421 4.7.0 Too many connections of this account"))
            return said.startswith(b"235 ")
        case "imaps":
            sock.recv(65536)
            sock.sendall(f"a LOGIN {doors.login} {PASSWORD}\r\n".encode())
            said = sock.recv(65536)
            assert said.startswith((b"a OK", b"a NO [LIMIT] Too many connections of this account"))
            return said.startswith(b"a OK")
        case "ldaps":
            bind = ber.integer(3) + ber.octets(doors.login) + ber.octets(PASSWORD, 0x80)
            sock.sendall(ldap_request(1, bind, Tag.BIND))
            return b"too many connections of this account" not in sock.recv(65536)
        case _:
            token = base64.b64encode(f"{doors.login}:{PASSWORD}".encode())
            sock.sendall(b"OPTIONS /dav/ HTTP/1.1\r\nHost: x\r\nAuthorization: Basic " + token + b"\r\n\r\n")
            said = sock.recv(65536)
            assert said.startswith((b"HTTP/1.1 200", b"HTTP/1.1 503"))
            return said.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("door", TLS_DOORS)
def test_who_has_logged_in_counts_with_the_account(doors: Doors, door: str, seen_from: Callable[[str], None]) -> None:
    """A school behind one address is not refused at its next connection; one account does not take all there are."""
    seen_from(STRANGER)
    with contextlib.ExitStack() as stack:
        for _ in range(ACCOUNT):
            assert logs_in(doors, stack.enter_context(wrapped(doors.connect(door))), door)
        one_more = stack.enter_context(wrapped(doors.connect(door)))
        assert not logs_in(doors, one_more, door)
        one_more.close()
        for _ in range(PEER - 1):
            assert is_welcome(doors, door, stack)
    until(lambda: enters(doors, door))
    until(lambda: _comes_in(doors, door))


def _comes_in(doors: Doors, door: str) -> bool:
    with wrapped(doors.connect(door)) as sock:
        return logs_in(doors, sock, door)
