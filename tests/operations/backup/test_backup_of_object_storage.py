"""Large messages that are in object storage, backed up a part at a time and brought back, also while it is away."""

import itertools
import os
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mailserver.foundation.settings import load
from mailserver.model.errors import NoRoom, Temporary
from mailserver.operations.backup import kept, making, patience, restoring, staging, verifying
from mailserver.operations.backup.kept import MESSAGES, Keep
from mailserver.operations.backup.making import Report, Target
from mailserver.operations.backup.restic import CannotBackUp, Repository
from mailserver.operations.health.instance import place_of
from mailserver.store.engine import migrate
from mailserver.store.mail import blobs
from mailserver.store.octets import bucket
from mailserver.store.octets.bucket import Bucket
from mailserver.store.octets.files import files_of
from mailserver.store.schema.mail.messages import blob, content
from mailserver.store.schema.service.keeping import instance as instance_table
from mailserver.store.upkeep import opening
from mailserver.store.upkeep.opening import Place
from tests.object_storage import BUCKET, KEY, ObjectStorage
from tests.waiting import until

pytestmark = [pytest.mark.needs("restic"), pytest.mark.usefixtures("quick_restic")]
OWN = "ab" * 16
SIZE = 3000
HMAC = b"de-quoi-sceller-tout-ce-qui-est-secret"


def silent(what: object, part: float) -> None: ...


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStorage]:
    server = ObjectStorage(tmp_path_factory.mktemp("objects"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket, "PROBE_SECONDS", 0.05)
    monkeypatch.setattr(bucket, "TRYING_SECONDS", 1)
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(staging, "MOST_STAGED", 4 * SIZE)
    monkeypatch.setattr(staging, "LEAST_STAGED", 1)
    monkeypatch.setattr(verifying, "EXPANDED", 1)


class Academy:
    """An instance that no process serves, its large messages in object storage, and a target for its backups."""

    def __init__(self, folder: Path, database: Path, storage: ObjectStorage) -> None:
        self.storage, self.prefix = storage, os.urandom(6).hex()
        data = folder / "instance" / "data"
        data.mkdir(parents=True)
        shutil.copy(database, data / "mail.db")
        home = data.parent
        (home / "secrets").mkdir()
        (home / "secrets" / "octets").write_text("\n".join(KEY))
        (home / "secrets" / "hmac").write_bytes(HMAC)
        (home / "mailserver.toml").write_text('domain = "ac-exemple.fr"\n' + storage.settings(self.prefix))
        self.place: Place = place_of(load(home))
        with migrate.locked(self.place.url, data) as connection:
            connection.execute(instance_table.insert().values(id=1, identifier=OWN, made=1))
            connection.commit()
        self.files = Bucket(storage.octets(self.prefix), KEY)
        self.files.write_mark(OWN)
        opening.adopt(self.place)
        key = folder / "key"
        key.write_text("une-cle-de-test-assez-longue\n")
        self.target = Target(str(folder / "target"), key)
        self.octets: dict[str, bytes] = {}

    def receive(self, count: int) -> list[str]:
        """So many more large messages."""
        names, known = [], len(self.octets)
        for _ in range(count):
            data = blobs.compress(os.urandom(SIZE))
            names.append(self.files.write(data))
            self.octets[names[-1]] = data
        empty = {column.name: column.type.python_type() for column in content.c if not column.nullable}
        with migrate.locked(self.place.url, self.place.data) as connection:
            for row, name in enumerate(names, known + 1):
                connection.execute(content.insert().values({**empty, "id": row, "hash": os.urandom(32)}))
                connection.execute(blob.insert().values(content_id=row, header=b"x", file=name))
            connection.commit()
        return names

    def back_up(self, *, new: bool = False) -> Report:
        secrets = making.secrets_of(load(self.place.settings))
        return making.make(self.place, secrets, self.target, Keep(), silent, new=new)

    @property
    def repository(self) -> Repository:
        return Repository(self.target.address, self.target.key_file)

    def kept(self) -> dict[str, int]:
        """The files of the newest backup, with their lengths."""
        found: dict[str, int] = {}
        self.repository.files(kept.list_backups(self.repository)[-1].parts[MESSAGES], found.__setitem__)
        return {path[1:]: size for path, size in found.items() if path != staging.MARK_PATH}

    def lengths(self) -> dict[str, int]:
        return {name: len(octets) for name, octets in self.octets.items()}


@pytest.fixture
def academy(sqlite_template: Path, tmp_path: Path, storage: ObjectStorage) -> Academy:
    return Academy(tmp_path, sqlite_template, storage)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Which files a backup asks the storage for."""
    found: Counter[str] = Counter()
    read = Bucket.read_in_pieces

    def counted(self: Bucket, name: str) -> Iterator[bytes]:
        found[name] += 1
        return read(self, name)

    monkeypatch.setattr(Bucket, "read_in_pieces", counted)
    return found


def test_all_comes_back_and_nothing_is_read_twice(academy: Academy, tmp_path: Path, asked: Counter[str]) -> None:
    """Into a folder, and straight into object storage, where what is there already is left alone."""
    first = academy.receive(20)
    academy.files.put_aside(first[0], 1.0)
    assert academy.back_up(new=True).faults == []
    assert asked == dict.fromkeys(first, 1)
    assert academy.files.lies_aside(first[0]), "it was left where it lay"
    gone = academy.files.write(b"what no row names")
    asked.clear()
    later = academy.receive(2)
    report = academy.back_up()
    assert (report.faults, report.files) == ([], 22)
    assert asked == dict.fromkeys(later, 1)
    assert academy.kept() == academy.lengths(), "and not what no row names"
    assert report.added < 15 * SIZE
    left = sorted(path.name for path in academy.place.data.glob("backup*"))
    assert left == ["backup.last", "backup.lock"]

    back = tmp_path / "back"
    assert restoring.restore(academy.target, back, silent).files == 22
    files = files_of(back / "data" / "blobs")
    assert {name: files.read(name) for name in academy.octets} == academy.octets
    assert gone not in set(files.names())

    elsewhere = Bucket(academy.storage.octets(f"{academy.prefix}-2"), KEY)
    elsewhere.write_mark(OWN)
    elsewhere.write_as(later[0], b"of a restore that was broken off")
    storage = {"url": f"s3://{BUCKET}/{academy.prefix}-2"}
    there = tmp_path / "there"
    assert restoring.restore(academy.target, there, silent, octets=storage).files == 22
    assert load(there).octets.url == storage["url"]
    assert list((there / "data" / "blobs").iterdir()) == []
    read = {name: elsewhere.read(name) for name in academy.octets}
    assert read == {**academy.octets, later[0]: b"of a restore that was broken off"}

    Bucket(academy.storage.octets(f"{academy.prefix}-3"), KEY).write_mark("00" * 16)
    with pytest.raises(CannotBackUp, match="autre instance"):
        restoring.restore(academy.target, tmp_path / "no", silent, octets={"url": f"s3://{BUCKET}/{academy.prefix}-3"})


@pytest.mark.long
def test_storage_that_is_away_meanwhile(academy: Academy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is waited for; if for too long, the next backup goes on where this one stopped. The same for a restore."""
    academy.receive(20)
    storage, read, count, broken_at = academy.storage, Bucket.read_in_pieces, itertools.count(), 13
    asked: list[str] = []
    back_again = threading.Event()

    def broken(self: Bucket, name: str) -> Iterator[bytes]:
        asked.append(name)
        if next(count) == broken_at:
            storage.stop()
            if back_again.is_set():
                threading.Timer(0.3, storage.start).start()
        return read(self, name)

    monkeypatch.setattr(Bucket, "read_in_pieces", broken)
    monkeypatch.setattr(patience, "OUTAGE_SECONDS", 0.2)
    with pytest.raises(Temporary, match="out of reach"):
        academy.back_up(new=True)
    assert kept.list_backups(academy.repository) == []
    assert (academy.place.data / staging.NOTE).exists()
    assert asked
    storage.start()
    until(academy.files.is_attached)
    until(files_of(academy.place.folder).is_attached)
    monkeypatch.setattr(patience, "OUTAGE_SECONDS", 60.0)
    asked.clear()
    back_again.set()
    count, broken_at = itertools.count(), 3
    report = academy.back_up()
    assert report.faults == []
    assert len(set(asked)) < 20, "what the first had brought was not asked for again"
    assert academy.kept() == academy.lengths()
    snapshots = academy.repository.snapshots(f"part={MESSAGES}")
    assert len(snapshots) == 1, "those that it was built upon are gone"

    write, writes = Bucket.write_as, itertools.count()

    def broken_again(self: Bucket, name: str, data: bytes) -> None:
        if next(writes) == 7:
            storage.stop()
            threading.Timer(0.3, storage.start).start()
        write(self, name, data)

    monkeypatch.setattr(Bucket, "write_as", broken_again)
    target = {"url": f"s3://{BUCKET}/{academy.prefix}-2"}
    restored = restoring.restore(academy.target, tmp_path / "back", silent, octets=target)
    assert restored.files == 20
    elsewhere = Bucket(storage.octets(f"{academy.prefix}-2"), KEY)
    assert {name: elsewhere.read(name) for name in academy.octets} == academy.octets


def test_what_would_be_kept_as_zeros_is_no_backup(academy: Academy, monkeypatch: pytest.MonkeyPatch) -> None:
    """restic reads an empty file all the same: the snapshot goes, and nothing is built upon it."""
    academy.receive(3)
    assert academy.back_up(new=True).faults == []
    store = Repository.store_upon

    def read_all(self: Repository, parent: str, *more: Any) -> Any:
        return store(self, "", *more)

    monkeypatch.setattr(Repository, "store_upon", read_all)
    with pytest.raises(CannotBackUp, match="'count': 4"):
        academy.back_up()
    monkeypatch.undo()
    assert len(academy.repository.snapshots(f"part={MESSAGES}")) == 1
    assert academy.back_up().faults == []


def test_a_message_that_is_lost_or_no_frame_is_told(academy: Academy, monkeypatch: pytest.MonkeyPatch) -> None:
    lost, spoiled = academy.receive(2)
    academy.files.discard(lost)
    report = academy.back_up(new=True)
    assert [lost in fault.to("en") for fault in report.faults] == [True]
    academy.files.write_as(lost, academy.octets[lost])
    academy.files.write_as(spoiled, bytes(SIZE))
    (academy.place.data / staging.NOTE).unlink()
    monkeypatch.setattr(verifying, "EXPANDED", 5)
    assert [spoiled in fault.to("en") for fault in academy.back_up().faults] == [True]
    assert kept.list_backups(academy.repository) == []
    monkeypatch.setattr(staging, "LEAST_STAGED", 1 << 60)
    with pytest.raises(NoRoom, match="no room for large messages"):
        academy.back_up()
    academy.files.write_mark("00" * 16)
    with pytest.raises(CannotBackUp, match="de cette instance"):
        academy.back_up()
