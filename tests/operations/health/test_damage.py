"""Real damage to real files: a message that is damaged or lost costs itself, and whoever asks is told."""

import imaplib
import json
import os
import random
import re
import signal
import smtplib
import socket
import sqlite3
import subprocess
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Sequence
from contextlib import closing
from email import message_from_bytes
from functools import partial
from pathlib import Path
from typing import IO

import pytest

from tests.harness import Instance, workers_of
from tests.hatchery import Hatched
from tests.waiting import until

LARGE = 300_000
PAGE = 4096


def mail(number: int, size: int) -> bytes:
    body = random.Random(number).randbytes(size // 2).hex()
    lines = "\r\n".join(body[start : start + 72] for start in range(0, len(body), 72))
    return f"From: a@ailleurs.fr\r\nSubject: numero-{number}\r\n\r\n{lines}\r\n".encode()


SIZES = (700, LARGE, 700, LARGE, 700, LARGE, 700)


def fill(instance: Instance, login: str = "edupont") -> list[bytes]:
    """A folder of messages of which some lie in files of their own."""
    sent = [mail(number, size) for number, size in enumerate(SIZES, 1)]
    with instance.imap(login) as client:
        client.create("Preuves")
        for octets in sent:
            assert client.append("Preuves", None, None, octets)[0] == "OK"
    return sent


def fetched(client: imaplib.IMAP4, numbers: str = "1:*") -> tuple[str, str, dict[int, bytes]]:
    """Condition and text of FETCH BODY.PEEK[], and the messages it gave."""
    kind, data = client._simple_command("FETCH", numbers, "(BODY.PEEK[])")
    given = client.untagged_responses.pop("FETCH", [])
    found = {int(part[0].split()[0]): part[1] for part in given if isinstance(part, tuple)}
    return kind, " ".join(part.decode() for part in data if isinstance(part, bytes)), found


def blob_rows(instance: Instance) -> dict[int, tuple[int, str | None]]:
    """Number of each of our messages -> content id and file."""
    with closing(sqlite3.connect(instance.directory / "data" / "mail.db")) as database:
        rows = database.execute(
            "SELECT c.subject, c.id, b.file FROM content c JOIN blob b ON b.content_id = c.id"
            " WHERE c.subject LIKE 'numero-%'"
        ).fetchall()
    return {int(row[0].removeprefix("numero-")): (row[1], row[2]) for row in rows}


def indexed(instance: Instance) -> int:
    with closing(sqlite3.connect(instance.directory / "data" / "mail.db")) as database:
        return int(database.execute("SELECT count(*) FROM search_text").fetchone()[0])


def is_indexed(instance: Instance, content_id: int) -> bool:
    with closing(sqlite3.connect(instance.directory / "data" / "mail.db")) as database:
        return bool(database.execute("SELECT indexed FROM content WHERE id = ?", (content_id,)).fetchone()[0])


def overwrite(path: Path, at: int, octets: bytes) -> None:
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(octets)


def change_row(instance: Instance, content_id: int) -> None:
    """Flip bits in the middle of an inline body, where the disk might have."""
    path = instance.directory / "data" / "mail.db"
    with closing(sqlite3.connect(path)) as database:
        (frame,) = database.execute("SELECT octets FROM blob WHERE content_id = ?", (content_id,)).fetchone()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = path.read_bytes()
    at = whole.find(frame)
    assert at > 0
    overwrite(path, at + len(frame) // 2, bytes([frame[len(frame) // 2] ^ 0x55]))


@pytest.fixture
def damaged(fresh: Callable[..., Instance]) -> tuple[Instance, list[bytes]]:
    """Message 2 is changed in the middle of its file, 4 is lost, 5 is changed in its row."""
    instance = fresh("--demo")
    instance.start("--workers", "1")
    sent = fill(instance)
    instance.stop()
    rows = blob_rows(instance)
    blobs = instance.directory / "data" / "blobs"
    for number in (2, 4):
        assert rows[number][1] is not None
    file = blobs / str(rows[2][1])
    middle = file.stat().st_size // 2
    overwrite(file, middle, bytes(octet ^ 0xFF for octet in file.read_bytes()[middle : middle + 8]))
    (blobs / str(rows[4][1])).unlink()
    change_row(instance, rows[5][0])
    instance.start("--workers", "1")
    return instance, sent


def test_fetch_answers_the_others_and_names_the_damaged(damaged: tuple[Instance, list[bytes]]) -> None:
    instance, sent = damaged
    with instance.imap("edupont") as client:
        client.select("Preuves", readonly=True)
        kind, said, found = fetched(client)
        assert kind == "NO"
        assert sorted(found) == [1, 3, 6, 7]
        for number, octets in found.items():
            assert octets == sent[number - 1]
        for number in (2, 4, 5):  # one alone
            kind, said, found = fetched(client, str(number))
            assert (kind, found) == ("NO", {})
            assert "[CORRUPTION]" in said
            assert str(number) in said
        kind, said, found = fetched(client, "6")
        assert kind == "OK"
        assert client.search(None, "TEXT", "numero-3")[0] == "OK"
        assert client.noop()[0] == "OK"
    assert "Traceback" not in instance.log_text()
    assert "message is damaged" in instance.log_text()


def test_an_export_goes_on_and_names_them(damaged: tuple[Instance, list[bytes]], tmp_path: Path) -> None:
    instance, _ = damaged
    output = tmp_path / "tout.zip"
    result = instance.command("account", "export", "DIR", "edupont", output, check=False)
    assert result.returncode == 1
    assert "3 messages are damaged" in result.stderr
    with zipfile.ZipFile(output) as archive:
        names = archive.namelist()
        told = archive.read("MESSAGES-ABIMES.txt").decode()
        mbox = archive.read("messages/Preuves.mbox")
    assert "profil.json" in names
    for number in (2, 4, 5):
        assert f"numero-{number}" in told
    kept = [str(message_from_bytes(part)["Subject"]) for part in re.split(rb"(?m)^From MAILER-DAEMON .*\n", mbox)[1:]]
    assert kept == ["numero-1", "numero-3", "numero-6", "numero-7"]


# ---------------------------------------------------------------------- what `check` and the page of the state know


def judged(instance: Instance, *options: str) -> dict[str, list[str]]:
    """Problems by subject, as `check --json` tells them."""
    result = instance.command("check", "DIR", "--no-dns", "--json", *options, check=False)
    found: dict[str, list[str]] = {}
    for load in json.loads(result.stdout):
        if load["grade"] == "problem":
            found.setdefault(load["subject"], []).append(load["text"])
    assert result.returncode == (1 if found else 0)
    return found


def state_of(instance: Instance) -> tuple[int, str]:
    """Status and text of GET /etat."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{instance.ports['http']}/etat", timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_deep_check_finds_and_repair_marks(damaged: tuple[Instance, list[bytes]]) -> None:
    """Beside the running server; a file in quarantine comes back, and what a backup brought is no longer marked."""
    instance, _ = damaged
    assert judged(instance) == {}  # it looked at pages, and says so
    blobs = instance.directory / "data" / "blobs"
    content_id, name = blob_rows(instance)[6]
    file = str(name)
    until(lambda: is_indexed(instance, content_id))  # the indexer's look at it would take it back from quarantine
    (blobs / "quarantine" / file).parent.mkdir(parents=True)
    (blobs / file).rename(blobs / "quarantine" / file)
    found = judged(instance, "--deep")
    assert set(found) == {"messages"}
    assert len(found["messages"]) == 4
    assert (blobs / "quarantine" / file).exists(), "looking changes nothing"
    assert len(judged(instance, "--repair")["messages"]) == 3
    assert (blobs / file).exists()
    assert "3 messages are damaged or lost" in " ".join(judged(instance)["messages"])
    status, text = state_of(instance)
    assert status == 200
    assert "certains sont abîmés" in text


def test_counts_and_index_are_mended(fresh: Callable[..., Instance]) -> None:
    instance = fresh("--demo")
    instance.start("--workers", "1")
    fill(instance)
    until(lambda: indexed(instance) > 0)
    instance.stop()
    with closing(sqlite3.connect(instance.directory / "data" / "mail.db")) as database:
        database.execute("UPDATE mailbox SET messages = messages + 3, octets = 1, uidnext = 2 WHERE name = 'Preuves'")
        database.execute(
            "UPDATE search_text SET body = x'00' WHERE content_id IN (SELECT max(content_id) FROM search_text)"
        )
        database.commit()
    found = judged(instance, "--deep")
    assert len(found["counts"]) == 1
    assert len(found["index"]) == 1
    assert judged(instance, "--repair") == {}
    assert judged(instance, "--deep") == {}
    instance.start("--workers", "1")
    with instance.imap("edupont") as client:
        assert client.select("Preuves")[1] == [b"7"]
        assert client.append("Preuves", None, None, mail(8, 700))[0] == "OK"
        client.noop()
        kind, _, got = fetched(client)
    assert (kind, len(got)) == ("OK", 8)


def test_overwritten_pages_are_seen(fresh: Callable[..., Instance]) -> None:
    """Sixty pages in the middle of the file: by `check`, by `check --deep`, and by the page of the state."""
    instance = fresh("--demo")
    instance.start("--workers", "1")
    path = instance.directory / "data" / "mail.db"
    pages = path.stat().st_size // PAGE
    for number in random.Random(5).sample(range(pages // 3, pages), 60):
        overwrite(path, number * PAGE, random.Random(number).randbytes(PAGE))
    status, text = state_of(instance)
    assert status == 503
    assert "abîmée" in text or "ne répond pas" in text
    instance.stop(signal.SIGKILL)
    assert "database" in judged(instance)
    assert "database" in judged(instance, "--deep")


def test_a_full_disk_is_said(fresh: Callable[..., Instance]) -> None:
    """What is full is the operator's to say: here it is a disk with less than a tebibyte of room."""
    instance = fresh("--demo")
    instance.start("--workers", "1")
    assert "abîmée" not in state_of(instance)[1]
    instance.stop()
    instance.configure(f"[storage]\nfree_octets = {1 << 40}\n")
    assert "disk" in judged(instance)
    instance.start("--workers", "1")
    status, text = state_of(instance)
    assert status == 503
    assert "pleins" in text


def test_the_disk_of_large_messages_goes_and_comes_back(fresh: Callable[..., Instance]) -> None:
    """Its empty mount point takes nothing: what lay there would be hidden afterwards. Nothing counts as lost."""
    instance = fresh("--demo")
    instance.start("--workers", "1")
    sent = fill(instance)
    blobs = instance.directory / "data" / "blobs"
    away = blobs.with_name("away")
    blobs.rename(away)
    blobs.mkdir()
    with instance.imap("edupont") as client:
        client.select("Preuves")
        kind, text, _ = fetched(client)
        assert (kind, "[UNAVAILABLE]" in text) == ("NO", True)
        assert client.append("Preuves", None, None, mail(8, LARGE))[0] == "NO"
    with smtplib.SMTP("127.0.0.1", instance.ports["smtp"], timeout=60) as smtp:
        with pytest.raises(smtplib.SMTPDataError) as refused:
            smtp.sendmail("a@ailleurs.fr", ["edupont@ac-exemple.fr"], mail(9, LARGE))
        assert refused.value.smtp_code == 451
    status, text = state_of(instance)
    assert (status, "ne répond pas" in text) == (503, True)
    blobs.rmdir()
    away.rename(blobs)
    with instance.imap("edupont") as client:
        client.select("Preuves")
        kind, text, given = fetched(client)
        assert (kind, given) == ("OK", dict(enumerate(sent, 1))), text
        assert client.append("Preuves", None, None, mail(8, LARGE))[0] == "OK"
    assert judged(instance, "--deep") == {}


class Unlogged(Instance):
    """Its log is on a full disk: `/dev/full` refuses every line."""

    def _launch(
        self, words: Sequence[str], given: IO[str], out: IO[bytes], log: IO[bytes]
    ) -> Hatched | subprocess.Popen[bytes]:
        with open("/dev/full", "wb") as full:
            return super()._launch(words, given, out, full)


def test_a_log_that_cannot_be_written_stops_nothing(fresh: Callable[..., Instance], tmp_path: Path) -> None:
    """Neither the worker that delivers nor the supervisor that replaces it, and no message comes twice."""
    instance = Unlogged(tmp_path / "unlogged")
    instance.copy_of(fresh("--demo"))
    instance.start("--workers", "1")
    try:
        for number in (1, 2):
            with smtplib.SMTP("127.0.0.1", instance.ports["smtp"], timeout=60) as smtp:
                smtp.sendmail("a@ailleurs.fr", ["edupont@ac-exemple.fr"], mail(number, 700))
            (worker,) = workers_of(instance)
            os.kill(worker, signal.SIGKILL)
            until(partial(_is_replaced, instance, worker))
            until(lambda: _listens(instance.ports["smtp"]))
        with instance.imap("edupont") as client:
            client.select("INBOX")
            found = client.search(None, "SUBJECT", "numero-")[1][0].split()
        assert len(found) == 2
    finally:
        instance.stop()


def _is_replaced(instance: Instance, gone: int) -> bool:
    return workers_of(instance) not in ([], [gone])


def _listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0
