"""Clients that do what people's programs do all day, and come again when they are cut off."""

import contextlib
import imaplib
import random
import re
import smtplib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.hosts_in_namespaces import Academy
from tests.runtime.test_two_hosts import DIED, PASSWORD, logged_in, mail, stored
from tests.soak.timings import Timings

LOST = (*DIED, imaplib.IMAP4.error)
"""What a client sees of a server that goes: the connection ends, or it says BYE."""
SMALL, LARGE = 700, 150_000
LARGE_EACH = 8
"""Of so many messages one is large enough to lie in object storage."""
STEPS = 40
"""Requests of one IMAP session."""
OLDEST = 50
"""Messages that somebody deletes at once."""
UID_AND_TOKEN = re.compile(rb"UID (\d+).*?X-Token: (\S+)", re.DOTALL)
PAUSE = 0.2
"""Seconds between two requests: somebody reads."""
JOIN_SECONDS = 120.0

HEAD = "given_name,surname,birth_date,role,numen,ine,uai,discipline,login,password\n"


def made_up(folder: Path, count: int) -> tuple[list[str], Path]:
    """So many logins, and the file that they are imported by."""
    users = ["ada", *(f"u{number:03}" for number in range(1, count))]  # `is_up` writes to ada
    people = folder / "people.csv"
    people.write_text(HEAD + "".join(f"Essai,{user},1980-01-01,teacher,,,,,{user},{PASSWORD}\n" for user in users))
    return users, people


class Clients:
    """All of them. Who has more than `kept` messages in the inbox deletes the oldest."""

    def __init__(self, academy: Academy, users: list[str], timings: Timings, seed: int, kept: int) -> None:
        self._academy = academy
        self._users = users
        self._timings = timings
        self._kept = kept
        self._dice = random.Random(seed)
        self._numbers = iter(range(1 << 40))
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self.acknowledged: dict[str, str] = {}
        """Whose mailbox has to have it, unless it was deleted, by token."""
        self._deleting: set[str] = set()
        """Tokens that somebody has asked to delete, answered or not."""
        self._deleted: set[str] = set()
        """Those of them that the server said are gone."""

    def fill(self) -> None:
        """Everybody's inbox, with as many as are kept."""
        with ThreadPoolExecutor(len(self._users)) as threads:
            list(threads.map(self._fill, self._users))

    def _fill(self, user: str) -> None:
        with logged_in(self._academy, user) as client:
            for _ in range(self._kept):
                assert self._append(client, user), client

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """One that sends and one that reads for each of the users."""
        works = [(work, user) for user in self._users for work in (self._send, self._read)]
        threads = [threading.Thread(target=work, args=(user,), daemon=True) for work, user in works]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            deadline = time.monotonic() + JOIN_SECONDS
            for thread in threads:
                thread.join(max(0.0, deadline - time.monotonic()))
        assert not any(thread.is_alive() for thread in threads), "a client hangs"

    def _token(self, user: str) -> tuple[str, int]:
        with self._lock:
            number = next(self._numbers)
        return f"{user}-{number}", number

    def _send(self, user: str) -> None:
        """Mail from elsewhere, a message a connection."""
        while not self._stopping.is_set():
            token, number = self._token(user)
            octets = mail(token, LARGE if number % LARGE_EACH == 0 else SMALL)
            began = time.monotonic()
            try:
                with smtplib.SMTP("127.0.0.1", self._academy.ports["smtp"], timeout=60) as client:
                    client.sendmail("essai@ailleurs.fr", [f"{user}@ac-exemple.fr"], octets)
                    self.acknowledged[token] = user
                    self._timings.took("SMTP", time.monotonic() - began)
            except LOST:
                self._timings.broke("SMTP")
            self._stopping.wait(5 * PAUSE)

    def _read(self, user: str) -> None:
        """Sessions of a mail program."""
        dice = random.Random(user)
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                with logged_in(self._academy, user) as client:
                    self._timings.took("login", time.monotonic() - began)
                    count = 0
                    for _ in range(STEPS):
                        if self._stopping.wait(PAUSE):
                            break
                        told = client.response("EXISTS")[1][-1]
                        count = int(told) if told else count
                        if count >= self._kept + OLDEST:
                            self._delete_oldest(client)
                        else:
                            self._step(client, user, dice, count)
            except LOST:
                self._timings.broke("IMAP")
                self._stopping.wait(PAUSE)

    def _step(self, client: imaplib.IMAP4, user: str, dice: random.Random, count: int) -> None:
        kind = dice.choices(("list", "body", "store", "search", "append", "noop"), (30, 20, 15, 10, 5, 20))[0]
        if kind in ("list", "body", "store") and not count:
            return
        at = dice.randint(max(1, count - 200), max(1, count))
        began = time.monotonic()
        if kind == "list":
            client.fetch(f"{max(1, at - 50)}:{at}", "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)")
        elif kind == "body":
            client.fetch(str(at), "(UID BODY.PEEK[])")
        elif kind == "store":
            client.store(str(at), dice.choice(("+FLAGS", "-FLAGS")), "\\Seen")
        elif kind == "search":
            client.search(None, "SUBJECT", user)
        elif kind == "append":
            self._append(client, user)
        else:
            client.noop()
        self._timings.took(kind, time.monotonic() - began)

    def _append(self, client: imaplib.IMAP4, user: str) -> bool:
        token, _ = self._token(user)
        if client.append("INBOX", "", "", mail(token, SMALL))[0] != "OK":
            return False
        self.acknowledged[token] = user
        return True

    def _delete_oldest(self, client: imaplib.IMAP4) -> None:
        began = time.monotonic()
        _, found = client.fetch(f"1:{OLDEST}", "(UID BODY.PEEK[HEADER.FIELDS (X-TOKEN)])")
        pairs = [named.groups() for part in found if isinstance(part, tuple) and (named := _named(part))]
        uids, tokens = ",".join(uid.decode() for uid, _ in pairs), {token.decode() for _, token in pairs}
        self._deleting |= tokens
        client.uid("STORE", uids, "+FLAGS.SILENT", "\\Deleted")
        if client.uid("EXPUNGE", uids)[0] == "OK":
            self._deleted |= tokens
        self._timings.took("delete", time.monotonic() - began)
        client.select("INBOX")  # numbers are new

    def amiss(self) -> Iterator[str]:
        """What was acknowledged and is not there, what is there twice, or again. Both hosts say the same."""
        for user in self._users:
            found = stored(self._academy, user, "imaps1")
            if found != stored(self._academy, user, "imaps2"):
                yield f"{user}: the hosts do not agree"
            own = {token for token, owner in self.acknowledged.items() if owner == user}
            faults = {
                "lost": own - self._deleting - set(found),
                "doubled": {token for token, count in found.items() if count > 1},
                "came back": self._deleted & set(found),
            }
            for what, tokens in faults.items():
                if tokens:
                    yield f"{user}: {what} {sorted(tokens)[:5]} of {len(tokens)}"
        print(f"{len(self.acknowledged)} messages acknowledged, {len(self._deleted)} of them deleted")


def _named(part: tuple[bytes, bytes]) -> re.Match[bytes] | None:
    return UID_AND_TOKEN.search(b" ".join(part))
