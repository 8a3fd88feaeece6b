"""What a door acknowledges is on disk: the database and the file of a large message, with the folders that name it.

The whole program runs under strace, on PostgreSQL the database too; what was synced is compared with the moments at
which a client asked and was answered.
"""

import contextlib
import os
import random
import re
import shutil
import smtplib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx
import ldap3
import pytest

from tests import tracing
from tests.agenda.conftest import event
from tests.harness import Instance, environment
from tests.postgres import Postgres
from tests.schema import create_schema
from tests.smtp.dialogues import tls_context

PASSWORD = "Craie-Bleue#31"
ADA, BOB = "ada@ac-exemple.fr", "bob@ac-exemple.fr"
PEOPLE = (
    "given_name,surname,birth_date,role,numen,ine,uai,discipline,login,password\n"
    f"Essai,Ada,1980-01-01,teacher,,,,,ada,{PASSWORD}\nEssai,Bob,1980-01-01,teacher,,,,,bob,{PASSWORD}\n"
)
BASE = "dc=ac-exemple,dc=fr"
LARGE = 150_000
"""Octets that nothing compresses: a message of them has a file of its own."""

pytestmark = [pytest.mark.needs("strace"), pytest.mark.timeout(600)]


class Traced(Instance):
    """An instance whose processes all run under strace."""

    def _launch(
        self, words: Sequence[str], given: IO[str], out: IO[bytes], log: IO[bytes]
    ) -> "subprocess.Popen[bytes]":
        command = [*tracing.traced(self.directory.parent), sys.executable, "-m", "mailserver", *words]
        return subprocess.Popen(command, env=environment(), stdin=given, stdout=out, stderr=log)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client asked for, from its first octet to the answer."""

    name: str
    began: float
    ended: float
    has_file: bool


class Answers:
    """Asks at every door, one thing after the other, and notes when."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self.noted: list[Answer] = []

    @contextlib.contextmanager
    def asking(self, name: str, *, has_file: bool = False) -> Iterator[None]:
        """What is acknowledged within; `has_file`: a large message among it."""
        began = time.time()
        yield
        self.noted.append(Answer(name, began, time.time(), has_file))

    def by_smtp(self) -> None:
        """250 from the exchange, LMTP and submission."""
        ports = self._instance.ports
        with smtplib.SMTP("127.0.0.1", ports["smtp"], timeout=60) as client:
            client.ehlo("mx.exemple.org")
            with self.asking("SMTP", has_file=True):
                client.sendmail("x@exemple.org", [BOB], large("x@exemple.org"))
            with self.asking("SMTP, small"):
                client.sendmail("x@exemple.org", [BOB], b"From: x@exemple.org\r\nSubject: petit\r\n\r\nx\r\n")
        with smtplib.LMTP("127.0.0.1", ports["lmtp"], timeout=60) as local, self.asking("LMTP", has_file=True):
            local.sendmail("y@exemple.org", [ADA], large("y@exemple.org"))
        with smtplib.SMTP("127.0.0.1", ports["submission"], timeout=60) as client:
            client.starttls(context=tls_context())
            client.login("ada", PASSWORD)
            with self.asking("submission", has_file=True):
                client.sendmail(ADA, [BOB], large(ADA))

    def by_imap(self) -> None:
        """OK to whatever changes something."""
        client = self._instance.imap("ada", PASSWORD)
        with self.asking("APPEND", has_file=True):
            ok(client.append("INBOX", "", "", large(ADA)))
        with self.asking("CREATE"):
            ok(client.create("Classe"))
        ok(client.select("INBOX"))
        with self.asking("COPY"):
            ok(client.copy("1", "Classe"))
        with self.asking("STORE"):
            ok(client.store("1", "+FLAGS", "(\\Flagged)"))
        with self.asking("REPLACE", has_file=True):
            client.literal = large(ADA)  # type: ignore[assignment]
            ok(client.xatom("REPLACE", "1", "INBOX"))
        with self.asking("MOVE"):
            ok(client.xatom("MOVE", "1", "Classe"))
        with self.asking("APPEND, small"):
            ok(client.append("INBOX", "(\\Deleted)", "", b"Subject: petit\r\n\r\nx\r\n"))
        with self.asking("EXPUNGE"):
            ok(client.expunge())
        with self.asking("SUBSCRIBE"):
            ok(client.subscribe("Classe"))
        with self.asking("RENAME"):
            ok(client.rename("Classe", "Troisieme"))
        with self.asking("SETACL"):
            ok(client.setacl("INBOX", "bob", "lr"))
        client.logout()

    def by_http(self) -> None:
        """201 of an agenda, and what the web acknowledges."""
        base = f"http://127.0.0.1:{self._instance.ports['http']}"
        with httpx.Client(base_url=base, auth=("ada", PASSWORD), timeout=60) as dav:
            assert dav.request("PROPFIND", "/dav/ada/").status_code == 207
            with self.asking("PUT"):
                assert dav.put("/dav/ada/agenda/cours.ics", content=event("cours").encode()).status_code == 201
            with self.asking("MKCALENDAR"):
                assert dav.request("MKCALENDAR", "/dav/ada/neuf/").status_code == 201
            with self.asking("DELETE"):
                assert dav.delete("/dav/ada/agenda/cours.ics").is_success
        with httpx.Client(base_url=base, follow_redirects=True, timeout=60) as browser:
            page = browser.get("/roundcube")
            login = {"m_": field(page, "m_"), "interface": "simple", "identifiant": "ada", "mot_de_passe": PASSWORD}
            browser.post("/connexion", data=login)
            page = browser.get("/s/ecrire")
            form = {"m_": field(page, "m_"), "cle": field(page, "cle"), "a": "bob", "objet": "lettre", "texte": "x"}
            piece = {"piece": ("notes.bin", random.randbytes(LARGE), "application/octet-stream")}
            with self.asking("upload", has_file=True):
                answer = browser.post("/s/ecrire/piece", data=form, files=piece)
                assert answer.status_code == 200
            kept = answer.json()
            form |= {"brouillon": str(kept["brouillon"]), "cle": kept["cle"]}
            with self.asking("draft", has_file=True):
                answer = browser.post("/s/ecrire/garder", data={**form, "texte": "y"})
                assert answer.status_code == 200
            kept = answer.json()
            form |= {"brouillon": str(kept["brouillon"]), "cle": kept["cle"], "faire": "envoyer"}
            with self.asking("send"):
                assert "data-envoi" in browser.post("/s/ecrire", data=form).text

    def by_ldap(self) -> None:
        """Success of an update."""
        server = ldap3.Server(f"ldap://127.0.0.1:{self._instance.ports['ldap']}")
        secret = (self._instance.directory / "secrets" / "ldap-admin").read_text()
        with ldap3.Connection(server, f"cn=admin,{BASE}", secret.strip()) as admin:
            assert admin.bind(), admin.result
            with self.asking("LDAP modify"):
                change = {"givenName": [(ldap3.MODIFY_REPLACE, ["Épreuve"])]}
                done = admin.modify(f"uid=bob,ou=people,{BASE}", change)  # type: ignore[no-untyped-call]
                assert done, admin.result


def large(sender: str) -> bytes:
    body = random.randbytes(LARGE).hex()
    lines = "\r\n".join(body[start : start + 72] for start in range(0, len(body), 72))
    return f"From: {sender}\r\nSubject: grand\r\n\r\n{lines}\r\n".encode()


def ok(answer: tuple[str, object]) -> None:
    assert answer[0] == "OK", answer


def field(page: httpx.Response, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


@pytest.fixture
def served(tmp_path: Path, made: dict[tuple[str, ...], Instance]) -> Traced:
    instance = Traced(tmp_path / "traces" / "instance")
    instance.directory.parent.mkdir()
    instance.copy_of(made[()])
    return instance


def asked_everywhere(instance: Traced) -> list[Answer]:
    people = instance.directory / "people.csv"
    people.write_text(PEOPLE)
    instance.command("import", "DIR", people, "--accept-passwords")
    instance.start("--workers", "1")
    try:
        answers = Answers(instance)
        answers.by_smtp()
        answers.by_imap()
        answers.by_http()
        answers.by_ldap()
    finally:
        instance.stop()
    return answers.noted


def check(answers: Sequence[Answer], program: Sequence[tracing.Sync], database: Sequence[tracing.Sync]) -> None:
    """`database`: the syncs that are a commit's."""
    for answer in answers:
        commits = tracing.within(database, answer.began, answer.ended)
        assert commits, f"{answer.name} is answered before its commit is on disk"
        files = [one for one in tracing.within(program, answer.began, answer.ended) if is_blob(one.path)]
        assert not answer.has_file or files, f"{answer.name} is answered before its file is on disk"
        for file in files:
            for folder in (file.path.parent, file.path.parent.parent):
                named = [one for one in program if one.path == folder and one.began >= file.ended]
                assert tracing.within(named, answer.began, answer.ended), f"{answer.name}: {folder} is not on disk"
                assert min(one.ended for one in named) <= max(commit.began for commit in commits), (
                    f"{answer.name}: the row is there before its file"
                )


def is_blob(path: Path) -> bool:
    return path.parent.parent.name == "blobs"


def test_on_sqlite(served: Traced) -> None:
    answers = asked_everywhere(served)
    program = tracing.syncs(served.directory.parent)
    check(answers, program, [one for one in program if one.path.name in ("mail.db-wal", "mail.db")])


@pytest.mark.needs("postgresql")
def test_on_postgresql(served: Traced) -> None:
    with tempfile.TemporaryDirectory(prefix="mailserver-postgres-") as folder:
        traces = Path(folder) / "traces"
        traces.mkdir()
        if os.geteuid() == 0:
            shutil.chown(traces, "postgres", "postgres")
        cluster = Postgres(Path(folder), before=tracing.traced(traces), durable=True)
        cluster.start()
        try:
            url = cluster.create()
            create_schema(url, served.directory / "data")
            served.configure(f'[database]\nurl = "{url}"\n')
            answers = asked_everywhere(served)
        finally:
            cluster.stop()
        database = [sync for sync in tracing.syncs(traces) if sync.path.parent.name == "pg_wal"]
        check(answers, tracing.syncs(served.directory.parent), database)
