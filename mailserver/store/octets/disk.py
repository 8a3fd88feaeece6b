"""Files of large messages in a folder on a disk, on 256 shelves; several machines may share its file system."""

import contextlib
import errno
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import structlog

from mailserver.foundation.ownership import give_to_owner
from mailserver.model.errors import Damaged, NoRoom, Temporary
from mailserver.texts.causes import Cause

log = structlog.get_logger("store")

QUARANTINE = "quarantine"
"""Folder of files that the collector took away, beside the shelves they lay on."""
PIECE = 1 << 20
_NAME = re.compile(r"([0-9a-f]{2})/\1[0-9a-f]{30}")
MARK = "instance-id"
"""Name of the file that says whose folder it is; it stands in the instance's folder, too (`opening`)."""


@dataclass(frozen=True, slots=True)
class DiskFiles:
    """The folder at a path."""

    path: Path
    marked: bool = False
    """True: without a mark it is an empty mount point. False: the instance's folder, two above, says whether there is
    one."""

    def __str__(self) -> str:
        return str(self.path)

    def is_attached(self) -> bool:
        """An instance's disk carries a mark, its empty mount point does not."""
        if os.path.exists(self.path / MARK):
            return True
        return not self.marked and self.path.is_dir() and not os.path.exists(self.path.parent.parent / MARK)

    # ------------------------------------------------------------------ new files

    def write(self, data: bytes) -> str:
        """Synced with its folder."""
        random = os.urandom(16).hex()
        name = f"{random[:2]}/{random}"
        self._write(self.path / name, self.path / name, data)
        return name

    def write_as(self, name: str, data: bytes) -> None:
        path = self.path / name
        fresh = path.with_name(f".{path.name}")
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)  # of whoever was killed
        self._write(fresh, path, data)

    def _write(self, path: Path, final: Path, data: bytes) -> None:
        """Under a first and a last path. Raises NoRoom, Temporary."""
        folder, shelf = self.path, path.parent
        try:
            self._check_attached()
            self._make(shelf)  # never the folder itself: a disk that is not there must not be replaced
            _write_synced(path, data)
            give_to_owner(path, folder)
            if final != path:
                path.rename(final)
            sync_folder(shelf)
            # The shelf too, always: another writer may have made it and not synced it yet.
            sync_folder(folder)
            # Once more: the disk may have gone, and what lies below its mount point is hidden when it is back.
            self._check_attached()
        except OSError as error:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise NoRoom("No room on the disk") from error
            log.error("file of a message cannot be written", why=error.strerror)
            raise Temporary("The disk is out of reach") from error

    def _make(self, folder: Path) -> None:
        """One within. Raises OSError."""
        folder.mkdir(mode=0o700, exist_ok=True)
        give_to_owner(folder, self.path)

    def _check_attached(self) -> None:
        """Raises OSError."""
        if not self.is_attached():
            raise FileNotFoundError(errno.ENOENT, "the disk of large messages is not there", str(self.path))

    def discard(self, name: str) -> None:
        """One that stays is a stray, which the collector finds: what was committed must not fail for it."""
        try:
            (self.path / name).unlink(missing_ok=True)
        except OSError as error:
            log.warning("file of a message cannot be removed", file=name, why=error.strerror)

    # ------------------------------------------------------------------ reading

    def read(self, name: str) -> bytes:
        return self._read(name, -1)

    def read_beginning(self, name: str, count: int) -> bytes:
        return self._read(name, count)

    def read_aside(self, name: str) -> bytes:
        try:
            return (self.path / QUARANTINE / name).read_bytes()
        except OSError as error:
            raise self._translated(error, name) from error

    def read_in_pieces(self, name: str) -> Iterator[bytes]:
        try:
            with self._open_where_it_is(name) as file:
                while piece := file.read(PIECE):
                    yield piece
        except OSError as error:
            raise self._translated(error, name) from error

    def _open_where_it_is(self, name: str) -> BinaryIO:
        """Raises OSError."""
        for place in (self.path / name, self.path / QUARANTINE / name):
            with contextlib.suppress(FileNotFoundError):
                return open(place, "rb")
        return open(self.path / name, "rb")  # it was taken back meanwhile

    def is_there(self, name: str) -> bool:
        return (self.path / name).exists() or (self.path / QUARANTINE / name).exists()

    def lies_aside(self, name: str) -> bool:
        return not (self.path / name).exists() and (self.path / QUARANTINE / name).exists()

    def _read(self, name: str, count: int) -> bytes:
        with self._open(name) as file:
            try:
                return file.read(count)
            except OSError as error:
                raise self._translated(error, name) from error

    def _open(self, name: str) -> BinaryIO:
        """The file, taken back from quarantine if it is there. Raises Damaged when it is lost, Temporary."""
        for _ in range(2):
            try:
                return open(self.path / name, "rb")
            except FileNotFoundError:
                if not self.restore(name):
                    break
            except OSError as error:
                raise self._translated(error, name) from error
        try:  # another process may have put it back meanwhile
            return open(self.path / name, "rb")
        except OSError as error:
            raise self._translated(error, name) from error

    def _translated(self, error: OSError, name: str) -> Damaged | Temporary:
        """A file that is gone or cannot be read costs its message; a folder that is gone is an outage."""
        if error.errno == errno.EIO or (error.errno == errno.ENOENT and self.is_attached()):
            log.error("file of a message cannot be read", file=name, why=error.strerror)
            return Damaged(Cause("file-lost" if error.errno == errno.ENOENT else "disk-cannot-read"))
        return Temporary("The disk is out of reach")

    # ------------------------------------------------------------------ the collector's

    def put_aside(self, name: str, now: float) -> None:
        """Its time says from now on when that was."""
        place = self.path / QUARANTINE / name
        with contextlib.suppress(FileNotFoundError):
            # The time first: killed in between, the file is a stray again, and not one that has waited long enough.
            os.utime(self.path / name, (now, now))
            self._make(place.parent.parent)
            self._make(place.parent)
            os.rename(self.path / name, place)

    def restore(self, name: str) -> bool:
        held = self.path / QUARANTINE / name
        try:
            if not held.exists():
                return False
            self._make((self.path / name).parent)
            os.rename(held, self.path / name)
        except OSError:
            return False
        log.warning("file taken back from quarantine: a row names it", file=name)
        return True

    def remove_aside(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            (self.path / QUARANTINE / name).unlink()

    def aged_aside(self, shelf: int, before: float) -> list[str]:
        return _aged(self.path / QUARANTINE, shelf, before)

    def aged(self, shelf: int, before: float) -> list[str]:
        return _aged(self.path, shelf, before)

    def names(self) -> Iterator[str]:
        """None where the folder is missing."""
        for shelf in range(256):
            name = f"{shelf:02x}"
            try:
                with os.scandir(self.path / name) as entries:
                    yield from filter(is_ours, (f"{name}/{entry.name}" for entry in entries))
            except FileNotFoundError:
                continue

    def tidy(self) -> None:
        """There are no copies."""

    # ------------------------------------------------------------------ whose they are

    def read_mark(self) -> str:
        return read_mark(self.path)

    def write_mark(self, identifier: str) -> None:
        write_mark(self.path, identifier)


def is_ours(name: str) -> bool:
    """Whether a file is called as we call them: what is not is somebody else's, and is never taken away."""
    return _NAME.fullmatch(name) is not None


def read_mark(folder: Path) -> str:
    """The identifier that a folder has; empty for none. Raises OSError when it cannot be read."""
    try:
        return (folder / MARK).read_text("ascii").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        return ""


def write_mark(folder: Path, identifier: str) -> None:
    """In one step, on disk when it returns. Raises OSError."""
    fresh = folder / f".{MARK}-{secrets.token_hex(4)}"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        give_to_owner(fresh, folder)
        os.write(descriptor, identifier.encode("ascii") + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    fresh.replace(folder / MARK)


def sync_folder(path: Path) -> None:
    """What stands in it, on disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_synced(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb", buffering=0) as file:
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]
        os.fsync(descriptor)


def _aged(folder: Path, shelf: int, before: float) -> list[str]:
    found: list[str] = []
    with contextlib.suppress(FileNotFoundError), os.scandir(folder / f"{shelf:02x}") as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):  # another worker was faster
                name = f"{shelf:02x}/{entry.name}"
                if is_ours(name) and entry.stat().st_mtime < before:
                    found.append(name)
    return found
