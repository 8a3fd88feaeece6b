"""Two hosts behind HAProxy: one is stopped and started as for a new version, killed, frozen, cut off from what they
share, cut off from clients. Clients go on, and nothing that was acknowledged is lost or doubled.
"""

import contextlib
import imaplib
import json
import random
import re
import shutil
import smtplib
import ssl
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.hosts_in_namespaces import Academy, academy
from tests.waiting import until

pytestmark = [pytest.mark.long, pytest.mark.needs("root", "postgresql", "haproxy", "ip"), pytest.mark.timeout(900)]

PASSWORD = "Craie-Bleue#31"
USERS = ("ada", "bob")
PEOPLE = "given_name,surname,birth_date,role,numen,ine,uai,discipline,login,password\n" + "".join(
    f"Essai,{user},1980-01-01,teacher,,,,,{user},{PASSWORD}\n" for user in USERS
)
LARGE_EACH = 8
"""Of so many messages one is large enough to lie in object storage."""
DIED = (OSError, EOFError, smtplib.SMTPException)
PATIENCE = 150.0
"""Seconds: of a machine with ten other things to do."""
ENOUGH = 10
"""Messages acknowledged after something happened: clients go on."""


@pytest.fixture(scope="module")
def served() -> Iterator[Academy]:
    """Not under pytest's own folder, which PostgreSQL's user does not reach."""
    place = "/dev/shm" if Path("/dev/shm").is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix="mailserver-hosts-", dir=place))
    people = folder / "people.csv"
    people.write_text(PEOPLE)
    try:
        with academy(folder, people) as made:
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def mail(token: str, size: int) -> bytes:
    body = random.Random(token).randbytes(size).hex()
    lines = "\r\n".join(body[start : start + 72] for start in range(0, len(body), 72))
    return f"From: essai@ailleurs.fr\r\nSubject: {token}\r\nX-Token: {token}\r\n\r\n{lines}\r\n".encode()


class Senders:
    """Clients that send one message after the other, and come again when they are refused or cut off."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._numbers = iter(range(1_000_000))
        self._stopping = threading.Event()
        self._lock = threading.Condition()
        self.acknowledged: dict[str, tuple[str, bytes]] = {}
        self._threads = [threading.Thread(target=self._send, args=(user,)) for user in USERS]

    def __enter__(self) -> "Senders":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a client hangs"

    def _send(self, user: str) -> None:
        while not self._stopping.is_set():
            with self._lock:
                number = next(self._numbers)
            token = f"{user}-{number}"
            octets = mail(token, 150_000 if number % LARGE_EACH == 0 else 700)
            with contextlib.suppress(*DIED), smtplib.SMTP("127.0.0.1", self._port, timeout=15) as client:
                client.sendmail("essai@ailleurs.fr", [f"{user}@ac-exemple.fr"], octets)
                with self._lock:
                    self.acknowledged[token] = user, octets
                    self._lock.notify_all()
            self._stopping.wait(0.05)

    def go_on(self) -> None:
        """Until enough more were acknowledged."""
        with self._lock:
            wanted = len(self.acknowledged) + ENOUGH
            assert self._lock.wait_for(lambda: len(self.acknowledged) >= wanted, PATIENCE), "clients do not go on"


def logged_in(academy: Academy, user: str, door: str = "imaps") -> imaplib.IMAP4_SSL:
    context = ssl._create_unverified_context()
    client = imaplib.IMAP4_SSL("127.0.0.1", academy.ports[door], ssl_context=context, timeout=30)
    client.login(user, PASSWORD)
    client.select("INBOX")
    return client


def stored(academy: Academy, user: str, door: str) -> Counter[str]:
    """The tokens of a mailbox, as one of the hosts tells them."""
    client = logged_in(academy, user, door)
    with client:
        _, found = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (X-TOKEN)])")
        fields = "".join(part[1].decode() for part in found if isinstance(part, tuple))
        return Counter(re.findall(r"X-Token: (\S+)", fields))


def octets_of(client: imaplib.IMAP4_SSL, token: str) -> bytes:
    _, (numbers, *_) = client.search(None, "HEADER", "X-Token", token)
    _, found = client.fetch(numbers.decode(), "(BODY.PEEK[])")
    assert isinstance(found[0], tuple)
    return found[0][1]


def is_up(academy: Academy, number: int) -> bool:
    """Whether a host answers its clients, and takes mail."""
    port = academy.ports[f"smtp{number}"]
    with contextlib.suppress(*DIED), smtplib.SMTP("127.0.0.1", port, timeout=15) as client:
        client.ehlo("mx.ailleurs.fr")
        return client.mail("essai@ailleurs.fr")[0] == 250 and client.rcpt("ada@ac-exemple.fr")[0] == 250
    return False


def both_up(academy: Academy) -> None:
    until(lambda: is_up(academy, 1) and is_up(academy, 2), PATIENCE)


def test_a_session_hears_at_once_of_mail_that_came_to_the_other_host(served: Academy) -> None:
    both_up(served)
    client = logged_in(served, "ada", "imaps2")
    with client:
        client.send(b"a1 IDLE\r\n")
        assert client.readline().startswith(b"+")
        with smtplib.SMTP("127.0.0.1", served.ports["smtp1"], timeout=30) as sender:
            sender.sendmail("essai@ailleurs.fr", ["ada@ac-exemple.fr"], mail("idle", 150_000))
        client.sock.settimeout(30)
        assert b"EXISTS" in client.readline()
        client.send(b"DONE\r\n")
        while not client.readline().startswith(b"a1 OK"):
            pass
        assert octets_of(client, "idle").endswith(mail("idle", 150_000)), "its octets came in at the other host"


def test_check_says_whether_they_agree(served: Academy) -> None:
    both_up(served)

    def told() -> list[tuple[str, str]]:
        result = served.hosts[0].command("check", "DIR", "--no-dns", "--json", check=False)
        return [(one["grade"], one["text"]) for one in json.loads(result.stdout) if one["subject"] == "hosts"]

    until(lambda: [grade for grade, _ in told()] == ["ok"])
    second = served.hosts[1].directory / "mailserver.toml"
    text = second.read_text()
    second.write_text(text.replace("[peers]\n", "[peers]\nmessages_per_hour = 7\n"))
    result = served.hosts[1].command("check", "DIR", "--no-dns", "--json", check=False)
    assert any("peers" in one["text"] for one in json.loads(result.stdout) if one["subject"] == "hosts")
    second.write_text(text)


def test_clients_go_on_and_nothing_is_lost_or_doubled(served: Academy) -> None:
    both_up(served)
    one, two = served.hosts
    with Senders(served.ports["smtp"]) as senders:
        senders.go_on()
        assert two.stop() == 0
        senders.go_on()
        two.start("--workers", "1")
        until(lambda: is_up(served, 2), PATIENCE)
        one.kill()
        senders.go_on()
        one.start("--workers", "1")
        until(lambda: is_up(served, 1), PATIENCE)
        processes = two.freeze()
        senders.go_on()
        two.thaw(processes)
        until(lambda: is_up(served, 2), PATIENCE)
        one.shared.cut()
        senders.go_on()
        one.shared.mend()
        until(lambda: is_up(served, 1), PATIENCE)
        two.clients.cut()
        senders.go_on()
        two.clients.mend()
        both_up(served)
        senders.go_on()
    for user in USERS:
        wanted = {token: octets for token, (owner, octets) in senders.acknowledged.items() if owner == user}
        found = stored(served, user, "imaps1")
        assert found == stored(served, user, "imaps2")
        assert set(wanted) <= set(found), "acknowledged and lost"
        assert [token for token, count in found.items() if count > 1] == [], "doubled"
        large = [token for token in wanted if len(wanted[token]) > 100_000][-3:]
        with logged_in(served, user, "imaps2") as client:
            assert all(octets_of(client, token).endswith(wanted[token]) for token in large)
    with psycopg.connect(served.database, autocommit=True) as database:
        waiting = "SELECT count(*) FROM content WHERE indexed = 0"
        until(lambda: database.execute(waiting).fetchone() == (0,))
