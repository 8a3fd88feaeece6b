"""Large messages that are in object storage, laid into a folder for restic, which reads nothing else.

There is not room for all of them, nor time to read them each night. A file of ours is never rewritten, so what an
earlier snapshot has comes from there: in the folder it is empty, of the same length and time, and takes no room (a
sparse file), and restic, which compares both, takes its octets from that snapshot. What is new is fetched, as much at a
time as there is room for, and each part is a snapshot upon the one before; the last one has all.

An empty file that restic did read would be kept as zeros. So restic is asked how many files it took from the snapshot
before, one too few fails the backup, a snapshot that was not counted is never built upon (`NOTE`), and a few of all are
expanded at the end.

A part that was broken off is gone, those before it stay: the next backup goes on there.
"""

import contextlib
import datetime
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from mailserver.foundation.ownership import give_to_owner
from mailserver.model.errors import Damaged, NoRoom
from mailserver.operations.backup import verifying
from mailserver.operations.backup.patience import THREADS, patiently
from mailserver.operations.backup.restic import CannotBackUp, Repository, shown
from mailserver.store.octets.disk import MARK, write_mark
from mailserver.store.octets.files import BlobFiles
from mailserver.store.upkeep.copying import MARGIN
from mailserver.texts.text import Text

FOLDER = "octets"
"""In the work folder."""
NEW = "new-files"
NOTE = "backup.parent"
"""In the data folder: the last snapshot of a backup that has not ended, once it was counted."""
MOST_STAGED = 16 << 30
"""Octets of one part."""
LEAST_STAGED = 64 << 20
"""With less room than this no part is begun."""
TIME = 1_000_000_000
"""Of every file in the folder: what is compared with the snapshot before must be the same each time."""
MARK_PATH = f"/{MARK}"


@dataclass(slots=True)
class Stored:
    """What came of it."""

    snapshot: str = ""
    """It has all."""
    added: int = 0
    parts: int = 0
    unreadable: list[str] = field(default_factory=list)


class Staging:
    """One run. `known`: a snapshot of before that was counted, or none."""

    def __init__(self, repository: Repository, files: BlobFiles, work: Path, note: Path) -> None:
        self._repository = repository
        self._files = files
        self._new = work / NEW
        self._note = note
        self.folder = work / FOLDER
        self._empty = 0
        """Files that the next snapshot takes from the one before."""
        self._has_mark = False
        """Whether the one before has that, too."""

    def store(
        self, names: Path, identifier: str, tags: Sequence[str], known: str, tell: Callable[[float], None]
    ) -> Stored:
        """All files of these sorted names. Raises CannotBackUp, NoRoom and other Temporary, OSError."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(mode=0o700)
        write_mark(self.folder, identifier)
        os.utime(self.folder / MARK, (TIME, TIME))
        self._empty, self._has_mark = 0, False
        stored, parent = Stored(), known
        total, done = self._lay_out(names, parent), 0
        with open(self._new, encoding="ascii") as new:
            left = (line.rstrip("\n") for line in new)
            while not stored.parts or done < total:
                part = self._fetch(left)
                found = self._repository.store_upon(parent, self.folder, tags)
                stored.added += found.added
                stored.unreadable = [item for item, _ in found.errors if item]
                if stored.unreadable:
                    return stored
                self._check_counted(found.snapshot, found.unchanged)
                stored.snapshot = parent = found.snapshot
                stored.parts += 1
                self._note.write_text(parent, "ascii")
                give_to_owner(self._note, self._note.parent)
                done += part.count
                for name, size in part.files:
                    self._lay_empty(name, size)
                self._has_mark = True
                tell(done / total if total else 1.0)
        return stored

    def _lay_out(self, names: Path, parent: str) -> int:
        """Empty files for what the snapshot before has; the names of the others into a file. How many those are."""
        wanted, count = verifying.lines(names), 0
        with open(self._new, "w", encoding="ascii") as new:
            name = next(wanted, None)

            def note_until(path: str) -> None:
                nonlocal name, count
                while name is not None and name < path:
                    new.write(f"{name}\n")
                    count += 1
                    name = next(wanted, None)

            def known(path: str, size: int, time: str) -> None:
                nonlocal name
                if not _is_of_ours(time):
                    return
                self._has_mark = self._has_mark or path == MARK_PATH
                note_until(path[1:])
                if name == path[1:]:
                    self._lay_empty(name, size)
                    name = next(wanted, None)

            if parent:
                self._repository.dated_files(parent, known)
            note_until("~")  # sorts after every name
        return count

    def _lay_empty(self, name: str, size: int) -> None:
        path = self.folder / name
        with contextlib.suppress(FileExistsError):
            path.parent.mkdir(mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.truncate(descriptor, size)
            os.utime(descriptor, (TIME, TIME))
        finally:
            os.close(descriptor)
        self._empty += 1

    def _fetch(self, names: Iterator[str]) -> "_Part":
        """As many of the next ones as there is room for. Raises NoRoom, Temporary, OSError."""
        part, room = _Part(), _room(self.folder)
        under_way: set[Future[tuple[str, int | None]]] = set()
        with ThreadPoolExecutor(THREADS) as threads:
            try:
                while part.octets < room and (name := next(names, None)) is not None:
                    under_way.add(threads.submit(self._fetch_one, name))
                    if len(under_way) >= THREADS:
                        ended, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                        part.take(ended)
                part.take(under_way)
            except BaseException:
                threads.shutdown(cancel_futures=True)
                raise
        return part

    def _fetch_one(self, name: str) -> tuple[str, int | None]:
        """Its length; None: it is lost, or what the storage gives is not ours to keep."""
        path = self.folder / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            size = patiently(lambda: self._copy(name, path))
        except Damaged:  # it is looked for once more at the end, and told
            path.unlink(missing_ok=True)
            return name, None
        os.utime(path, (TIME, TIME))
        return name, size

    def _copy(self, name: str, path: Path) -> int:
        size = 0
        with open(path, "wb", buffering=0) as file:
            for piece in self._files.read_in_pieces(name):
                size += file.write(piece)
        return size

    def _check_counted(self, snapshot: str, unchanged: int) -> None:
        """Raises CannotBackUp, and leaves no snapshot that is not whole."""
        lacking = self._empty + self._has_mark - unchanged
        if lacking > 0:
            self._repository.forget([snapshot])
            self._note.unlink(missing_ok=True)
            raise CannotBackUp(
                Text(
                    "{target} : {count} gros messages de la sauvegarde d’avant n’y sont plus ; `restic check` dit"
                    " lesquels, et une sauvegarde nouvelle, ailleurs, est sûre",
                    target=shown(self._repository.target),
                    count=lacking,
                )
            )


@dataclass(slots=True)
class _Part:
    """What was fetched for one snapshot."""

    files: list[tuple[str, int]] = field(default_factory=list)
    octets: int = 0
    count: int = 0
    """Of names that were asked for."""

    def take(self, ended: "set[Future[tuple[str, int | None]]]") -> None:
        """What came of those. Raises what went wrong with one."""
        for one in ended:
            name, size = one.result()
            self.count += 1
            if size is not None:
                self.files.append((name, size))
                self.octets += size


def _is_of_ours(time: str) -> bool:
    """Whether a file of a snapshot was laid out here: others, of a folder, have times of their own."""
    try:
        return datetime.datetime.fromisoformat(time).timestamp() == TIME
    except ValueError:
        return False


def _room(folder: Path) -> int:
    """Octets of the next part: half of what is free, at most. Raises NoRoom."""
    disk = os.statvfs(folder)
    room = min(MOST_STAGED, (disk.f_bavail * disk.f_frsize - MARGIN) // 2)
    if room < LEAST_STAGED:
        raise NoRoom(f"{folder}: no room for large messages on their way, which take {LEAST_STAGED >> 19} MiB")
    return room
