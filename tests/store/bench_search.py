"""How fast searches are, by IMAP against a real instance: `python -m tests.store.bench_search`.

    --messages N   of the large mailbox, edupont's; mmartin has one of 1,000 (default 10,000)
    --foreign N    messages of a thousand other accounts in the same store, with their index (default none)
    --postgres     on a PostgreSQL cluster of its own

Three tables: just after the messages came, most of them not indexed yet; once all are indexed, of a worker that
remembers nothing and of one that was asked before. Beside each: the worker's CPU, and how long another session of the
same worker waited for NOOP meanwhile. Everything is in a temporary folder.
"""

import argparse
import base64
import contextlib
import os
import random
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import BigInteger, bindparam, func, insert, select, update

from mailserver.foundation.changes import Changes
from mailserver.mime.writing.compose import quoted_printable
from mailserver.mime.writing.fields import Correspondent, addresses, field
from mailserver.model.clock import SystemClock
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import blobs, mailboxes, messages
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.mail.messages import blob, content, mailbox, message
from mailserver.store.schema.mail.search import UNINDEXED, search_segment, search_text
from mailserver.store.search import segments
from tests.harness import DEMO_PASSWORD, Instance, children_of
from tests.postgres import Postgres
from tests.schema import create_schema

SMALL = 1000
PORTION = 200
FOREIGN_ACCOUNTS = 1000
FIRST = 1 << 40
"""Ids of foreign accounts and mailboxes, so that they meet no others."""
RARE, ABSENT, IN_SUBJECTS, EVERYWHERE = "zorglubine", "qwxvkjzpt", "facture", "e"
SEARCHES = {
    "nothing": "NOOP",
    "SUBJECT, some": f"SEARCH SUBJECT {IN_SUBJECTS}",
    "FROM, some": "SEARCH FROM lefevre",
    "HEADER X-Mailer, most": "SEARCH HEADER X-Mailer courrier",
    "BODY, rare": f"SEARCH BODY {RARE}",
    "BODY, absent": f"SEARCH BODY {ABSENT}",
    "TEXT, rare": f"SEARCH TEXT {RARE}",
    "TEXT, absent": f"SEARCH TEXT {ABSENT}",
    "TEXT, everywhere": f"SEARCH TEXT {EVERYWHERE}",
    "BODY, two words": 'SEARCH BODY "la reunion"',
    "UNSEEN": "SEARCH UNSEEN",
    "SORT REVERSE DATE": "SORT (REVERSE DATE) UTF-8 ALL",
    "SORT SUBJECT": "SORT (SUBJECT) UTF-8 ALL",
    "THREAD REFERENCES": "THREAD REFERENCES UTF-8 ALL",
}
NAMES = ["Hélène Lefèvre", "Paul Martin", "Zoé Dubois", "Jérôme Garçon", "Anne Petit", "François Noël", "Luc Morel"]
_TICKS = os.sysconf("SC_CLK_TCK")


class Letters:
    """French-looking letters of about 4 KB, the same every time."""

    def __init__(self) -> None:
        rng = random.Random(1)
        starts, ends = [*"bcdfglmnprstv", "br", "tr", "pl", "ch"], [*"aeiouéè", "ai", "ou", "eau", "on", "in"]
        self._words = ["de", "le", "la", "réunion", "élèves", "et", "pour", "les", IN_SUBJECTS]
        self._words += [
            "".join(rng.choice(starts) + rng.choice(ends) for _ in range(rng.randint(2, 4))) for _ in range(6000)
        ]
        self._weights = [0.0]
        for number in range(len(self._words)):
            self._weights.append(self._weights[-1] + 1 / (number + 8))
        del self._weights[0]

    def letter(self, number: int) -> bytes:
        rng = random.Random(number)
        words = rng.choices(self._words, cum_weights=self._weights, k=380)
        if number % 2500 == 1250:
            words[190] = RARE
        subject = " ".join(rng.choices(self._words[8:700], k=5)).capitalize()
        if number % 40 == 0:
            subject += f" {IN_SUBJECTS}"
        parent = f"In-Reply-To: <{number - 1}.x@exemple.fr>\r\n" if number % 5 else ""
        kind = "html" if number % 2 else "plain"
        body = "\n".join(" ".join(words[start : start + 11]) for start in range(0, len(words), 11))
        if kind == "html":
            body = f"<html><body><p>{body}</p><p>Cordialement</p></body></html>"
        signature = "\r\n  ".join(base64.b64encode(rng.randbytes(48)).decode() for _ in range(4))
        return (
            f"Received: from mx.exemple.fr (mx.exemple.fr [192.0.2.7]) by relais.exemple.net with ESMTPS id {number:x};"
            f"\r\n Tue, 14 Nov 2023 10:00:00 +0100\r\nDKIM-Signature: v=1; a=rsa-sha256; d=exemple.fr; s=s1;\r\n"
            f" h=from:to:subject:date; b={signature}\r\nMessage-ID: <{number}.x@exemple.fr>\r\n{parent}"
            f"X-Mailer: Courrier 3.{number % 7}\r\nMIME-Version: 1.0\r\n"
            f"Date: {1 + number % 28} Nov 2023 {number % 24:02}:{number % 60:02}:00 +0100\r\n".encode()
            + addresses("From", [Correspondent(rng.choice(NAMES), f"u{number % 97}@exemple.fr")])
            + addresses("To", [Correspondent("Émilie Dupont", "edupont@ac-exemple.fr")])
            + field("Subject", subject)
            + f"Content-Type: text/{kind}; charset=utf-8\r\n".encode()
            + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
            + quoted_printable(body.encode())
        )


# ---------------------------------------------------------------------- filling


def account_of(tx: Tx, login: str) -> int:
    return int(tx.execute(select(account.c.id).where(account.c.login == login)).scalar_one())


def fill(store: Store, letters: Letters, login: str, count: int, foreign: "Foreign") -> None:
    """Store letters in a mailbox `Banc`, and the foreign messages between them."""
    account_id = store.read_now(account_of, login)
    box = store.write_now(mailboxes.create, account_id, "Banc").id

    def put(tx: Tx, prepared: list[blobs.Prepared]) -> None:
        for one in prepared:
            messages.append(tx, account_id, box, one, ("\\Seen",) if one.size % 3 else (), 1_700_000_000)

    for start in range(0, count, PORTION):
        made = range(start, min(start + PORTION, count))
        # Not the same letters as anybody else's: each is a content of its own.
        octets = [b"X-Account: %d\r\n" % account_id + letters.letter(number) for number in made]
        store.write_now(put, [blobs.prepare(octet, store.blobs) for octet in octets])
        foreign.put((start + len(made)) / count)


class Foreign:
    """Messages of others, as rows: small contents, their texts and segments."""

    def __init__(self, store: Store, letters: Letters, count: int) -> None:
        self._store = store
        self._count = count
        self._done = 0
        self._prepared = blobs.prepare(letters.letter(1)[:600], store.blobs)
        self._rng = random.Random(2)
        if count:
            store.write_now(self._accounts)

    def put(self, part: float) -> None:
        """So many of them as this part of all."""
        end = int(self._count * part)
        while self._done < end:
            last = min(self._done + 5000, end)
            self._store.write_now(self._rows, range(self._done, last))
            self._done = last

    def _accounts(self, tx: Tx) -> None:
        numbers = [FIRST + number for number in range(FOREIGN_ACCOUNTS)]
        tx.execute(
            insert(account),
            [{"id": number, "login": f"x{number}", "state": "active", "created": tx.now} for number in numbers],
        )
        tx.execute(
            insert(mailbox),
            [
                {"id": number, "account_id": number, "name": "INBOX", "uidvalidity": 1, "created": 0}
                for number in numbers
            ],
        )
        words = self._rng.randbytes(60_000)
        empty = dict.fromkeys(("loose", "header_postings", "body_postings"), b"")
        tx.execute(
            insert(search_segment),
            [
                {"account_id": number, "size": 1000, "docs": b"", "header_words": words, "body_words": words, **empty}
                for number in numbers
            ],
        )

    def _rows(self, tx: Tx, numbers: range) -> None:
        scan = self._prepared.scan
        first = tx.execute(select(func.coalesce(func.max(content.c.id), 0))).scalar_one() + 1 - numbers.start
        ids = [first + number for number in numbers]
        names = ["envelope", "bodystructure", "body", "parts", "subject", "base_subject", "sender", "sender_address"]
        names += ["recipients", "sent_at", "message_id", "in_reply_to", "preview", "attachments", "search_fields"]
        same = {name: getattr(scan, name) for name in names} | {"refs": "", "size": 600, "header_size": 500}
        keys = ("id", "hash", "indexed", *same)
        rows = [{"id": number, "hash": self._rng.randbytes(32), "indexed": 1, **same} for number in ids]
        tx.many(Statement(insert(content), keys=keys), rows)
        if tx.dialect == "postgresql":
            tx.execute(select(func.setval(func.pg_get_serial_sequence("content", "id"), ids[-1])))
        frames = {"header": self._prepared.header, "octets": self._prepared.octets, "file": None}
        tx.many(
            Statement(insert(blob), keys=("content_id", *frames)), [{"content_id": number, **frames} for number in ids]
        )
        texts = {"header": self._prepared.header, "body": self._prepared.header}
        tx.many(
            Statement(insert(search_text), keys=("content_id", *texts)),
            [{"content_id": number, **texts} for number in ids],
        )
        keys = ("mailbox_id", "uid", "content_id", "flags", "modseq", "internal_date", "saved", "size")
        places = [
            (FIRST + number % FOREIGN_ACCOUNTS, number // FOREIGN_ACCOUNTS + 1, first + number) for number in numbers
        ]
        tx.many(
            Statement(insert(message), keys=keys),
            [dict(zip(keys, (*place, 0, 1, 1_700_000_000, 1_700_000_000, 600), strict=True)) for place in places],
        )
        more = bindparam("more", type_=BigInteger)
        tx.many(
            Statement(
                update(mailbox)
                .where(mailbox.c.id == bindparam("box"))
                .values(
                    uidnext=mailbox.c.uidnext + more,
                    messages=mailbox.c.messages + more,
                    unseen=mailbox.c.unseen + more,
                )
            ),
            [
                {"box": FIRST + number, "more": len(range(number, len(numbers), FOREIGN_ACCOUNTS))}
                for number in range(FOREIGN_ACCOUNTS)
            ],
        )


# ---------------------------------------------------------------------- asking


class Client:
    """As little of an IMAP client as it takes, so that the clock sees the server."""

    def __init__(self, instance: Instance, login: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", instance.ports["imap"]), timeout=600)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while b"\r\n" not in self._socket.recv(4096):
            pass
        self.ask(f'LOGIN {login} "{DEMO_PASSWORD}"')

    def ask(self, command: str) -> bytes:
        """The whole answer. Raises AssertionError unless it is OK."""
        self._socket.sendall(f"a {command}\r\n".encode())
        said = bytearray()
        while True:
            octets = self._socket.recv(1 << 20)
            assert octets, said[-200:]
            said += octets
            end = said.rfind(b"\r\na ", -300) + 2 if not said.startswith(b"a ") else 0
            if said.endswith(b"\r\n") and said.startswith(b"a ", end):
                assert said.startswith(b"a OK", end), bytes(said[end:])
                return bytes(said)

    def close(self) -> None:
        self._socket.close()


class Neighbour(threading.Thread):
    """Another session of the same worker, which asks for NOOP all the time."""

    def __init__(self, instance: Instance) -> None:
        super().__init__(daemon=True)
        self._client = Client(instance, "edupont")
        self._waits: list[float] = []
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.002):
            began = time.perf_counter()
            self._client.ask("NOOP")
            self._waits.append(time.perf_counter() - began)

    def worst(self) -> float:
        """The longest wait since the last call."""
        waits, self._waits = self._waits, []
        return max(waits, default=0.0)

    def stop(self) -> None:
        self._over.set()
        self.join()
        self._client.close()


def cpu(instance: Instance) -> float:
    """CPU seconds of the workers and the indexer so far."""
    total = 0
    for pid in children_of(instance):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS


def table(instance: Instance, login: str, title: str, searches: dict[str, str], repeats: int) -> None:
    """Ask everything and print what it took."""
    client, neighbour = Client(instance, login), Neighbour(instance)
    client.ask("SELECT Banc")
    neighbour.start()
    print(f"\n{title}\n{'':24}{'found':>8}{'first ms':>10}{'cpu':>8}{'again ms':>10}{'cpu':>8}{'NOOP worst':>12}")
    for name, command in searches.items():
        time.sleep(0.05)
        neighbour.worst()
        spent = cpu(instance)
        began = time.perf_counter()
        answer = client.ask(command)
        first, used = time.perf_counter() - began, cpu(instance) - spent
        again = []
        spent = cpu(instance)
        for _ in range(repeats):
            began = time.perf_counter()
            client.ask(command)
            again.append(time.perf_counter() - began)
        spent = (cpu(instance) - spent) / max(repeats, 1)
        # As many as there are UIDs or threads: SEARCH and SORT name messages, THREAD brackets them.
        said = answer[answer.rfind(b"* ", 0, answer.rfind(b"\r\n", 0, -2)) :].partition(b"\r\n")[0]
        found = said.count(b"(") if said.startswith(b"* THREAD") else said.count(b" ") - 1
        print(
            f"{name:24}{found:8}{first * 1e3:10.1f}{used * 1e3:8.0f}"
            f"{statistics.median(again or [0]) * 1e3:10.1f}{spent * 1e3:8.1f}{neighbour.worst() * 1e3:12.1f}",
            flush=True,
        )
    neighbour.stop()
    client.close()


def wait_until_indexed(store: Store, instance: Instance, count: int) -> None:
    """Wait for the indexer, and print its CPU."""
    began, spent = time.monotonic(), cpu(instance)
    before = store.read_now(unindexed)
    while store.read_now(unindexed) or store.read_now(segments.crowded, 1):
        time.sleep(0.5)
    spent = cpu(instance) - spent
    print(
        f"\nindexed {before} texts and segments of {count} in {time.monotonic() - began:.1f} s: "
        f"{spent:.1f} s of CPU, {spent / max(before, 1) * 1e3:.2f} ms for each text that was waiting"
    )


def unindexed(tx: Tx) -> int:
    return int(tx.execute(select(func.count()).where(UNINDEXED)).scalar_one())


PEOPLE = """given_name,surname,birth_date,role,numen,ine,uai,discipline,login,password
Emilie,Dupont,1980-01-01,teacher,,,,,edupont,{0}
Marc,Martin,1980-01-01,teacher,,,,,mmartin,{0}
"""


@contextlib.contextmanager
def instance_of(folder: Path, postgres: bool) -> Iterator[tuple[Instance, Store]]:
    """An instance with two people that does not run yet, and its store."""
    instance = Instance(folder / "var")
    server = Postgres(folder) if postgres else None
    store: Store | None = None
    try:
        instance.init()
        data = instance.directory / "data"
        url = f"sqlite:///{data / 'mail.db'}"
        if server is not None:
            server.start()
            url = server.create()
            create_schema(url, data)
            instance.configure(f'[database]\nurl = "{url}"\n')
        people = folder / "people.csv"
        people.write_text(PEOPLE.format(DEMO_PASSWORD))
        instance.command("import", "DIR", people, "--accept-passwords")
        store = Store(url, data, SystemClock(), Changes())
        yield instance, store
    finally:
        instance.stop()
        if store is not None:
            store.close()
        if server is not None:
            server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast searches are.")
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--foreign", type=int, default=0)
    parser.add_argument("--postgres", action="store_true")
    wanted = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="bench-search-") as temporary,
        instance_of(Path(temporary), wanted.postgres) as (instance, store),
    ):
        letters = Letters()
        began = time.monotonic()
        foreign = Foreign(store, letters, wanted.foreign)
        fill(store, letters, "mmartin", SMALL, Foreign(store, letters, 0))
        fill(store, letters, "edupont", wanted.messages, foreign)
        print(
            f"{wanted.messages + SMALL} messages and {wanted.foreign} foreign ones in {time.monotonic() - began:.0f} s"
        )
        instance.start("--workers", "1")
        few = {name: SEARCHES[name] for name in ("SUBJECT, some", "FROM, some", "BODY, absent", "TEXT, absent")}
        table(instance, "edupont", f"{wanted.messages} messages, just stored", few, 1)
        wait_until_indexed(store, instance, wanted.messages + SMALL)
        instance.stop()
        instance.start("--workers", "1")
        table(instance, "edupont", f"{wanted.messages} messages, indexed", SEARCHES, 7)
        table(instance, "mmartin", f"{SMALL} messages, indexed", SEARCHES, 7)


if __name__ == "__main__":
    main()
