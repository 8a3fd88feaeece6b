"""Real restic: a backup of a served instance is whole, or says why not; it leaves nothing behind."""

import contextlib
import fcntl
import imaplib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from mailserver.__main__ import app
from mailserver.foundation.settings import load
from mailserver.model.errors import NoRoom, NotThere
from mailserver.operations.backup import kept, making, opened, restoring
from mailserver.operations.backup.kept import Keep
from mailserver.operations.backup.making import Target
from mailserver.operations.backup.restic import CannotBackUp, Repository, Result
from mailserver.operations.health.instance import place_of
from mailserver.store.engine import migrate
from mailserver.store.moving import departure, journal
from mailserver.store.moving.ends import End
from mailserver.store.octets.files import files_of
from mailserver.store.schema.mail.messages import blob, content
from mailserver.store.schema.service.keeping import instance as instance_table
from mailserver.store.upkeep import copying, opening
from mailserver.store.upkeep.opening import Place
from tests.harness import Instance, environment
from tests.operations.health.test_damage import fetched, fill, mail, overwrite
from tests.postgres import Postgres
from tests.waiting import until

pytestmark = [pytest.mark.needs("restic"), pytest.mark.usefixtures("quick_restic")]
KEY = "une-cle-de-test-assez-longue"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(f"{KEY}\n")
    return path


def restic(target: Path, key: Path, *words: str) -> Any:
    """What restic itself says of a target."""
    said = subprocess.run(
        ["restic", "--no-cache", "--json", "-r", str(target), "-p", str(key), *words], capture_output=True, check=True
    ).stdout
    return json.loads(said.splitlines()[-1])


def back_up(instance: Instance, target: Path, key: Path, *options: str, code: int = 0) -> Any:
    result = instance.command("backup", "DIR", target, "--key-file", key, "--json", *options, check=False)
    assert result.returncode == code, result.stderr
    return json.loads(result.stdout) if result.stdout else result.stderr


def test_a_served_instance_goes_and_comes_back(fresh: Callable[..., Instance], tmp_path: Path, key: Path) -> None:
    """What was acknowledged before it began comes back, octet for octet; programs that know newer mail are told all."""
    instance = fresh("--demo")
    instance.start("--workers", "1")
    target = tmp_path / "target"
    sent = fill(instance)
    (tmp_path / "elsewhere.db").touch()
    with contextlib.closing(End(place_of(load(instance.directory)).url)) as source:
        journal.begin(source, End(f"sqlite:///{tmp_path / 'elsewhere.db'}"))
    stop = threading.Event()
    writer = threading.Thread(target=append_until, args=(instance, stop))
    writer.start()
    try:
        told = back_up(instance, target, key, "--init")
    finally:
        stop.set()
        writer.join()
    assert told["faults"] == []
    assert told["files"] >= 3
    left = sorted(path.name for path in (instance.directory / "data").glob("backup*"))
    assert left == ["backup.last", "backup.lock"], "what monitors are told, and no copy"
    assert not any(KEY.encode() in path.read_bytes() for path in target.rglob("*") if path.is_file())
    later = [mail(number, 700) for number in (98, 99)]
    with instance.imap("edupont") as client:
        for octets in later:
            client.append("Preuves", None, None, octets)
        client.select("Preuves")
        client.uid("STORE", "1", "+FLAGS", "(\\Flagged)")
        client.uid("STORE", "2", "+FLAGS", "(\\Deleted)")
        client.expunge()
        validity, before = state(client)
        client.create("Nouveau")
        client.select("Nouveau")
        lost_validity, _ = state(client)
    instance.stop()

    back = Instance(tmp_path / "back")
    result = back.command("restore", target, "DIR", "--key-file", key, "--json")
    assert json.loads(result.stdout)["files"] == told["files"]
    assert "not empty" in back.command("restore", target, "DIR", "--key-file", key, check=False).stderr
    back.ports = instance.ports
    back.start("--workers", "1")
    with back.imap("edupont") as client:
        client.enable("QRESYNC")
        kind, _ = client._simple_command("SELECT", "Preuves", f"(QRESYNC ({validity} {before}))")
        assert kind == "OK"
        client.state = "SELECTED"
        gone = client.response("VANISHED")[1][0].decode()
        assert gone.startswith("(EARLIER) 8:"), "what came after the backup, and nothing that is here"
        flags = client.untagged_responses.pop("FETCH")
        assert len(flags) == len(sent), "all flags are told"
        assert state(client)[0] == validity
        assert list(fetched(client)[2].values()) == sent
        answer = client.append("Preuves", None, None, later[0])[1][0].decode()
        assert int(answer.split("]")[0].split()[-1]) > len(sent) + len(later)
        client.create("Nouveau")
        client.select("Nouveau")
        assert state(client)[0] > lost_validity
    back.stop()
    checked = json.loads(back.command("check", "--deep", "--no-dns", "--json", "DIR", check=False).stdout)
    assert [one for one in checked if one["grade"] == "problem"] == []
    assert [one for one in checked if "mailserver move" in json.dumps(one)] == [], "the move of before is over"


def state(client: imaplib.IMAP4) -> tuple[int, int]:
    """UIDVALIDITY and HIGHESTMODSEQ of what is selected."""
    return tuple(int(client.response(name)[1][-1].split()[0]) for name in ("UIDVALIDITY", "HIGHESTMODSEQ"))  # type: ignore[return-value]


def append_until(instance: Instance, stop: threading.Event) -> None:
    with instance.imap("edupont") as client:
        number = 1000
        while not stop.is_set():
            number += 1
            assert client.append("INBOX", None, None, mail(number, 300_000 if number % 8 == 0 else 700))[0] == "OK"


def test_what_cannot_be_used_is_one_sentence(fresh: Callable[..., Instance], tmp_path: Path, key: Path) -> None:
    instance = fresh()
    target = tmp_path / "target"
    assert "--init" in back_up(instance, target, key, code=2)
    inside = instance.directory / "key"
    inside.write_text(KEY)
    assert "must not" in back_up(instance, target, inside, "--init", code=2)
    within = tmp_path / "within"
    within.mkdir()
    (within / "key").write_text(KEY)
    assert "whoever takes it" in back_up(instance, within, within / "key", "--init", code=2)
    assert "cannot be" in back_up(instance, instance.directory / "data" / "x", key, "--init", code=2)
    assert not target.exists()
    back_up(instance, target, key, "--init")
    other = tmp_path / "other-key"
    other.write_text("une-autre-cle-tout-aussi-longue")
    assert "is not the key" in back_up(instance, target, other, code=2)
    other.write_text("courte")
    assert "16" in back_up(instance, target, other, code=2)
    with making.alone(Place("", instance.directory / "data", instance.directory)):
        assert "another backup" in back_up(instance, target, key, code=2)
    few = ("--keep-daily", "1", "--keep-weekly", "0", "--keep-monthly", "0")
    assert back_up(instance, target, key, *few)["removed"] == 1
    # A flipped octet in what holds the database is found by reading it back.
    largest = max((target / "data").rglob("*"), key=lambda path: path.stat().st_size if path.is_file() else 0)
    largest.chmod(0o600)
    octet = largest.read_bytes()[1000]
    overwrite(largest, 1000, bytes([octet ^ 1]))
    assert "damaged" in back_up(instance, target, key, code=1)["faults"][0]


def test_a_database_that_was_moved_away_is_not_backed_up(
    fresh: Callable[..., Instance], tmp_path: Path, key: Path
) -> None:
    """Nobody may believe night after night that the mail is saved; and what has that note comes back to nobody."""
    instance, target = fresh(), tmp_path / "target"
    back_up(instance, target, key, "--init")
    place, made = place_of(load(instance.directory)), kept.last_made(instance.directory / "data")
    departure.note(place, End("postgresql://messagerie:secret@base/messagerie"))
    said = back_up(instance, target, key, code=2)
    assert "was moved to postgresql://messagerie:***@base/messagerie" in said
    assert len(back_up(instance, target, key, "--list")) == 1
    assert kept.last_made(instance.directory / "data") == made
    departure.forget_note(place)
    back_up(instance, target, key)


def test_a_killed_backup_leaves_nothing(fresh: Callable[..., Instance], tmp_path: Path, key: Path) -> None:
    instance = fresh()
    target = tmp_path / "target"
    Repository(str(target), key).make()
    words = ["backup", str(instance.directory), str(target), "--key-file", str(key)]
    process = subprocess.Popen([sys.executable, "-m", "mailserver", *words], env=environment())
    until(lambda: any((target / "snapshots").iterdir()))
    process.kill()
    process.wait()
    work = instance.directory / "data" / making.WORK
    assert work.exists()
    until(lambda: is_free(instance))
    told = back_up(instance, target, key)
    assert not work.exists()
    tags = [tag for one in restic(target, key, "snapshots") for tag in one["tags"] if tag.startswith("backup=")]
    assert set(tags) == {f"backup={told['id']}"}


def is_free(instance: Instance) -> bool:
    """Whether no program that the killed one ran is still at work."""
    with open(instance.directory / "data" / "backup.lock", "rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


SIZE = 2_000_000
LARGE = "ab/" + "ab" * 16


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, sqlite_template: Path, tmp_path: Path) -> Iterator[Place]:
    """An instance with one large message, which no process serves."""
    data = tmp_path / "instance" / "data"
    (data / "blobs" / "ab").mkdir(parents=True)
    (data / "blobs" / LARGE).write_bytes(os.urandom(SIZE))
    server: Postgres | None = None
    url = f"sqlite:///{data / 'mail.db'}"
    if request.param == "sqlite":
        shutil.copy(sqlite_template, data / "mail.db")
    else:
        server = request.getfixturevalue("postgres")
        url = server.borrow()
    named = "" if server is None else f'[database]\nurl = "{url}"\n'
    (data.parent / "mailserver.toml").write_text(f'domain = "ac-exemple.fr"\n{named}')
    with migrate.locked(url, data) as connection:
        connection.execute(instance_table.insert().values(id=1, identifier="ab" * 16, made=1))
        empty = {column.name: column.type.python_type() for column in content.c if not column.nullable}
        connection.execute(content.insert().values({**empty, "id": 1, "hash": b"h" * 32}))
        connection.execute(blob.insert().values(content_id=1, header=b"x", file=LARGE))
        connection.commit()
    opening.adopt(Place(url, data, data.parent))
    yield Place(url, data, data.parent)
    if server is not None:
        server.give_back(url)


def test_a_file_that_moves_meanwhile_is_not_missed(
    place: Place, tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """The collector moves it while restic walks, and it is seen in neither place; then it goes for good."""
    target = Target(str(tmp_path / "target"), key)
    walk, walks = Repository.store_folder, []

    def moving(repository: Repository, folder: Path, tags: Any, tell: Any = None) -> Any:
        walks.append(folder)
        if len(walks) > 1:
            return walk(repository, folder, tags, tell)
        (folder / LARGE).rename(tmp_path / "between")
        try:
            return walk(repository, folder, tags, tell)
        finally:
            (tmp_path / "between").rename(folder / LARGE)
            files_of(folder).put_aside(LARGE, 1.0)

    monkeypatch.setattr(Repository, "store_folder", moving)
    report = making.make(place, {}, target, Keep(), lambda what, part: None, new=True)
    assert report.faults == []
    assert len(walks) == 2
    assert report.backup.engine == ("sqlite" if "sqlite" in place.url else "postgresql")

    url = "" if report.backup.engine == "sqlite" else request.getfixturevalue("postgres").create()
    back = tmp_path / "back"
    restored = restoring.restore(target, back, lambda what, part: None, database=url)
    assert restored.files == 1
    kept_octets = (place.data / "blobs" / "quarantine" / LARGE).read_bytes()
    assert (back / "data" / "blobs" / LARGE).read_bytes() == kept_octets, "it is on its shelf again"
    assert load(back).database_url == (url or f"sqlite:///{back / 'data' / 'mail.db'}")
    assert not (back / "data" / making.WORK).exists()
    opened_for_a_part(place, target, kept_octets, url and request.getfixturevalue("postgres").create())
    if url:
        with pytest.raises(NotThere, match="is not empty"):
            copying.check_empty(url)
        return  # the rest is the same whatever the database

    (place.data / "blobs" / "quarantine" / LARGE).unlink()
    monkeypatch.setattr(making, "WALKS", 1)
    report = making.make(place, {}, target, Keep(), lambda what, part: None)
    assert report.added < SIZE
    assert [LARGE in fault.to("en") for fault in report.faults] == [True]
    assert len(kept.list_backups(Repository(target.address, key))) == 1, "it does not count"


def opened_for_a_part(place: Place, target: Target, octets: bytes, database: str) -> None:
    """Its database alone, and of the large messages those that are asked for; nothing stays."""

    def silent(what: object, part: float) -> None: ...

    with opened.opened(place, target, silent, database=database) as backup:
        (file,) = backup.store.read_now(lambda tx: list(tx.execute(select(blob.c.file)).scalars()))
        files = files_of(backup.store.blobs)
        assert not files.is_there(file)
        backup.fetch([file])
        assert files.read(file) == octets
        backup.let_go()
        assert not files.is_there(file)
        with pytest.raises(CannotBackUp, match="une autre restauration"), opened.opened(place, target, silent):
            pass
    assert not (place.data / opened.WORK).exists()
    if database:
        with pytest.raises(CannotBackUp, match="--database"), opened.opened(place, target, silent):
            pass
    identifier = (place.settings / "instance-id").read_text()
    (place.settings / "instance-id").write_text("cd" * 16)
    with pytest.raises(CannotBackUp, match="en est une autre"), opened.opened(place, target, silent):
        pass
    (place.settings / "instance-id").write_text(identifier)


def test_a_full_disk_is_one_sentence(
    sqlite_template: Path, tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "MARGIN", 1 << 60)
    with pytest.raises(NoRoom, match="no room for a copy of the database"):
        copying.copy_sqlite(f"sqlite:///{sqlite_template}", tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()
    said = Repository("/t", key).sentence(Result(1, errors=[("", "write: no space left on device")]))
    assert "there is no more room" in said.to("en")


@pytest.mark.long
def test_a_trial_of_restoring_says_what_it_found(
    fresh: Callable[..., Instance], tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the data, all of it read, nothing left; what came of it is what check says. Wherever database and keys are
    in service."""
    instance = fresh("--demo")
    database = instance.directory / "data" / "mail.db"
    instance.configure(f'[database]\nurl = "sqlite:///{database}"\n')
    secrets = tmp_path / "secrets"
    shutil.move(instance.directory / "secrets", secrets)
    target = tmp_path / "target"
    assert "MAILSERVER_SECRETS" in back_up(instance, target, key, "--init", code=2), "a backup that nothing could open"
    monkeypatch.setenv("MAILSERVER_SECRETS", str(secrets))
    monkeypatch.setenv("MAILSERVER_SECRET_HMAC", (secrets / "hmac").read_text().strip())
    (secrets / "hmac").unlink()
    told = back_up(instance, target, key, "--init")
    assert backups_of(instance) == ["ok", "warning"], "nothing was tried yet"
    tried = back_up(instance, target, key, "--test")
    assert (tried["id"], tried["files"], tried["faults"]) == (told["id"], told["files"], [])
    assert tried["messages"] > 20
    assert backups_of(instance) == ["ok", "ok"]
    left = sorted(path.name for path in (instance.directory / "data").glob("*backup*"))
    assert left == ["backup.last", "backup.lock"]
    with making.alone(Place("", instance.directory / "data", instance.directory)):
        assert "another backup" in back_up(instance, target, key, "--test", code=2)
    assert backups_of(instance) == ["ok", "ok"], "that says nothing of the backup"
    without = making.make(
        place_of(load(instance.directory)), {}, Target(str(target), key), Keep(), lambda what, part: None
    )
    assert without.faults == []
    assert "hmac" in back_up(instance, target, key, "--test", code=1)["faults"][0], "as a version before made it"
    assert backups_of(instance) == ["ok", "warning"]
    long_ago = time.time() - 41 * 86_400
    os.utime(instance.directory / "data" / "backup.last", (long_ago, long_ago))
    state = instance.directory / "data" / kept.TRIAL
    state.write_text(json.dumps({"at": int(long_ago), "backup": "x", "faults": []}))
    assert backups_of(instance) == ["warning", "warning"]
    key.write_text("une-autre-cle-assez-longue")
    assert "key" in back_up(instance, target, key, "--test", code=2)
    assert "key" in json.loads(state.read_text())["faults"][0]
    state.write_text("{")
    assert backups_of(instance) == ["warning", "warning"], "a file that nobody can read is no trial"


def backups_of(instance: Instance) -> list[str]:
    """What check says of backups."""
    found = json.loads(instance.command("check", "--no-dns", "--json", "DIR", check=False).stdout)
    return [one["grade"] for one in found if one["subject"] == "backups"]


def test_a_list_is_told_nobody_by_mail(tmp_path: Path) -> None:
    words = ["backup", str(tmp_path), str(tmp_path / "target"), "--key-file", str(tmp_path / "key"), "--list", "--tell"]
    refused = CliRunner().invoke(app, words)
    assert refused.exit_code == 2
    assert "--tell" in refused.stderr


def test_a_target_without_room_is_thinned_out(fresh: Callable[..., Instance], tmp_path: Path, key: Path) -> None:
    """Without a new backup, which would need room: older ones go, and what a failed one left; the newest stays."""
    instance, target = fresh(), tmp_path / "target"
    none = back_up(instance, target, key, "--thin-out", code=2)
    assert "no backup there" in none
    newest = back_up(instance, target, key, "--init")
    mark = (instance.directory / "instance-id").read_text().strip()
    for name, parts in (("old", ("database", "messages", "settings", "manifest")), ("broken", ("database",))):
        for part in parts:
            (tmp_path / "octets").write_bytes(os.urandom(1 << 20))
            tags = f"backup={name},instance={mark},schema=1,version=1,engine=sqlite,part={part}"
            words = ("backup", "--time", "2020-01-02 03:04:05", "--tag", tags, str(tmp_path / "octets"))
            restic(target, key, *words)
    (target / "data" / "00" / ("00" * 32)).write_bytes(b"x" * 4096)  # of a run that was broken off

    def stored() -> int:
        return sum(path.stat().st_size for path in target.rglob("*") if path.is_file())

    before = stored()
    keep = ("--keep-daily", "1", "--keep-weekly", "0", "--keep-monthly", "0")
    assert back_up(instance, target, key, "--thin-out", *keep) == {"removed": 1}
    assert stored() < before - 4_000_000
    listed = instance.command("backup", "DIR", target, "--key-file", key, "--list", "--json").stdout
    assert [one["id"] for one in json.loads(listed)] == [newest["id"]]
    assert "does not go with" in back_up(instance, target, key, "--thin-out", "--init", code=2)
