"""Python's imaplib, the client of countless scripts: every method it has for what the server announces."""

import imaplib
import re
import socket
import ssl
from collections.abc import Iterator
from typing import Any, cast

import pytest

from tests.imap.clients.people import Account, message


@pytest.fixture
def client(account: Account) -> Iterator[imaplib.IMAP4]:
    client = imaplib.IMAP4(account.host, account.port, timeout=60)
    client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.login(account.login, account.password)
    yield client
    client.logout()


def uids(said: list[bytes]) -> list[int]:
    return [int(word) for word in said[0].split()]


def test_starttls(account: Account) -> None:
    client = imaplib.IMAP4("localhost", account.port, timeout=60)
    assert "STARTTLS" in client.capabilities
    client.starttls(ssl.create_default_context(cafile=str(account.certificate)))
    assert "STARTTLS" not in client.capabilities
    client.login(account.login, account.password)
    assert client.select()[0] == "OK"
    assert client.logout()[0] == "BYE"


def test_tls_ends_at_once_after_logout(account: Account) -> None:
    context = ssl.create_default_context(cafile=str(account.certificate))
    with (
        socket.create_connection((account.host, account.tls_port), timeout=60) as plain,
        context.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False) as secure,
    ):
        secure.sendall(b"a LOGOUT\r\n")
        said = b""
        while octets := secure.recv(4096):  # to the word that TLS ends with; cutting the connection off is an error
            said += octets
        assert b"a OK" in said


def test_authenticate(account: Account) -> None:
    client = imaplib.IMAP4_SSL(
        "localhost",
        account.tls_port,
        ssl_context=ssl.create_default_context(cafile=str(account.certificate)),
        timeout=60,
    )
    response = f"\0{account.login}\0{account.password}".encode()
    assert client.authenticate("PLAIN", lambda challenge: response)[0] == "OK"
    assert client.noop()[0] == "OK"
    client.logout()


def test_wrong_password(account: Account) -> None:
    client = imaplib.IMAP4(account.host, account.port, timeout=60)
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        client.login(account.login, "Wrong#2026")
    client.login(account.login, account.password)
    client.logout()


def test_append_fetch_and_flags(client: imaplib.IMAP4) -> None:
    octets = message("one", "ligne\r\n" * 1000)
    stamp = '"17-Jul-1996 02:44:25 -0700"'
    assert client.append("INBOX", "(\\Seen $Forwarded)", stamp, octets)[1][0].startswith(b"[APPENDUID ")
    assert client.select("INBOX") == ("OK", [b"1"])
    assert re.fullmatch(rb"\d+", client.response("UIDVALIDITY")[1][0])
    answer, said = client.fetch("1", "(FLAGS INTERNALDATE RFC822.SIZE BODY[] BODY.PEEK[HEADER.FIELDS (SUBJECT)]<0.12>)")
    assert answer == "OK"
    (head, body), (part, header), end = cast(Any, said)
    assert body == octets
    assert b'INTERNALDATE "17-Jul-1996 09:44:25 +0000"' in head
    assert b"RFC822.SIZE %d" % len(octets) in head
    assert b"\\Seen" in imaplib.ParseFlags(head)
    assert part == b" BODY[HEADER.FIELDS (SUBJECT)]<0> {12}"
    assert header == b"Subject: one"
    assert end == b")"
    assert client.store("1", "-FLAGS", "\\Seen")[1] == [b"1 (FLAGS ($Forwarded \\Recent))"]
    assert client.store("1", "+FLAGS.SILENT", "(\\Deleted work)") == ("OK", [None])
    assert client.expunge() == ("OK", [b"1"])
    assert client.close()[0] == "OK"


def test_search(client: imaplib.IMAP4) -> None:
    for subject, flags in (("rentree", "\\Seen"), ("reunion", ""), ("cantine", "\\Flagged")):
        client.append("INBOX", flags, "", message(subject))
    client.select()
    assert uids(client.uid("SEARCH", "ALL")[1]) == [1, 2, 3]
    assert client.search(None, "UNSEEN") == ("OK", [b"2 3"])
    assert client.search(None, "SUBJECT", '"reunion"') == ("OK", [b"2"])
    assert client.search("UTF-8", "NOT", "FLAGGED", "NOT", "SUBJECT", "reunion") == ("OK", [b"1"])
    client.literal = cast(Any, "été".encode())
    assert client.search("UTF-8", "BODY") == ("OK", [b"1 2 3"])
    answer, said = client.search("KLINGON", "ALL")
    assert (answer, said[0][:12]) == ("NO", b"[BADCHARSET ")
    with pytest.raises(imaplib.IMAP4.error):
        client.search(None, "FOO")


def test_copy_move_and_folders_with_accents(client: imaplib.IMAP4) -> None:
    for subject in ("one", "two"):
        client.append("INBOX", "", "", message(subject))
    assert client.create('"&AMk-l&AOg-ves/6e A"')[0] == "OK"
    client.select()
    assert client.copy("1", '"&AMk-l&AOg-ves/6e A"')[1][0].startswith(b"[COPYUID ")
    assert client.uid("MOVE", "2", "Archive")[0] == "OK"
    assert client.response("EXPUNGE") == ("EXPUNGE", [b"2"])
    assert client.status("Archive", "(MESSAGES UNSEEN)") == ("OK", [b"Archive (MESSAGES 1 UNSEEN 1)"])
    assert client.rename('"&AMk-l&AOg-ves"', '"&AMk-t&AOk-"')[0] == "OK"
    assert client.list('""', '"&AMk-t&AOk-/*"')[1] == [b'(\\HasNoChildren) "/" "&AMk-t&AOk-/6e A"']
    assert client.subscribe('"&AMk-t&AOk-/6e A"')[0] == "OK"
    assert b'"&AMk-t&AOk-/6e A"' in b"".join(client.lsub()[1])
    assert client.unsubscribe('"&AMk-t&AOk-/6e A"')[0] == "OK"
    assert client.delete('"&AMk-t&AOk-/6e A"')[0] == "OK"
    answer, said = client.select('"&AMk-t&AOk-/6e A"')
    assert answer == "NO"
    assert b"NONEXISTENT" in cast(bytes, said[0])


def test_namespace_and_read_only(client: imaplib.IMAP4) -> None:
    assert client.namespace() == ("OK", [b'(("" "/")) (("Partag&AOk-s/" "/")) (("Fonctions/" "/"))'])
    assert client.select("INBOX", readonly=True)[0] == "OK"
    assert client.is_readonly
    assert client.unselect()[0] == "OK"
    assert client.enable("CONDSTORE") == ("OK", [b"ENABLE completed"])


def test_two_sessions_see_each_other(client: imaplib.IMAP4, account: Account) -> None:
    other = imaplib.IMAP4(account.host, account.port, timeout=60)
    other.login(account.login, account.password)
    assert other.select() == ("OK", [b"0"])
    client.append("INBOX", "", "", message("one"))
    assert other.noop()[0] == "OK"
    assert other.response("EXISTS") == ("EXISTS", [b"0", b"1"])
    client.select()
    client.store("1", "+FLAGS", "(\\Flagged)")
    other.noop()
    assert b"\\Flagged" in other.response("FETCH")[1][0]
    client.store("1", "+FLAGS", "(\\Deleted)")
    client.expunge()
    other.noop()
    assert other.response("EXPUNGE") == ("EXPUNGE", [b"1"])
    other.logout()
