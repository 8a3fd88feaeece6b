"""Files of large messages on their way: nothing is taken for brought that was not read back."""

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mailserver.operations.moving import service
from mailserver.store.moving import files
from mailserver.store.moving.ends import CannotMove
from mailserver.store.octets.disk import DiskFiles, read_mark, write_mark
from mailserver.store.upkeep import opening
from mailserver.store.upkeep.opening import Place
from tests.operations.moving.conftest import MoveMaker
from tests.operations.moving.test_following import served
from tests.operations.moving.test_rows import fill, killed, quiet, stopped

NAMES = ("ab/" + "ab" * 16, "ab/ab" + "ac" * 15, "ff/" + "ff" * 16)


@pytest.fixture
def large(place: Place) -> dict[str, bytes]:
    """Three messages in files of their own."""
    octets = {name: os.urandom(50_000) for name in NAMES}
    fill(place.url)
    with closing(sqlite3.connect(place.data / "mail.db")) as database:
        database.execute("DELETE FROM damage")
        for (key,), name in zip(database.execute("SELECT content_id FROM blob").fetchall(), NAMES, strict=True):
            (place.data / "blobs" / name[:2]).mkdir(exist_ok=True)
            (place.data / "blobs" / name).write_bytes(octets[name])
            database.execute("UPDATE blob SET file = ? WHERE content_id = ?", (name, key))
        database.commit()
    return octets


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "shared"
    made.mkdir()
    return made


def test_what_was_under_way_is_brought_again(
    place: Place, large: dict[str, bytes], move_to: MoveMaker, folder: Path, begun_file: str
) -> None:
    """Killed after a file was written, before it was read back; and what lay there before is not believed."""
    move = move_to(begun_file, folder=folder)
    assert killed(move, (DiskFiles, "write_as", 1, True)) == -signal.SIGKILL
    assert (place.data / files.UNDER_WAY).read_text("ascii").split()
    (folder / "ab").mkdir(exist_ok=True)
    for name in NAMES[:2]:
        (folder / name).write_bytes(b"half of it")
    (folder / "ff").mkdir(exist_ok=True)
    (folder / NAMES[2]).write_bytes(b"of long ago")
    os.utime(folder / NAMES[2], (0, 0))
    opening.adopt(place)
    report = service.run(move, quiet)
    assert (report.ended, report.files, report.file_octets) == (True, 3, 150_000)
    assert {name: (folder / name).read_bytes() for name in NAMES} == large
    assert {name: (place.data / "blobs" / name).read_bytes() for name in NAMES} == large
    assert read_mark(folder) == read_mark(place.settings)
    assert not (place.data / files.UNDER_WAY).exists()


def test_files_alone(place: Place, large: dict[str, bytes], move_to: MoveMaker, folder: Path) -> None:
    """The database stays; what is brought while the service goes on is not brought again; killed it goes on."""
    move = move_to(place.url, folder=folder)
    with served(place):
        assert killed(move, (DiskFiles, "write_as", 2, True)) == -signal.SIGKILL
        report = service.run(move, quiet)
        assert (report.ended, len(report.served_by), report.files) == (False, 1, 3)
    name = "0a/" + "0a" * 16
    (place.data / "blobs" / "0a").mkdir()
    (place.data / "blobs" / name).write_bytes(b"of later")
    with closing(sqlite3.connect(place.data / "mail.db")) as database:
        database.execute("UPDATE blob SET file = ? WHERE file = ?", (name, NAMES[0]))
        database.commit()
    report = service.run(move, quiet)
    assert (report.ended, report.files, report.rows) == (True, 1, 0)
    assert (folder / name).read_bytes() == b"of later"
    assert {each: (folder / each).read_bytes() for each in NAMES} == large
    assert read_mark(folder) == read_mark(place.settings)
    assert (place.settings / "mailserver.toml").read_text() == move.settings
    assert not (place.data / files.BEGUN).exists()
    opening.open_instance(move.target)
    write_mark(folder, "0" * 32)
    with stopped("autre instance"):
        service.run(move, quiet)


def test_what_is_read_back_otherwise_stops_it(
    place: Place,
    large: dict[str, bytes],
    move_to: MoveMaker,
    folder: Path,
    begun_file: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = DiskFiles.write_as

    def and_flip(self: DiskFiles, name: str, data: bytes) -> None:
        written(self, name, data[:-1] + bytes([data[-1] ^ 1]))

    monkeypatch.setattr(DiskFiles, "write_as", and_flip)
    with stopped("relu autrement"):
        service.run(move_to(begun_file, folder=folder), quiet)


def test_a_lost_file_is_said_and_nothing_is_moved(
    place: Place, large: dict[str, bytes], move_to: MoveMaker, folder: Path, begun_file: str
) -> None:
    (place.data / "blobs" / NAMES[1]).unlink()
    move = move_to(begun_file, folder=folder)
    with stopped("1 gros messages ne peuvent pas être lus .* --repair"):
        service.run(move, quiet)
    with closing(sqlite3.connect(place.data / "mail.db")) as database:
        database.execute("INSERT INTO damage SELECT content_id, 1, 'lost' FROM blob WHERE file = ?", (NAMES[1],))
        database.commit()
    assert service.run(move, quiet).ended, "once it is known to be lost"


def test_what_is_marked_as_damaged_is_brought_as_it_is(
    place: Place, large: dict[str, bytes], move_to: MoveMaker, folder: Path
) -> None:
    """A part of it may be read some day, and its mark may be of a disk that was away."""
    with closing(sqlite3.connect(place.data / "mail.db")) as database:
        database.execute("INSERT INTO damage SELECT content_id, 1, 'altered' FROM blob WHERE file = ?", (NAMES[1],))
        database.commit()
    assert service.run(move_to(place.url, folder=folder), quiet).ended
    assert {name: (folder / name).read_bytes() for name in NAMES} == large


def test_a_folder_of_others_is_not_touched(place: Place, move_to: MoveMaker, folder: Path, tmp_path: Path) -> None:
    move = move_to(f"sqlite:///{tmp_path / 'new.db'}", folder=folder)
    write_mark(folder, "0" * 32)
    with stopped("autre instance"):
        service.run(move, quiet)
    (folder / "instance-id").unlink()
    (folder / "ab").mkdir()
    (folder / NAMES[0]).write_bytes(b"whose?")
    with pytest.raises(CannotMove):
        service.run(move, quiet)
    assert sorted(path.name for path in folder.iterdir()) == ["ab"]
    assert not (tmp_path / "new.db").exists()
