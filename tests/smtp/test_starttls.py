"""STARTTLS: nothing from before acts after."""

import asyncio
import contextlib
import smtplib
import socket
import ssl
import struct
import warnings

import pytest

from mailserver.foundation.metrics import catalogue
from smtp.connection import Connection
from tests.figures import value
from tests.smtp.conftest import HouseMaker
from tests.smtp.dialogues import tls_context
from tests.smtp.house import DOMAIN, PASSWORD, House
from tests.waiting import until


def test_smtplib_over_starttls(house: House) -> None:
    with smtplib.SMTP("127.0.0.1", house.ports["smtp"], timeout=60) as client:
        client.starttls(context=tls_context())
        client.sendmail("a@ailleurs.fr", [f"ada@{DOMAIN}"], b"Subject: x\r\n\r\nx\r\n")
    (octets,) = house.mail("ada")
    assert b"with ESMTPS id" in octets
    assert b"(using TLSv1." in octets


def test_implicit_tls(house: House) -> None:
    with smtplib.SMTP_SSL("127.0.0.1", house.ports["submissions"], timeout=60, context=tls_context()) as client:
        client.login("ada", PASSWORD)
        client.sendmail(f"ada@{DOMAIN}", [f"bob@{DOMAIN}"], f"From: ada@{DOMAIN}\r\n\r\nx\r\n".encode())
    (octets,) = house.mail("bob")
    assert b"with ESMTPSA id" in octets


@pytest.mark.parametrize("injected", [b"EHLO mallory.net\r\n", b"HELO mallory.net\r\nMAIL FROM:<m@mallory.net>\r\nRC"])
@pytest.mark.parametrize("door", ["smtp", "submission"])
def test_starttls_injection(house: House, door: str, injected: bytes) -> None:
    """Commands pipelined in the clear behind STARTTLS are forgotten (CVE-2011-0411)."""
    with socket.create_connection(("127.0.0.1", house.ports[door]), 60) as plain:
        plain.recv(200)
        plain.sendall(b"EHLO bar.com\r\n")
        plain.recv(1000)
        plain.sendall(b"STARTTLS\r\n" + injected)
        assert plain.recv(1000) == b"220 2.0.0 Ready to start TLS\r\n"
        with tls_context().wrap_socket(plain) as encrypted:
            encrypted.sendall(b"NOOP\r\n")
            assert encrypted.recv(1000) == b"250 2.0.0 Ok\r\n"
            encrypted.sendall(b"MAIL FROM:<a@bar.com>\r\n")
            assert encrypted.recv(1000).startswith(b"503 5.5.1 Say EHLO first")


@pytest.mark.parametrize("door", ["smtp", "submission"])
def test_nothing_is_taken_in_clear_while_the_answer_waits(house: House, door: str) -> None:
    """Whoever sits on the wire leaves answers unread, and says something in clear before the handshake begins."""
    with socket.create_connection(("127.0.0.1", house.ports[door]), 60) as plain:
        plain.recv(200)
        until(lambda: len(house.door._members) == 1)
        (connection,) = house.door._members
        assert isinstance(connection, Connection)
        house.loop.call_soon_threadsafe(connection.pause_writing)
        plain.sendall(b"STARTTLS\r\n")
        assert plain.recv(1000) == b"220 2.0.0 Ready to start TLS\r\n"
        plain.sendall(b"EHLO mallory.net\r\n")
        for _ in range(5):
            house.run(asyncio.sleep(0))
        house.loop.call_soon_threadsafe(connection.resume_writing)
        with pytest.raises(OSError):
            tls_context().wrap_socket(plain)


def test_transaction_from_before_is_gone(house: House) -> None:
    with smtplib.SMTP("127.0.0.1", house.ports["smtp"], timeout=60) as client:
        client.ehlo("bar.com")
        client.docmd("MAIL FROM:<a@bar.com>")
        client.docmd(f"RCPT TO:<ada@{DOMAIN}>")
        client.starttls(context=tls_context())
        client.ehlo("bar.com")
        assert client.docmd("DATA")[0] == 503


def test_garbage_instead_of_a_handshake_closes(house: House) -> None:
    with socket.create_connection(("127.0.0.1", house.ports["smtp"]), 60) as plain:
        plain.recv(200)
        plain.sendall(b"STARTTLS\r\n")
        assert plain.recv(1000).startswith(b"220 ")
        plain.sendall(b"EHLO bar.com\r\n" * 10)
        rest = b""
        try:
            while piece := plain.recv(1000):
                rest += piece
        except ConnectionError:
            pass
        assert b"250" not in rest


def test_old_protocols_are_refused(house: House) -> None:
    context = tls_context()
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that is the point
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    client = smtplib.SMTP("127.0.0.1", house.ports["smtp"], timeout=60)
    with pytest.raises((ssl.SSLError, OSError)):
        client.starttls(context=context)
    client.close()


RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: whoever closes says so by RST."""


@pytest.mark.parametrize("door", ["smtp", "submission"])
@pytest.mark.parametrize("words", [b"", b"no handshake\r\n\r\n"])
def test_who_leaves_instead_of_a_handshake_is_counted_no_more(house: House, door: str, words: bytes) -> None:
    """A scanner that hangs up behind STARTTLS fifty times would be shut out for ever, and in the end everybody."""
    before = value(catalogue.OPEN, door)
    plain = socket.create_connection(("127.0.0.1", house.ports[door]), 60)
    plain.recv(200)
    assert value(catalogue.OPEN, door) == before + 1
    plain.sendall(b"STARTTLS\r\n")
    assert plain.recv(100).startswith(b"220 ")
    if words:
        plain.sendall(words)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    plain.close()
    until(lambda: value(catalogue.OPEN, door) == before)


@pytest.mark.parametrize(("door", "hello"), [("smtp", b"EHLO bar.com\r\n"), ("sieve", b"")])
def test_a_stop_does_not_wait_for_who_never_ends_tls(make_house: HouseMaker, door: str, hello: bytes) -> None:
    """It is told goodbye, and cut off all the same: it had stayed open when the service had stopped."""
    house = make_house()
    with socket.create_connection(("127.0.0.1", house.ports[door]), 60) as plain:
        plain.recv(2000)
        if hello:
            plain.sendall(hello)
            plain.recv(2000)
        plain.sendall(b"STARTTLS\r\n")
        plain.recv(200)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = tls_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
        _shake_hands(plain, tls, incoming, outgoing)
        house.run(house.door.stop(5.0))
        house.run(house.sieve_door.stop(5.0))
        plain.settimeout(10)
        with contextlib.suppress(ConnectionResetError):
            while plain.recv(4096):
                pass


def _shake_hands(plain: socket.socket, tls: ssl.SSLObject, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> None:
    while True:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            plain.sendall(outgoing.read())
            incoming.write(plain.recv(4096))
        else:
            plain.sendall(outgoing.read())
            return
