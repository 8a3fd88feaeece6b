"""SIGHUP: certificate, settings and log files are taken over at every door, and no connection is dropped."""

import contextlib
import datetime
import imaplib
import os
import re
import signal
import smtplib
import socket
import ssl
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import ldap3
import pytest
from cryptography import x509

from mailserver.foundation.settings import AT_START, Settings, load
from mailserver.foundation.tls import make_certificate
from tests.harness import Instance, children_of, workers_of
from tests.hatchery import ROOT
from tests.ports import free_port
from tests.waiting import PATIENCE, until

DOORS = ("smtp", "submission", "submissions", "imap", "imaps", "ldap", "ldaps", "https")


def blind() -> ssl.SSLContext:
    """A client that looks at no certificate; each is a new one, so that no session is resumed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@contextlib.contextmanager
def under_tls(instance: Instance, door: str) -> Iterator[ssl.SSLSocket]:
    """A connection with a new handshake, as a client of this door makes it."""
    port = instance.ports[door]
    with contextlib.ExitStack() as stack:
        if door in ("smtp", "submission"):
            smtp = smtplib.SMTP("127.0.0.1", port, timeout=PATIENCE)
            stack.callback(smtp.close)
            smtp.starttls(context=blind())
            sock = smtp.sock
        elif door == "imap":
            imap = imaplib.IMAP4("127.0.0.1", port, timeout=PATIENCE)
            stack.callback(imap.shutdown)
            imap.starttls(blind())
            sock = imap.socket()
        elif door == "ldap":
            tls = ldap3.Tls(validate=ssl.CERT_NONE)
            server = ldap3.Server("127.0.0.1", port, tls=tls)
            ldap = ldap3.Connection(server, auto_bind=ldap3.AUTO_BIND_TLS_BEFORE_BIND)
            stack.callback(ldap.unbind)
            sock = ldap.socket
        else:
            plain = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
            sock = stack.enter_context(blind().wrap_socket(plain))
        assert isinstance(sock, ssl.SSLSocket)
        yield sock


def presented(instance: Instance, door: str) -> int:
    """Serial number of the certificate that a new handshake shows."""
    with under_tls(instance, door) as sock:
        return x509.load_der_x509_certificate(sock.getpeercert(binary_form=True) or b"").serial_number


def renew(instance: Instance) -> int:
    """A new certificate and a new key in place of the ones before; the serial number."""
    folder = instance.directory / "tls"
    for name in ("cert.pem", "key.pem"):
        (folder / name).unlink(missing_ok=True)
    make_certificate(
        folder / "cert.pem", folder / "key.pem", ["mail.ac-exemple.fr"], datetime.datetime.now(datetime.UTC)
    )
    return x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes()).serial_number


def hang_up(instance: Instance, said: str) -> None:
    """SIGHUP, until the log says this once more."""
    before = instance.log_text().count(said)
    os.kill(instance.pid, signal.SIGHUP)
    until(lambda: instance.log_text().count(said) > before)


@pytest.fixture
def served(fresh: Callable[..., Instance]) -> Instance:
    instance = fresh("--demo")
    instance.start("--workers", "2")
    return instance


def test_every_door_presents_the_new_certificate_and_keeps_its_connections(served: Instance) -> None:
    before, processes = {presented(served, door) for door in DOORS}, children_of(served)
    assert len(before) == 1
    with contextlib.ExitStack() as stack:
        idle = served.imap("edupont")
        stack.callback(idle.shutdown)
        idle.select("INBOX")
        letter = smtplib.SMTP("127.0.0.1", served.ports["smtp"], timeout=PATIENCE)
        stack.callback(letter.close)
        for words in ("ehlo ecole.fr", "mail from:<a@ecole.fr>", "rcpt to:<edupont@ac-exemple.fr>", "data"):
            assert letter.docmd(words)[0] in (250, 354)
        letter.send(b"From: <a@ecole.fr>\r\nSubject: A travers\r\n\r\nUn")
        encrypted = [stack.enter_context(under_tls(served, door)) for door in ("submissions", "imaps")]
        new = renew(served)
        hang_up(served, "settings reloaded")
        assert new not in before
        assert {presented(served, door) for _ in range(4) for door in DOORS} == {new}
        letter.send(b"\r\n.\r\n")
        assert letter.getreply()[0] == 250
        assert idle.noop()[0] == "OK"
        assert idle.search(None, "SUBJECT", '"A travers"')[1] != [b""]
        for sock, asked in zip(encrypted, (b"EHLO ecole.fr\r\n", b"a NOOP\r\n"), strict=True):
            sock.recv(4096)
            sock.sendall(asked)
            assert sock.recv(4096)[:4] in (b"250-", b"a OK")
    assert children_of(served) == processes, "nobody was replaced"


def test_a_renewal_needs_no_signal(served: Instance) -> None:
    new = renew(served)
    assert {presented(served, door) for door in DOORS} == {new}


def half_copied(folder: Path) -> None:
    (folder / "cert.pem").write_text("-----BEGIN CERTIFICATE-----\nMIIB")


def key_of_another(folder: Path) -> None:
    (folder / "key.pem").unlink()
    make_certificate(folder / "other.pem", folder / "key.pem", ["x.fr"], datetime.datetime.now(datetime.UTC))


def without_key(folder: Path) -> None:
    (folder / "key.pem").unlink()


@pytest.mark.parametrize("harm", [half_copied, key_of_another, without_key])
def test_a_certificate_that_cannot_be_used_leaves_the_one_before(
    served: Instance, harm: Callable[[Path], None]
) -> None:
    before = presented(served, "imaps")
    harm(served.directory / "tls")
    hang_up(served, "certificate not reloaded, the one before stays")
    assert {presented(served, door) for door in DOORS} == {before}
    new = renew(served)
    assert {presented(served, door) for door in DOORS} == {new}
    assert "Traceback" not in served.log_text()


def rewrite(instance: Instance, *changes: tuple[str, str]) -> None:
    path = instance.directory / "mailserver.toml"
    text = path.read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    path.write_text(text)


def greeting(instance: Instance) -> str:
    with smtplib.SMTP("127.0.0.1", instance.ports["smtp"], timeout=PATIENCE) as smtp:
        return smtp.ehlo("ecole.fr")[1].decode()


def login_page(instance: Instance) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{instance.ports['http']}/connexion", timeout=PATIENCE) as answer:
        return str(answer.read().decode())


def test_settings_that_can_change_do_at_every_worker_and_others_are_named(served: Instance) -> None:
    assert "ac-exemple.fr" in login_page(served)
    imap = served.ports["imap"]
    rewrite(
        served,
        ('academy = "ac-exemple.fr"', 'academy = "Académie de Brocéliande"'),
        (f"imap = {imap}\n", f"imap = {free_port()}\n"),
    )
    served.configure('[limits]\nmessage_size = 1234567\n[log]\nlevel = "debug"\nformat = "json"\n')
    hang_up(served, "needs a restart: listen.imap")
    for _ in range(12):  # whichever worker answers
        until(lambda: "SIZE 1234567" in greeting(served))
        until(lambda: "Académie de Brocéliande" in login_page(served))
    assert '"level": "info"' in served.log_text(), "the log speaks JSON"
    assert served.imap("edupont").logout()[0] == "BYE", "the door is where it was"
    # What is not written any more has its default again.
    rewrite(served, ("[limits]\nmessage_size = 1234567\n", ""))
    hang_up(served, "settings reloaded")
    for _ in range(12):
        until(lambda: "SIZE 52428800" in greeting(served))


@pytest.mark.parametrize("fault", ["[limits]\nmessage_size = -1\n", "[web\n", "[web]\nacademie = 1\n", "\udcff"])
def test_settings_that_cannot_be_read_change_nothing(served: Instance, fault: str) -> None:
    path = served.directory / "mailserver.toml"
    path.write_text(path.read_text().replace("ac-exemple.fr", "ailleurs.fr") + fault, errors="surrogateescape")
    hang_up(served, "settings not reloaded, those before stay")
    (line,) = [line for line in served.log_text().splitlines() if "settings not reloaded" in line]
    assert "mailserver.toml" in line
    assert "250-ac-exemple.fr" in "250-" + greeting(served)
    assert len(workers_of(served)) == 2
    assert "Traceback" not in served.log_text()


def test_a_log_that_was_moved_is_opened_again_by_every_process(served: Instance) -> None:
    moved = served.log.with_suffix(".1")
    served.log.rename(moved)
    os.kill(served.pid, signal.SIGHUP)
    until(lambda: served.log.exists() and "settings reloaded" in served.log_text())
    written = {os.stat(served.log).st_ino}
    until(lambda: {os.stat(f"/proc/{pid}/fd/2").st_ino for pid in (served.pid, *children_of(served))} == written)
    assert served.log.stat().st_mode == moved.stat().st_mode
    length = moved.stat().st_size
    served.stop()
    assert moved.stat().st_size == length
    assert "stopping" in served.log_text()


def test_a_signal_while_workers_start_is_heeded(fresh: Callable[..., Instance]) -> None:
    instance = fresh()
    instance.start("--workers", "1")
    instance.configure("[limits]\nmessage_size = 1000000\n")
    for number in range(3):
        gone = workers_of(instance)[0]
        os.kill(gone, signal.SIGKILL)
        until(lambda gone=gone: workers_of(instance) not in ([], [gone]))  # type: ignore[misc]
        rewrite(instance, (f"message_size = 100000{number}", f"message_size = 100000{number + 1}"))
        os.kill(instance.pid, signal.SIGHUP)
        until(lambda: _answers(instance))
        # It may have been serving before the signal came.
        until(lambda number=number: f"SIZE 100000{number + 1}" in greeting(instance))  # type: ignore[misc]


def _answers(instance: Instance) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", instance.ports["smtp"])):
        return True
    return False


# ---------------------------------------------------------------------- the settings themselves


def test_a_section_may_be_kept_but_not_its_values() -> None:
    """A value that was copied when the service started would not change any more."""
    sections = {name for name in Settings.model_fields if name not in (*AT_START, "directory")}
    kept = re.compile(rf"self\.\w+ = .*\bsettings\.({'|'.join(sections)})\.(\w+)")
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for area in ("mailserver", "smtp", "imap", "directory", "webui", "calendar")
        for path in (ROOT / area).rglob("*.py")
        if "node_modules" not in path.parts
        for match in kept.finditer(path.read_text(encoding="utf-8"))
        if f"{match[1]}.{match[2]}" not in AT_START
    ]
    assert found == []


def test_what_is_taken_over_leaves_the_defaults_of_others_alone(tmp_path: Path) -> None:
    (tmp_path / "mailserver.toml").write_text('domain = "ac-exemple.fr"\n')
    settings = load(tmp_path)
    (tmp_path / "mailserver.toml").write_text('domain = "ac-autre.fr"\n[limits]\nhops = 77\n')
    changed = settings.adopt(load(tmp_path))
    assert (changed.taken, changed.left) == (("limits.hops",), ("domain",))
    assert (settings.limits.hops, settings.domain) == (77, "ac-exemple.fr")
    assert Settings(domain="ac-exemple.fr").limits.hops == 50


def test_the_documents_name_the_settings_that_need_a_restart() -> None:
    text = (ROOT / "deploy" / "README.md").read_text(encoding="utf-8")
    sentence = text[text.index("need a restart") :].partition("\n\n")[0]
    assert set(re.findall(r"`\[?([a-z_.]+)\]?`", sentence)) == set(AT_START)
