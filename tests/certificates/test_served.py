"""A served instance gets its certificate from an authority that asks its own web door, and renews it beside open
connections."""

import contextlib
import http.client
import json
import signal
import smtplib
import sqlite3
import ssl
import subprocess
from collections.abc import Awaitable, Callable, Iterator

import pytest
from cryptography import x509

from mailserver.background.certificate_renewal import CertificateRenewal
from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import load
from mailserver.model.clock import DAY
from mailserver.store.engine.transactions import Store
from tests.certificates.pebble import Pebble
from tests.clocks import MovingClock
from tests.harness import Instance
from tests.ports import free_port
from tests.runtime.test_reload import under_tls
from tests.waiting import PATIENCE, until

NAMES = ("mail.ac-exemple.fr", "mta-sts.ac-exemple.fr", "autoconfig.ac-exemple.fr")
DOORS = ("smtp", "imaps", "ldap", "https")
"""One of each way to TLS; which doors there are is looked at in `tests/runtime`."""
pytestmark = pytest.mark.needs("pebble")


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def pebble(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Pebble]:
    """One that looks at our web door."""
    one = Pebble(tmp_path_factory.mktemp("pebble"), port, refuses="refuse.ac-exemple.fr")
    one.start()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, made: dict[tuple[str, ...], Instance], pebble: Pebble, port: int
) -> Iterator[Instance]:
    instance = Instance(tmp_path_factory.mktemp("served") / "var")
    instance.copy_of(made["--demo",])
    path = instance.directory / "mailserver.toml"
    path.write_text(path.read_text().replace("[listen]\n", f"[listen]\nredirect = {port}\n", 1))
    instance.configure("[limits]\nhandshake_seconds = 60\n" + pebble.settings(*NAMES))
    instance.start("--workers", "2")
    yield instance
    instance.stop()


def leaf(sock: ssl.SSLSocket) -> x509.Certificate:
    return x509.load_der_x509_certificate(sock.getpeercert(binary_form=True) or b"")


def shown(instance: Instance) -> set[int]:
    """Serial numbers at every door."""
    found = set()
    for door in DOORS:
        with under_tls(instance, door) as sock:
            found.add(leaf(sock).serial_number)
    return found


def state(instance: Instance) -> dict[str, object]:
    return dict(json.loads(instance.command("certificate", "show", "DIR", "--json").stdout))


async def beside(
    instance: Instance, ahead: float, work: Callable[[Store, CertificateRenewal], Awaitable[None]]
) -> None:
    """Something that another worker does, whose clock is so far ahead."""
    clock, settings = MovingClock(), load(instance.directory)
    clock.ahead = ahead
    store = Store(settings.database_url, settings.data, clock, Changes(), readers=1, writers=1)
    try:
        await work(store, CertificateRenewal(settings=settings, store=store, clock=clock))
    finally:
        store.close()


async def one_round(_store: Store, renewal: CertificateRenewal) -> None:
    await renewal.round()


# ---------------------------------------------------------------------- in the order of an academy's days


def test_a_trial_keeps_nothing(served: Instance) -> None:
    before = shown(served)
    assert "Nothing was kept" in served.command("certificate", "request", "DIR", "--dry-run").stdout
    assert shown(served) == before
    acme = state(served)["acme"]
    assert isinstance(acme, dict)
    assert (acme["number"], acme["failures"], acme["account"]) == (0, 0, True)
    assert not (served.directory / "tls" / "cert.pem").is_symlink()


def test_the_first_one(served: Instance, pebble: Pebble) -> None:
    before = shown(served)
    said = json.loads(served.command("certificate", "request", "DIR", "--json").stdout)
    assert said["obtained"] is True
    after = shown(served)
    assert len(after) == 1
    assert not after & before
    with under_tls(served, "imaps") as sock:
        names = leaf(sock).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == set(NAMES)
    folder = served.directory / "tls"
    for name in ("cert.pem", "key.pem"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600
        assert (folder / "acme" / "before-1" / name).is_file(), "the one before is kept"
    assert (served.directory / "secrets" / "acme-account.pem").stat().st_mode & 0o777 == 0o600
    assert verified(served, pebble)


def verified(instance: Instance, pebble: Pebble) -> bool:
    """As curl does for a stranger: by the authority's root, for our name."""
    root = instance.directory / "root.pem"
    root.write_bytes(pebble.root())
    port = instance.ports["https"]
    url = f"https://{NAMES[0]}:{port}/sante/vif"
    command = ["curl", "-sS", "--noproxy", "*", "--cacert", str(root), "--resolve", f"{NAMES[0]}:{port}:127.0.0.1", url]
    return subprocess.run(command, check=False, capture_output=True).stdout == b"vif\n"


async def test_a_renewal_beside_open_connections(served: Instance) -> None:
    before = shown(served)
    idle = served.imap("edupont")
    idle.select("INBOX")
    idle.send(b"a IDLE\r\n")
    assert idle.readline().startswith(b"+")
    letter = smtplib.SMTP("127.0.0.1", served.ports["smtp"], timeout=PATIENCE)
    letter.starttls(context=blind())
    for words in ("ehlo ecole.fr", "mail from:<a@ecole.fr>", "rcpt to:<edupont@ac-exemple.fr>", "data"):
        assert letter.docmd(words)[0] in (250, 354)
    with under_tls(served, "https") as web:
        await beside(served, 62 * DAY, one_round)
        after = shown(served)
        assert len(after) == 1
        assert not after & before
        letter.send(b"From: <a@ecole.fr>\r\nSubject: A travers\r\n\r\nUn\r\n.\r\n")
        assert letter.getreply()[0] == 250
        until(lambda: b"EXISTS" in idle.readline())
        idle.send(b"DONE\r\n")
        until(lambda: idle.readline().startswith(b"a OK"))
        web.sendall(b"GET /sante/vif HTTP/1.1\r\nHost: ac-exemple.fr\r\n\r\n")
        assert web.recv(4096).startswith(b"HTTP/1.1 200")
    idle.shutdown()
    letter.close()
    tlsa = state(served)["certificates"]
    assert isinstance(tlsa, list)
    await beside(served, 0, one_round)
    assert shown(served) == after, "there is nothing more to do"


def blind() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def test_a_dead_directory(served: Instance, pebble: Pebble) -> None:
    before = shown(served)
    pebble.stop()
    done = served.command("certificate", "renew", "DIR", "--force", check=False)
    assert done.returncode == 1
    assert "does not answer as it should" in done.stderr
    assert shown(served) == before
    acme = state(served)["acme"]
    assert isinstance(acme, dict)
    assert (acme["failures"], acme["fault"]) == (1, "unreachable")
    assert acme["next_attempt"] > acme["failed"]
    pebble.start()


def test_a_refused_challenge(served: Instance, pebble: Pebble) -> None:
    """The authority looks elsewhere for one of the names, and finds nobody."""
    before = shown(served)
    pebble.told("add-a", host=f"{NAMES[1]}.", addresses=["127.0.0.77"])
    done = served.command("certificate", "request", "DIR", "--json", check=False)
    assert done.returncode == 1
    said = json.loads(done.stdout)
    assert (said["obtained"], said["fault"]) == (False, "challenge")
    assert NAMES[1] in said["detail"]
    assert NAMES[0] not in said["detail"]
    assert shown(served) == before
    pebble.told("clear-a", host=f"{NAMES[1]}.")
    assert changed(served, "SELECT token FROM acme_challenge") == []


def test_a_name_that_the_authority_does_not_serve(served: Instance) -> None:
    path = served.directory / "mailserver.toml"
    text = path.read_text()
    path.write_text(text.replace(NAMES[2], "refuse.ac-exemple.fr"))
    done = served.command("certificate", "request", "DIR", check=False)
    path.write_text(text)
    assert done.returncode == 1
    assert "the certificate authority refuses" in done.stderr
    assert "rejectedIdentifier" in done.stderr


async def test_a_clock_past_the_end(served: Instance) -> None:
    """One is obtained at once, whatever failed before; and only one, though that one is over by this clock, too."""
    before = shown(served)
    await beside(served, 200 * DAY, one_round)
    after = shown(served)
    assert not after & before
    await beside(served, 200 * DAY + 600, one_round)
    assert shown(served) == after
    acme = state(served)["acme"]
    assert isinstance(acme, dict)
    assert acme["failures"] == 0


async def test_kill_9_in_the_middle(served: Instance, pebble: Pebble) -> None:
    """The certificate of before is served, and whoever comes next obtains one when the lease of the dead is over."""
    before = shown(served)
    pebble.signal(signal.SIGSTOP)
    asked = served.log_text().count("certificate obtained")

    served.kill()
    changed(served, "UPDATE acme_certificate SET renew = 1, due = 0")
    served.start("--workers", "2")
    until(lambda: lease_of(served) > 0)
    served.kill()
    pebble.signal(signal.SIGCONT)
    served.start("--workers", "2")
    assert shown(served) == before
    done = served.command("certificate", "request", "DIR", check=False)
    assert (done.returncode, "another request is under way" in done.stderr) == (1, True)
    await beside(served, 1000, one_round)
    assert not shown(served) & before
    assert served.log_text().count("certificate obtained") == asked


def lease_of(instance: Instance) -> int:
    """Until when somebody is at it."""
    ((found,),) = changed(instance, "SELECT until FROM acme_certificate")
    return int(str(found))


def changed(instance: Instance, statement: str) -> list[tuple[object, ...]]:
    """Past every service: what is in the database."""
    with contextlib.closing(sqlite3.connect(instance.directory / "data" / "mail.db")) as database, database:
        return list(database.execute(statement))


# ---------------------------------------------------------------------- the door without TLS


def fetched(port: int, path: str, host: str = "ac-exemple.fr", method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Location", "")
    finally:
        connection.close()


def test_plain_http_leads_to_tls(served: Instance, port: int) -> None:
    tls = f":{served.ports['https']}"
    assert fetched(port, "/m/?page=2&q=a%20b") == (301, f"https://ac-exemple.fr{tls}/m/?page=2&q=a%20b")
    assert fetched(port, "/x", host="MTA-STS.ac-exemple.fr:80") == (301, f"https://mta-sts.ac-exemple.fr{tls}/x")
    assert fetched(port, "//banque.example/", host="banque.example") == (
        301,
        f"https://ac-exemple.fr{tls}//banque.example/",
    )
    for host in ("banque.example/.ac-exemple.fr", "banque.example?.ac-exemple.fr", "moi@banque.example#.ac-exemple.fr"):
        assert fetched(port, "/x", host=host) == (400, ""), "not the name of a host (RFC 9112 section 3.2)"
    assert fetched(port, "/" + "a" * 3000) == (301, f"https://ac-exemple.fr{tls}/")
    assert fetched(port, "/connexion", method="POST") == (403, "")


def test_tokens_of_nobody(served: Instance, port: int) -> None:
    for token in ("a", "A" * 128, "A" * 129, "..%2f..%2fetc%2fpasswd", "%00", ""):
        for door in (port, served.ports["http"]):
            assert fetched(door, f"/.well-known/acme-challenge/{token}")[0] == 404
    assert fetched(port, "/.well-known/acme-challenge/a", method="POST")[0] in (404, 405)
