"""Files of large messages on a disk and in object storage: the same behaviour, and what each does when it is away."""

import http.server
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, insert

from mailserver.background.blob_gc import BlobCollector
from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import Octets
from mailserver.model.clock import SystemClock
from mailserver.model.errors import Damaged, Temporary
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs, collect, mailboxes, messages
from mailserver.store.octets import bucket, read_cache
from mailserver.store.octets.bucket import Bucket
from mailserver.store.octets.disk import DiskFiles
from mailserver.store.octets.files import BlobFiles
from mailserver.store.octets.read_cache import ReadCache
from mailserver.store.schema.mail.messages import blob, message
from mailserver.store.schema.service.keeping import instance
from tests.conftest import StoreMaker
from tests.object_storage import KEY, ObjectStorage
from tests.waiting import until

LATER = time.time() + 1_000_000
OWN = "cd" * 16
HEAD = b"Subject: Un long message\r\n\r\n"


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStorage]:
    server = ObjectStorage(tmp_path_factory.mktemp("objects"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def prefix() -> str:
    return os.urandom(6).hex()


@pytest.fixture
def stored(storage: ObjectStorage, prefix: str, tmp_path: Path) -> Bucket:
    """Without copies."""
    return Bucket(storage.octets(prefix), KEY)


@pytest.fixture(params=["disk", "bucket"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> BlobFiles:
    if request.param == "bucket":
        found: Bucket = request.getfixturevalue("stored")
        return found
    folder = tmp_path / "shared"
    folder.mkdir()
    return DiskFiles(folder, marked=True)


@pytest.fixture
def marked(files: BlobFiles) -> BlobFiles:
    files.write_mark(OWN)
    return files


def shelf(name: str) -> int:
    return int(name[:2], 16)


def test_whose_they_are(files: BlobFiles) -> None:
    assert files.read_mark() == ""
    assert not files.is_attached(), "an empty place is a disk that is not mounted"
    files.write_mark(OWN)
    assert files.read_mark() == OWN
    assert files.is_attached()
    assert list(files.names()) == []


def test_written_read_discarded(marked: BlobFiles) -> None:
    data = random.Random(1).randbytes(400_000)
    name = marked.write(data)
    assert (name[:2], name[2:3]) == (name[3:5], "/")
    assert marked.read(name) == data
    assert marked.read_beginning(name, 1000) == data[:1000]
    assert marked.read_beginning(name, 900_000) == data
    assert list(marked.names()) == [name]
    assert (marked.is_there(name), marked.lies_aside(name)) == (True, False)
    assert marked.aged(shelf(name), LATER) == [name]
    assert marked.aged(shelf(name), time.time() - 1000) == []
    marked.discard(name)
    marked.discard(name)
    assert not marked.is_there(name)
    for read in (marked.read, marked.read_aside, lambda each: marked.read_beginning(each, 10)):
        with pytest.raises(Damaged):
            read(name)


def test_put_aside_and_taken_back(marked: BlobFiles) -> None:
    name = marked.write(b"octets")
    marked.put_aside(name, time.time())
    marked.put_aside(name, time.time())
    assert list(marked.names()) == []
    assert (marked.is_there(name), marked.lies_aside(name)) == (True, True)
    assert marked.read_aside(name) == b"octets"
    assert marked.aged_aside(shelf(name), LATER) == [name]
    assert marked.aged_aside(shelf(name), time.time() - 1000) == []
    assert marked.read(name) == b"octets", "a read takes it back"
    assert not marked.lies_aside(name)
    assert not marked.restore(name)
    marked.put_aside(name, time.time())
    marked.remove_aside(name)
    marked.remove_aside(name)
    assert not marked.is_there(name)


def test_a_message_by_parts(marked: BlobFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs, "INLINE_OCTETS", 1000)
    text = b"Bonjour\r\n" * 100_000 + random.Random(2).randbytes(700_000).hex().encode()
    prepared = blobs.prepare(HEAD + text, marked)
    assert prepared.file is not None
    assert prepared.octets is None
    assert blobs.expand(prepared.header) + blobs.read_body(marked, None, prepared.file) == HEAD + text
    for size in (0, 1, 100_000, 1_500_000, len(text), 2 * len(text)):
        assert blobs.read_start(marked, None, prepared.file, size) == text[:size]
        assert blobs.read_shown(marked, None, prepared.file, size) == text[:size]
    assert len(list(marked.names())) == 1


def test_a_file_that_cannot_be_removed_fails_nothing(tmp_path: Path) -> None:
    """The message was committed before, or was refused: a sender who hears of the disk instead sends it twice."""
    (tmp_path / "ab").write_bytes(b"no folder")
    DiskFiles(tmp_path).discard("ab/" + "ab" * 16)


@pytest.mark.needs("root")
def test_what_root_writes_belongs_to_whom_the_folder_belongs_to(tmp_path: Path) -> None:
    """The service could not read a message that a command of root has brought, nor write another on its shelf."""
    folder = tmp_path / "blobs"
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    files = DiskFiles(folder, marked=True)
    files.write_mark(OWN)
    name = f"ab/ab{'0' * 30}"
    files.write_as(name, b"octets")
    files.put_aside(name, LATER)
    assert {path.stat().st_uid for path in folder.rglob("*")} == {65534}
    (folder / "ab").rmdir()
    assert files.restore(name)
    files.write(b"octets")
    assert {path.stat().st_uid for path in folder.rglob("*")} == {65534}


def test_another_disk_takes_nothing(tmp_path: Path) -> None:
    files = DiskFiles(tmp_path, marked=True)
    with pytest.raises(Temporary):
        files.write(b"octets")
    assert list(tmp_path.iterdir()) == []


def own(tx: Tx) -> None:
    tx.execute(insert(instance).values(id=1, identifier=OWN, made=1))


@pytest.fixture
def store(make_store: StoreMaker, stored: Bucket) -> Iterator[Store]:
    """Its large messages are in object storage, which belongs to it."""
    first = make_store()
    store = Store(first.url, first.data, SystemClock(), Changes(), readers=1, writers=1, blobs=stored)
    store.write_now(own)
    stored.write_mark(OWN)
    yield store
    store.close()


def test_what_is_not_called_as_ours_is_somebody_elses(marked: BlobFiles, storage: ObjectStorage, prefix: str) -> None:
    """Another instance in the same bucket, below two letters; a file that somebody put there."""
    name = marked.write(b"octets")
    if isinstance(marked, DiskFiles):
        (marked.path / name).with_name("notes.txt").write_bytes(b"x")
    else:
        other = Bucket(storage.octets(f"{prefix}/{name[:2]}"), KEY)
        theirs = [other.write(b"theirs") for _ in range(3)]
    assert marked.aged(shelf(name), LATER) == [name]
    assert list(marked.names()) == [name]
    marked.put_aside(name, time.time())
    assert marked.aged_aside(shelf(name), LATER) == [name]
    if isinstance(marked, Bucket):
        assert [other.read(one) for one in theirs] == [b"theirs"] * 3


async def test_the_collector_in_object_storage(
    store: Store, stored: Bucket, edupont: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = store.read_now(mailboxes.get, edupont, "INBOX")
    prepared = [blobs.prepare(HEAD + os.urandom(200_000), stored) for _ in range(2)]
    kept, gone = [store.write_now(messages.append, edupont, box.id, one).uid for one in prepared]
    stray = stored.write(b"of a crash")
    names = {str(one.file) for one in prepared}
    store.write_now(lambda tx: tx.execute(delete(message).where(message.c.uid == gone)).rowcount)
    store.write_now(collect.note, [content_of(store, name) for name in names])
    collector = BlobCollector(store=store, clock=store.clock, folder=stored)
    stored.write_mark("00" * 16)
    monkeypatch.setattr("mailserver.background.blob_gc.GRACE", -10)
    monkeypatch.setattr(collect, "STRAY_AGE", -10)
    assert await collector.collect() == 0, "another instance's octets are not ours to take away"
    stored.write_mark(OWN)
    await collector.collect()
    await collector.remove_strays(shelf(stray))
    assert set(stored.names()) == {str(prepared[0].file)}
    assert stored.lies_aside(stray)
    assert store.read_now(messages.octets, edupont, box.id, kept, stored)
    monkeypatch.setattr("mailserver.background.blob_gc.DAY", -10)
    for name in (stray, str(prepared[1].file)):
        await collector.empty_quarantine(shelf(name))
        assert not stored.is_there(name)


def content_of(store: Store, file: str) -> int:
    return int(store.read_now(lambda tx: tx.execute(blob.select().where(blob.c.file == file)).one().content_id))


# ---------------------------------------------------------------------- away


def test_storage_that_is_away_or_silent_is_waited_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket, "SILENT_SECONDS", 1)
    monkeypatch.setattr(bucket, "TRYING_SECONDS", 1)
    monkeypatch.setattr(bucket, "PROBE_SECONDS", 0.05)
    server = ObjectStorage(tmp_path)
    server.start()
    try:
        files = Bucket(server.octets(), KEY)
        files.write_mark(OWN)
        name = files.write(b"octets")
        server.freeze()
        with pytest.raises(Temporary):
            files.write(b"more")
        asked = time.thread_time()
        for _ in range(200):  # each would wait a second
            with pytest.raises(Temporary):
                files.read(name)
        assert time.thread_time() - asked < 1
        assert not files.is_attached()
        files.discard(name)
        server.thaw()
        until(files.is_attached)
        assert files.read(name) == b"octets", "what could not be discarded is a stray"
        server.stop()
        with pytest.raises(Temporary):
            files.read(name)
        server.start()
        until(files.is_attached)
        assert files.read(name) == b"octets"
    finally:
        server.stop()


def test_no_bucket_and_a_wrong_key_are_outages(storage: ObjectStorage, stored: Bucket) -> None:
    stored.write_mark(OWN)
    name = stored.write(b"octets")
    refused = Bucket(storage.octets(), (KEY[0], "another"))
    nowhere = Bucket(storage.octets().model_copy(update={"url": "s3://elsewhere/x"}), KEY)
    for files in (refused, nowhere):
        acts: list[Callable[[BlobFiles], object]] = [
            lambda each: each.write(b"x"),
            lambda each: each.read(name),
            lambda each: list(each.names()),
        ]
        for act in acts:
            with pytest.raises(Temporary):
                act(files)


class Full(http.server.BaseHTTPRequestHandler):
    """Object storage that takes nothing any more, and gives what it has."""

    status = 507

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(self.status)

    def do_GET(self) -> None:
        self._answer(200, b"octets")

    do_HEAD = do_GET

    def _answer(self, status: int, octets: bytes = b"") -> None:
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(octets)))
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Sun, 29 Nov 2026 10:00:00 GMT")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(octets)


@pytest.mark.parametrize("status", [403, 507])
def test_full_storage_is_still_read(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    monkeypatch.setattr(bucket, "TRIES", 0)
    monkeypatch.setattr(Full, "status", status)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Full) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        files = Bucket(Octets.model_validate({"url": "s3://plein/x", "endpoint": endpoint}), KEY)
        for _ in range(2):
            with pytest.raises(Temporary):
                files.write(b"more")
            assert files.read("ab/" + "ab" * 16) == b"octets"
            assert files.is_attached()
        server.shutdown()


# ---------------------------------------------------------------------- copies


def test_what_was_read_is_read_again_without_the_storage(storage: ObjectStorage, prefix: str, tmp_path: Path) -> None:
    cache = ReadCache(tmp_path / "copies", 1_000_000)
    files = Bucket(storage.octets(prefix), KEY, cache)
    files.write_mark(OWN)
    name = files.write(b"x" * 100_000)
    copy = tmp_path / "copies" / name
    copy.write_bytes(copy.read_bytes()[:-1] + b"y")
    assert files.read(name) == b"x" * 100_000, "a copy that was altered is none"
    Bucket(storage.octets(prefix), KEY).discard(name)
    assert files.read(name) == b"x" * 100_000
    assert files.read_beginning(name, 5) == b"xxxxx"
    os.utime(copy, (1, 1))
    assert cache.get(name) is None
    files.put_aside(name, time.time())
    assert not copy.exists()


def test_no_copy_answers_for_what_is_written_or_discarded(storage: ObjectStorage, prefix: str, tmp_path: Path) -> None:
    """Whoever moves files reads each back: a copy of a run before would agree, whatever the storage has."""
    files = Bucket(storage.octets(prefix), KEY, ReadCache(tmp_path / "copies", 1_000_000))
    files.write_mark(OWN)
    name = files.write(b"x" * 1000)
    files.write_as(name, b"half")
    assert files.read(name) == b"half"
    files.discard(name)
    with pytest.raises(Damaged):
        files.read(name)


def test_copies_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = ReadCache(tmp_path, 100_000)
    for number in range(60):
        cache.put(f"ab/{number:032x}", os.urandom(5_000))
        os.utime(tmp_path / "ab" / f"{number:032x}", (number + time.time() - 100,) * 2)
    kept = sorted((tmp_path / "ab").iterdir())
    assert 70_000 < sum(path.stat().st_size for path in kept) < 110_000
    assert kept[-1].name == f"{59:032x}"
    cache.put("ab/large", os.urandom(50_000))
    assert cache.get("ab/large") is None
    monkeypatch.setattr(read_cache, "MOST_AGE", -1.0)
    Bucket(Octets(), KEY, cache).tidy()
    assert list((tmp_path / "ab").iterdir()) == [], "what is old goes, though nothing new comes"
    cache.put("ab/new", os.urandom(20_000))
    assert list((tmp_path / "ab").iterdir()) == [], "what is old goes, whatever room there is"
    (tmp_path / "file").write_bytes(b"")
    ReadCache(tmp_path / "file", 100_000).put("ab/new", b"octets")
