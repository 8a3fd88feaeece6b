"""SIGTERM while clients are in the middle of something: it ends, or it is said plainly that it did not."""

import contextlib
import http.client
import os
import re
import signal
import socket
from base64 import b64encode
from collections.abc import Callable, Iterator

import pytest

from tests.harness import DEMO_PASSWORD, Instance, children_of
from tests.waiting import PATIENCE, until

STOPPING = b"421 4.3.2 Service stopping, try again later\r\n"
LDAP_NOTICE = b"1.3.6.1.4.1.1466.20036"


@pytest.fixture
def served(fresh: Callable[..., Instance]) -> Instance:
    instance = fresh("--demo")
    instance.start("--workers", "1")
    return instance


@contextlib.contextmanager
def connected(instance: Instance, door: str) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", instance.ports[door]), PATIENCE) as sock:
        sock.settimeout(PATIENCE)
        yield sock


def everything(sock: socket.socket) -> bytes:
    """What comes until the other side ends."""
    said = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := sock.recv(65536):
            said += piece
    return said


def hear(sock: socket.socket, wanted: bytes) -> None:
    said = b""
    while wanted not in said:
        piece = sock.recv(65536)
        assert piece, said
        said += piece


def begin_message(sock: socket.socket, subject: str) -> None:
    sock.sendall(b"EHLO x.fr\r\nMAIL FROM:<a@x.fr>\r\nRCPT TO:<edupont@ac-exemple.fr>\r\nDATA\r\n")
    hear(sock, b"354 ")
    sock.sendall(f"From: <a@x.fr>\r\nSubject: {subject}\r\n\r\nUn\r\n".encode())


def stop(instance: Instance, *idle: socket.socket) -> None:
    """SIGTERM, until these clients, who are silent, were told so."""
    os.kill(instance.pid, signal.SIGTERM)
    for sock in idle:
        hear(sock, b"421 4.3.2")


def ended(instance: Instance) -> None:
    """The service has stopped as it should."""
    assert instance.stop() == 0
    assert "Traceback" not in instance.log_text()


def subjects(instance: Instance) -> set[str]:
    """Of the messages that are there after a new start."""
    instance.start("--workers", "1")
    client = instance.imap("edupont")
    client.select("INBOX")
    _, answers = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    client.logout()
    return set(re.findall(r"Subject: (\S+)", b"".join(part[1] for part in answers if isinstance(part, tuple)).decode()))


def test_a_message_under_way_ends_or_is_refused_and_is_never_half_there(served: Instance) -> None:
    with connected(served, "smtp") as idle, connected(served, "smtp") as quick, connected(served, "smtp") as slow:
        hear(idle, b"220 ")
        begin_message(quick, "entier")
        begin_message(slow, "moitié".encode("ascii", "ignore").decode())
        stop(served, idle)
        quick.sendall(b".\r\n")
        assert re.match(rb"250 2\.0\.0 .*\r\n" + re.escape(STOPPING), everything(quick))
        assert everything(slow) == STOPPING
        assert everything(idle) == b""
    ended(served)
    found = subjects(served)
    assert "entier" in found
    assert "moiti" not in found


def test_requests_under_way_end(served: Instance) -> None:
    """A card that arrives in two parts around the signal is there afterwards."""
    basic = b64encode(f"edupont:{DEMO_PASSWORD}".encode()).decode()
    card = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:avant-la-fin\r\nFN:Avant La Fin\r\nN:Fin;Avant;;;\r\nEND:VCARD\r\n"
    place = "/dav/edupont/contacts/avant-la-fin.vcf"
    with connected(served, "smtp") as idle, connected(served, "http") as web:
        hear(idle, b"220 ")
        head = (
            f"PUT {place} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {basic}\r\nContent-Type: text/vcard\r\n"
        )
        web.sendall(f"{head}Content-Length: {len(card)}\r\n\r\n{card[:20]}".encode())
        # A second request on the same worker was answered after the first had come.
        other = http.client.HTTPConnection("127.0.0.1", served.ports["http"], timeout=PATIENCE)
        other.request("GET", "/etat")
        assert other.getresponse().read()
        other.close()
        stop(served, idle)
        web.sendall(card[20:].encode())
        assert b" 201 " in everything(web).partition(b"\r\n")[0]
    ended(served)
    served.start("--workers", "1")
    again = http.client.HTTPConnection("127.0.0.1", served.ports["http"], timeout=PATIENCE)
    again.request("GET", place, headers={"Authorization": f"Basic {basic}"})
    assert again.getresponse().status == 200
    again.close()


def test_silent_clients_are_told(served: Instance) -> None:
    with connected(served, "imap") as imap, connected(served, "ldap") as ldap, connected(served, "lmtp") as lmtp:
        hear(imap, b"* OK")
        hear(lmtp, b"220 ")
        ldap.sendall(bytes.fromhex("300c020101600702010304008000"))  # an anonymous bind
        hear(ldap, b"\x61")
        stop(served, lmtp)
        assert b"* BYE" in everything(imap)
        assert LDAP_NOTICE in everything(ldap)
    ended(served)


def test_a_stopped_worker_does_not_hold_up_the_end(served: Instance) -> None:
    frozen = children_of(served)
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    ended(served)
    until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in frozen))
