"""Many connections that do nothing, or half of something, cost others nothing (real sockets, two workers)."""

import imaplib
import socket

import pytest

from tests.harness import Instance

CROWD = 300
HALVES = (
    b"",
    b"a LOGIN edupont",
    b"a LOGIN edupont {13+}\r\nAcad",
    b"a LOGIN {7+}\r\nedupont {4000+}\r\n",
    b"a AUTHENTICATE PLAIN\r\nAGVk",
    b'a ID ("name" "' + b"x" * 4000,
)
"""What a peer may send before it falls silent."""


def waits(sock: socket.socket) -> bool:
    """Whether the server has kept this connection: nothing, or no BYE, has come of it."""
    sock.setblocking(False)
    try:
        said = sock.recv(4096)
    except BlockingIOError:
        return True
    return said != b"" and b"BYE" not in said


@pytest.mark.parametrize("sent", HALVES, ids=lambda sent: repr(sent[:24])[2:-1] or "nothing")
def test_half_sent_logins_delay_nobody(demo: Instance, sent: bytes) -> None:
    crowd = [socket.create_connection(("127.0.0.1", demo.ports["imap"]), timeout=30) for _ in range(CROWD)]
    try:
        for one in crowd:
            assert one.recv(4096).startswith(b"* OK")
            one.sendall(sent)
        client = imaplib.IMAP4("127.0.0.1", demo.ports["imap"], timeout=30)
        client.login("mmartin", "Academie#2026")
        assert client.select(readonly=True)[0] == "OK"
        assert all(waits(one) for one in crowd), "whoever says half of it has the time to say the rest"
        client.logout()
    finally:
        for one in crowd:
            one.close()
