"""Pull the plug, again and again: whatever was acknowledged is there, once, with its exact bytes."""

import contextlib
import functools
import imaplib
import os
import random
import re
import resource
import signal
import smtplib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.harness import Instance, children_of

ROUNDS = 12
WORKER_KILLS = 8
MOST = 60
"""Messages acknowledged in a round before the kill."""
PATIENCE = 60.0
"""Seconds that a busy machine may take for them, or to notice that its server died."""
SEED = 20261125
USERS = ("ada", "bob", "eve")
PASSWORD = "Craie-Bleue#31"
DIED = (OSError, EOFError, imaplib.IMAP4.abort, smtplib.SMTPServerDisconnected, smtplib.SMTPResponseException)


def people_csv() -> str:
    head = "given_name,surname,birth_date,role,numen,ine,uai,discipline,login,password\n"
    return head + "".join(f"Essai,{user},1980-01-01,teacher,,,,,{user},{PASSWORD}\n" for user in USERS)


def mail(token: str, size: int) -> bytes:
    body = random.Random(token).randbytes(size).hex()
    lines = "\r\n".join(body[start : start + 72] for start in range(0, len(body), 72))
    return f"From: essai@ailleurs.fr\r\nSubject: {token}\r\nX-Token: {token}\r\n\r\n{lines}\r\n".encode()


class Load:
    """Clients that send until the server dies, and what was acknowledged to them."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.acknowledged: dict[str, tuple[str, bytes]] = {}
        self.places: dict[str, int] = {}
        """UIDs told by APPENDUID."""
        self.sent: set[str] = set()
        self.stopping = threading.Event()
        self._lock = threading.Condition()
        self._count = 0

    def _next(self, user: str) -> tuple[str, bytes]:
        with self._lock:
            self._count += 1
            token = f"{user}-{self._count}"
            self.sent.add(token)
        return token, mail(token, 150_000 if self._count % 17 == 0 else 700)

    def _acknowledge(self, token: str, user: str, data: bytes) -> None:
        with self._lock:
            self.acknowledged[token] = user, data
            self._lock.notify_all()

    def wait_for(self, count: int) -> None:
        """Until so many more are acknowledged: a moment of work, however slow the machine is."""
        with self._lock:
            wanted = len(self.acknowledged) + count
            assert self._lock.wait_for(lambda: len(self.acknowledged) >= wanted, PATIENCE), "nothing is acknowledged"

    def smtp(self, user: str) -> None:
        with contextlib.suppress(*DIED), smtplib.SMTP("127.0.0.1", self.instance.ports["smtp"], timeout=60) as client:
            while True:
                token, data = self._next(user)
                client.sendmail("essai@ailleurs.fr", [f"{user}@ac-exemple.fr"], data)
                self._acknowledge(token, user, data)

    def append(self, user: str) -> None:
        with contextlib.suppress(*DIED):
            client = self.instance.imap(user, PASSWORD)
            try:
                while True:
                    token, data = self._next(user)
                    code, answer = client.append("INBOX", "", "", data)
                    assert code == "OK", answer
                    place = re.search(rb"APPENDUID \d+ (\d+)", answer[0])
                    assert place is not None, answer
                    self._acknowledge(token, user, data)
                    self.places[token] = int(place.group(1))
            finally:
                client.shutdown()

    def again(self, door: Callable[[str], None], user: str) -> None:
        """Come back each time the connection dies, until told to stop."""
        while not self.stopping.is_set():
            door(user)
            time.sleep(0.01)

    @contextlib.contextmanager
    def running(self, *, once: bool) -> Iterator[None]:
        doors: list[Callable[[str], None]] = [self.smtp, self.append]
        if not once:
            doors = [functools.partial(self.again, door) for door in doors]
        threads = [threading.Thread(target=door, args=(user,)) for user in USERS for door in doors]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stopping.set()
        for thread in threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()

    def run_and_kill(self, chance: random.Random) -> None:
        """Kill while people log in, or in the middle of the work."""
        count = chance.choice((0, 1, chance.randrange(MOST), chance.randrange(MOST)))
        with self.running(once=True):
            self.wait_for(count)
            time.sleep(chance.uniform(0, 0.05 if count else 0.3))
            self.instance.kill()


def contents(instance: Instance, user: str) -> tuple[int, list[tuple[int, str, bytes]]]:
    """UIDVALIDITY and (uid, token, octets) of every message in the user's INBOX."""
    client = instance.imap(user, PASSWORD)
    client.select("INBOX", readonly=True)
    validity = int(client.response("UIDVALIDITY")[1][0])
    found = []
    _, parts = client.uid("FETCH", "1:*", "(BODY.PEEK[])")
    for part in parts:
        if isinstance(part, tuple):
            uid = int(re.search(rb"UID (\d+)", part[0]).group(1))  # type: ignore[union-attr]
            token = re.search(rb"X-Token: (\S+)", part[1]).group(1).decode()  # type: ignore[union-attr]
            found.append((uid, token, part[1]))
    client.logout()
    return validity, found


def peopled(instance: Instance) -> Instance:
    (instance.directory / "people.csv").write_text(people_csv())
    instance.command("import", "DIR", instance.directory / "people.csv", "--accept-passwords")
    return instance


@pytest.mark.timeout(600)
def test_kill_minus_nine_loses_nothing_acknowledged(fresh: Callable[..., Instance]) -> None:
    instance = peopled(fresh())
    chance = random.Random(SEED)
    load = Load(instance)
    uids: dict[str, dict[int, str]] = {user: {} for user in USERS}
    validities: dict[str, int] = {}
    instance.start("--workers", "2")
    for _ in range(ROUNDS):
        load.run_and_kill(chance)
        instance.start("--workers", "2")
        for user in USERS:
            validity, found = contents(instance, user)
            assert validities.setdefault(user, validity) == validity
            known = uids[user]
            now = {uid: token for uid, token, _ in found}
            assert known.items() <= now.items(), "a message changed its UID or vanished"
            fresh_uids = now.keys() - known.keys()
            assert not fresh_uids or not known or min(fresh_uids) > max(known), "UIDs went back"
            uids[user] = now
            check_exactness(load, user, found)
    assert len(load.places) > ROUNDS


@pytest.mark.timeout(300)
def test_kill_of_one_worker_loses_nothing_acknowledged(fresh: Callable[..., Instance]) -> None:
    """Its siblings serve on, the supervisor starts another, and clients that come back lose nothing."""
    instance = peopled(fresh())
    instance.start("--workers", "3")
    chance = random.Random(SEED + 1)
    load = Load(instance)
    with load.running(once=False):
        for _ in range(WORKER_KILLS):
            load.wait_for(chance.randrange(2, MOST))
            alive = children_of(instance)
            assert alive, "nothing is left"
            os.kill(chance.choice(alive), signal.SIGKILL)
        load.wait_for(MOST)
        instance.kill()
    instance.start("--workers", "1")
    for user in USERS:
        check_exactness(load, user, contents(instance, user)[1])


def check_exactness(load: Load, user: str, found: list[tuple[int, str, bytes]]) -> None:
    counts = Counter(token for _, token, _ in found)
    assert counts.keys() <= load.sent
    assert all(count == 1 for count in counts.values()), "a message was stored twice"
    octets = {token: data for _, token, data in found}
    uids = {token: uid for uid, token, _ in found}
    for token, (owner, data) in load.acknowledged.items():
        if owner == user:
            assert token in octets, "an acknowledged message is lost"
            assert octets[token].endswith(data), "the bytes are not those that were acknowledged"
            assert load.places.get(token, uids[token]) == uids[token], "a message has another UID than was told"


@pytest.mark.timeout(120)
def test_full_disk_refuses_for_now_and_recovers(fresh: Callable[..., Instance]) -> None:
    """Files of the workers may not grow (RLIMIT_FSIZE): clients are told to come back, nothing is half stored."""
    instance = peopled(fresh())
    instance.start("--workers", "1")
    load = Load(instance)
    limit_files(instance, 1_000_000)
    told = [attempt(load, kind, size) for _ in range(12) for kind in ("smtp", "append") for size in (700, 400_000)]
    assert set(told) <= {"stored", "452 4.3.1", "451 4.3.0", "NO [UNAVAILABLE]"}
    assert len(set(told)) > 2, "the limit was never met"
    limit_files(instance, resource.RLIM_INFINITY)
    assert [attempt(load, kind, 400_000) for kind in ("smtp", "append")] == ["stored", "stored"]
    instance.kill()
    instance.start("--workers", "1")
    found = contents(instance, "ada")[1]
    check_exactness(load, "ada", found)
    assert len(found) == len(load.acknowledged), "something was stored that the client was refused"
    kept = sum(len(data) > 300_000 for _, _, data in found)
    assert len(list((instance.directory / "data" / "blobs").glob("??/*"))) == kept, "refused messages left files"


def limit_files(instance: Instance, octets: int) -> None:
    for worker in children_of(instance):
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (octets, resource.RLIM_INFINITY))


def attempt(load: Load, kind: str, size: int) -> str:
    """Send one message to ada; how it ended."""
    token, _ = load._next("ada")
    data = mail(token, size // 2)
    if kind == "smtp":
        with smtplib.SMTP("127.0.0.1", load.instance.ports["smtp"], timeout=60) as client:
            try:
                client.sendmail("essai@ailleurs.fr", ["ada@ac-exemple.fr"], data)
            except smtplib.SMTPDataError as error:
                return f"{error.smtp_code} {str(error.smtp_error, 'ascii').split()[0]}"  # type: ignore[arg-type]
    else:
        client_ = load.instance.imap("ada", PASSWORD)
        try:
            code, answer = client_.append("INBOX", "", "", data)
        finally:
            client_.shutdown()
        if code != "OK":
            return f"{code} {answer[0].split()[0].decode()}"
    load._acknowledge(token, "ada", data)
    return "stored"
