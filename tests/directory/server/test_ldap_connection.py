"""What peers may do to the LDAP door's connections: injection, floods, silence, slowness, garbage."""

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from directory.server import connection
from directory.server.reading.entries import Entries
from directory.server.search import Searcher
from directory.server.wire import ber, messages
from directory.server.wire.filters import Equality, Present
from directory.server.wire.messages import Code, Scope, Search, Tag
from mailserver.foundation.metrics import catalogue
from mailserver.foundation.network import listeners
from mailserver.foundation.settings import Limits
from tests.directory.server.door import ADMIN, ADMIN_PASSWORD, BASE, Academy, academy, receive
from tests.directory.server.test_ldap_messages import write_request, write_search
from tests.figures import value
from tests.waiting import PATIENCE, until

START_TLS = ber.sequence((ber.octets(messages.START_TLS, 0x80),), Tag.EXTENDED)
WHO_AM_I = ber.sequence((ber.octets(messages.WHO_AM_I, 0x80),), Tag.EXTENDED)
BIND = ber.sequence((ber.integer(3), ber.octets(ADMIN), ber.octets(ADMIN_PASSWORD, 0x80)), Tag.BIND)
ROOT = write_search(Search("", Scope.BASE, 0, 0, False, Present("objectClass"), ("vendorName",)))
COMPARE = ber.sequence((ber.octets(BASE), ber.sequence((ber.octets("dc"), ber.octets("x")))), Tag.COMPARE)
LIMITS = Limits(connections=12, connections_per_peer=3)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Academy]:
    with academy(tmp_path_factory.mktemp("connection"), sqlite_template, LIMITS) as running:
        yield running


@pytest.fixture
def client(house: Academy) -> Iterator[socket.socket]:
    with house.raw() as sock:
        yield sock


def read_message(sock: socket.socket | ssl.SSLSocket) -> tuple[int, int, bytes]:
    """The next message: its id, the tag of its operation, and the operation."""
    octets = bytearray()
    while not ber.frame(octets, 1 << 20):
        chunk = sock.recv(1)
        assert chunk, "closed"
        octets += chunk
    reader = ber.Reader(bytes(octets)).inside()
    identity = reader.integer()
    tag, operation = reader.element()
    return identity, tag, operation


def code_of(operation: bytes) -> int:
    return ber.Reader(operation).integer(ber.ENUMERATED)


def trusting(house: Academy) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(house.settings.certificate))


# ---------------------------------------------------------------------------- TLS


def test_starttls_injection(house: Academy, client: socket.socket) -> None:
    """What is sent in the clear behind StartTLS is thrown away, not answered inside TLS."""
    client.sendall(write_request(1, START_TLS) + write_request(2, BIND) + write_request(3, WHO_AM_I))
    identity, tag, operation = read_message(client)
    assert (identity, tag, code_of(operation)) == (1, Tag.EXTENDED_RESPONSE, Code.SUCCESS)
    with trusting(house).wrap_socket(client, server_hostname="127.0.0.1") as secure:
        secure.sendall(write_request(4, WHO_AM_I))
        identity, _, operation = read_message(secure)
        assert identity == 4
        assert b"dn:" not in operation


def test_starttls_injection_in_a_segment_of_its_own(house: Academy, client: socket.socket) -> None:
    """Plain octets that come before the handshake break it."""
    client.sendall(write_request(1, START_TLS))
    read_message(client)
    client.sendall(write_request(2, BIND))
    assert b"dn:" not in receive(client)


def test_who_leaves_instead_of_a_handshake_is_counted_no_more(house: Academy) -> None:
    before = value(catalogue.OPEN, "ldap")
    sock = socket.create_connection(("127.0.0.1", house.port), timeout=PATIENCE)
    sock.sendall(write_request(1, START_TLS))
    read_message(sock)
    assert value(catalogue.OPEN, "ldap") == before + 1
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing says so by RST
    sock.close()
    until(lambda: value(catalogue.OPEN, "ldap") == before)


@pytest.mark.parametrize("port", ["port", "tls_port"])
def test_a_silent_handshake_ends(tmp_path: Path, sqlite_template: Path, port: str) -> None:
    with academy(tmp_path / "house", sqlite_template, Limits(handshake_seconds=1)) as house:
        with socket.create_connection(("127.0.0.1", getattr(house, port)), timeout=PATIENCE) as sock:
            if port == "port":
                sock.sendall(write_request(1, START_TLS))
                read_message(sock)
            assert receive(sock) == b""
        assert alive(house)


def test_a_client_hello_may_come_at_once(house: Academy) -> None:
    for _ in range(60):
        with (
            socket.create_connection(("127.0.0.1", house.tls_port), timeout=PATIENCE) as sock,
            trusting(house).wrap_socket(sock, server_hostname="127.0.0.1") as secure,
        ):
            secure.sendall(write_request(1, WHO_AM_I))
            assert read_message(secure)[0] == 1


def test_plain_passwords_are_for_loopback_only(house: Academy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "address_of", lambda sock: "192.0.2.1")
    with house.raw() as sock:
        sock.sendall(write_request(1, BIND))
        assert code_of(read_message(sock)[2]) == Code.CONFIDENTIALITY_REQUIRED
        sock.sendall(write_request(2, START_TLS))
        read_message(sock)
        with trusting(house).wrap_socket(sock, server_hostname="127.0.0.1") as secure:
            secure.sendall(write_request(3, BIND))
            assert code_of(read_message(secure)[2]) == Code.SUCCESS


# ---------------------------------------------------------------------------- crowds


def test_connections_of_one_address_are_bounded(house: Academy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "address_of", lambda sock: "192.0.2.1")
    with contextlib.ExitStack() as stack:
        for _ in range(LIMITS.connections_per_peer):
            sock = stack.enter_context(house.raw())
            sock.sendall(write_request(1, WHO_AM_I))
            read_message(sock)
        assert receive(stack.enter_context(house.raw())) == messages.disconnection(Code.BUSY, "too many connections")
    assert alive(house)


def test_all_connections_are_bounded(house: Academy) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(LIMITS.connections):
            sock = stack.enter_context(house.raw())
            sock.sendall(write_request(1, WHO_AM_I))
            read_message(sock)
        assert receive(stack.enter_context(house.raw())) == messages.disconnection(Code.BUSY, "too many connections")
    assert alive(house)


def alive(house: Academy) -> bool:
    """Whether a new client is answered; the door may first have to notice that others left."""
    for _ in range(1000):
        with house.raw() as sock, contextlib.suppress(AssertionError, ConnectionError):
            sock.sendall(write_request(1, WHO_AM_I))
            if read_message(sock)[0] == 1:
                return True
        time.sleep(0.02)
    return False


# ---------------------------------------------------------------------------- octets in


def test_byte_by_byte(client: socket.socket) -> None:
    for octet in write_request(1, BIND) + write_request(2, ROOT):
        client.sendall(bytes((octet,)))
    assert [read_message(client)[:2] for _ in range(3)] == [
        (1, Tag.BIND_RESPONSE),
        (2, Tag.SEARCH_ENTRY),
        (2, Tag.SEARCH_DONE),
    ]


def test_a_flood_of_requests_stays_in_the_kernel(house: Academy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger who sends faster than we answer: each answer had let another quarter of a megabyte in."""
    held, receives = [0], connection.Connection.data_received

    def noted(this: connection.Connection, data: bytes) -> None:
        receives(this, data)
        held.append(len(this._buffer))

    monkeypatch.setattr(connection.Connection, "data_received", noted)
    flood = write_request(1, COMPARE) * 200_000
    with house.raw() as client:
        sending = threading.Thread(target=_sent, args=(client, flood))
        sending.start()
        for _ in range(300):
            read_message(client)
        client.shutdown(socket.SHUT_RDWR)
        sending.join()
    assert len(flood) > 6_000_000
    assert 0 < max(held) < 1_000_000


def _sent(client: socket.socket, octets: bytes) -> None:
    with contextlib.suppress(OSError):
        client.sendall(octets)


def test_starttls_that_is_refused_leaves_the_session_alone(client: socket.socket) -> None:
    """An unknown critical control: nothing was begun, so the next request is read."""
    control = ber.sequence((ber.octets("1.2.3.4"), ber.boolean(True)))
    wrong = ber.sequence((ber.integer(1), START_TLS, ber.sequence((control,), 0xA0)))
    client.sendall(wrong)
    _, tag, operation = read_message(client)
    assert (tag, code_of(operation)) == (Tag.EXTENDED_RESPONSE, Code.UNAVAILABLE_CRITICAL_EXTENSION)
    client.settimeout(PATIENCE)
    client.sendall(write_request(2, WHO_AM_I))
    assert read_message(client)[:2] == (2, Tag.EXTENDED_RESPONSE)


def test_pipelined_requests_are_answered_in_order(client: socket.socket) -> None:
    client.sendall(b"".join(write_request(number, ROOT) for number in range(1, 501)))
    answered = [read_message(client)[:2] for _ in range(1000)]
    assert answered == [(n, tag) for n in range(1, 501) for tag in (Tag.SEARCH_ENTRY, Tag.SEARCH_DONE)]


@pytest.mark.parametrize(
    "octets",
    [
        b"GET / HTTP/1.1\r\nHost: ldap\r\n\r\n",
        b"\x30\x84\x7f\xff\xff\xff",
        b"\x30\x80",
        write_request(1, ber.element(0x7F, b"")),
        write_request(0, WHO_AM_I),
    ],
)
def test_garbage_gets_a_notice_and_the_end(client: socket.socket, octets: bytes) -> None:
    client.sendall(octets)
    reader = ber.Reader(receive(client)).inside()
    assert reader.integer() == 0
    notice = reader.inside(Tag.EXTENDED_RESPONSE)
    assert notice.integer(ber.ENUMERATED) == Code.PROTOCOL_ERROR


def test_a_bad_operation_leaves_the_session_alone(client: socket.socket) -> None:
    client.sendall(write_request(1, ber.sequence((ber.integer(3),), Tag.BIND)) + write_request(2, WHO_AM_I))
    identity, tag, operation = read_message(client)
    assert (identity, tag, code_of(operation)) == (1, Tag.BIND_RESPONSE, Code.PROTOCOL_ERROR)
    assert read_message(client)[0] == 2


def long_search(size: int) -> bytes:
    return write_search(Search("", Scope.BASE, 0, 0, False, Equality("cn", b"x" * size), ()))


def test_strangers_send_small_messages(client: socket.socket) -> None:
    large = write_request(9, long_search(connection.MAX_STRANGER))
    client.sendall(write_request(1, BIND))
    read_message(client)
    client.sendall(large)
    assert read_message(client)[:2] == (9, Tag.SEARCH_DONE)
    client.sendall(write_request(10, long_search(connection.MAX_ADMINISTRATOR)))
    assert read_message(client)[0] == 0


def test_strangers_are_cut_at_their_limit(client: socket.socket) -> None:
    client.sendall(write_request(9, long_search(connection.MAX_STRANGER))[:100])
    assert read_message(client)[0] == 0


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    octets=st.one_of(st.binary(max_size=80), st.binary(max_size=60).map(lambda b: ber.sequence((ber.integer(1), b))))
)
def test_random_octets_hurt_nobody_else(house: Academy, octets: bytes) -> None:
    with house.raw() as sock:
        sock.sendall(octets)
        sock.shutdown(socket.SHUT_WR)
        receive(sock)
    with house.raw() as other:
        other.sendall(write_request(1, WHO_AM_I))
        assert read_message(other)[0] == 1


# ---------------------------------------------------------------------------- time


def test_silence_ends(house: Academy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "STRANGER_TIMEOUT", 0.2)
    with house.raw() as sock:
        assert read_message(sock)[0] == 0


def test_a_trickle_is_silence(house: Academy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slowloris: octets that never become a request do not keep a connection open."""
    monkeypatch.setattr(connection, "STRANGER_TIMEOUT", 0.3)
    with house.raw() as sock:
        sock.settimeout(0.02)
        long = ber.sequence((ber.integer(3), ber.octets(ADMIN), ber.octets("x" * 3000, 0x80)), Tag.BIND)
        assert any(cut_after(sock, octet) for octet in write_request(1, long))


def cut_after(sock: socket.socket, octet: int) -> bool:
    """Send one octet; whether the peer has said or done anything shortly after."""
    try:
        sock.sendall(bytes((octet,)))
        return sock.recv(1) is not None
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_a_peer_that_does_not_read_is_dropped(house: Academy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "WRITE_TIMEOUT", 0.3)
    schema = write_search(Search("cn=subschema", Scope.BASE, 0, 0, False, Present("objectClass"), ("+",)))
    with house.raw() as sock:
        sock.settimeout(1)
        with contextlib.suppress(OSError):
            sock.sendall(b"".join(write_request(number, schema) for number in range(1, 3000)))
        until(lambda: house.door.connections == 0)


# ---------------------------------------------------------------------------- abandon, unbind, defects, the end


def test_abandon_stops_an_operation_and_answers_nothing(
    house: Academy, client: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object) -> None:
        await asyncio.sleep(60)

    client.sendall(write_request(1, BIND))
    read_message(client)
    monkeypatch.setattr(Entries, "at", never)
    client.sendall(write_request(2, COMPARE) + write_request(3, COMPARE) + write_request(4, WHO_AM_I))
    client.sendall(
        write_request(5, ber.element(Tag.ABANDON, b"\x03")) + write_request(6, ber.element(Tag.ABANDON, b"\x02"))
    )
    client.sendall(write_request(7, ber.element(Tag.ABANDON, b"\x63")))
    assert read_message(client)[0] == 4


def test_unbind_closes(client: socket.socket) -> None:
    client.sendall(write_request(1, ber.element(Tag.UNBIND, b"")))
    assert receive(client) == b""


def test_a_defect_costs_one_operation(house: Academy, client: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(Searcher, "run", broken)
        client.sendall(write_request(1, ROOT))
        identity, tag, operation = read_message(client)
        assert (identity, tag, code_of(operation)) == (1, Tag.SEARCH_DONE, Code.OTHER)
        assert b"ZeroDivision" not in operation
    client.sendall(write_request(2, ROOT))
    assert read_message(client)[:2] == (2, Tag.SEARCH_ENTRY)


def test_stop_tells_idle_clients_and_does_not_wait_for_slow_ones(
    tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Event()

    async def never(*_: object) -> None:
        begun.set()
        await asyncio.sleep(200)

    with academy(tmp_path / "house", sqlite_template) as house, house.raw() as idle, house.raw() as busy:
        idle.sendall(write_request(1, WHO_AM_I))
        read_message(idle)
        busy.sendall(write_request(1, BIND))
        read_message(busy)
        monkeypatch.setattr(Entries, "at", never)
        busy.sendall(write_request(2, COMPARE))
        assert begun.wait(PATIENCE)
        began = time.monotonic()
        house.run(house.door.stop(0.3))
        assert 0.2 < time.monotonic() - began < 100
        assert read_message(idle)[0] == 0
        assert receive(idle) == b""
        assert receive(busy) == b""
        with pytest.raises(OSError):
            house.raw()
