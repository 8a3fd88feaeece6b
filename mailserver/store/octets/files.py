"""Where the files of large messages lie: in a folder on a disk (`disk`), or in object storage (`bucket`).

Whoever reads and writes messages is given a `BlobFolder` and asks `mailserver.store.mail.blobs`; a `Path` is a folder
on a disk. Files have random names, `ab/abcdef…`, and are never rewritten. Those that the collector took away lie aside,
in `quarantine/`, and a read that misses one takes it back.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from mailserver.foundation.settings import Settings, SettingsError
from mailserver.store.octets.bucket import Bucket
from mailserver.store.octets.disk import DiskFiles
from mailserver.store.octets.read_cache import ReadCache
from mailserver.texts.text import Text

SECRET = "octets"  # noqa: S105 - the name of the file
CACHE = "octets-cache"
"""Folder in DIR/data with copies of what was read; it may be removed at any time."""


class BlobFiles(Protocol):
    """One interface, two back ends; `tests/store/test_blob_files.py` asks both the same.

    Each blocks its thread, and raises Temporary where the disk or the storage is out of reach.
    """

    def __str__(self) -> str:
        """As operators are told of it."""

    @property
    def path(self) -> Path | None:
        """The folder, where it is one of a disk."""

    def is_attached(self) -> bool:
        """Whether what holds the files is there: it carries the instance's mark."""

    def write(self, data: bytes) -> str:
        """A new file, durable when this returns; its name. Raises NoRoom, too."""

    def write_as(self, name: str, data: bytes) -> None:
        """The same by a name that another storage gave it: whole or not at all, whoever is killed meanwhile."""

    def discard(self, name: str) -> None:
        """Remove a file that this process wrote and that no row was given; a missing one is fine."""

    def read(self, name: str) -> bytes:
        """The whole file. Raises Damaged, too, when it is lost."""

    def read_beginning(self, name: str, count: int) -> bytes:
        """Its first octets. Raises Damaged, too, when it is lost."""

    def read_in_pieces(self, name: str) -> Iterator[bytes]:
        """The whole file, from where it lies, which is left there. Raises Damaged, too, when it is lost."""

    def is_there(self, name: str) -> bool:
        """Whether the file is in its place, or aside."""

    def lies_aside(self, name: str) -> bool:
        """Whether it is aside alone."""

    def read_aside(self, name: str) -> bytes:
        """The whole file, which is left aside. Raises Damaged, too, when it is lost."""

    def put_aside(self, name: str, now: float) -> None:
        """Take a file from its place; one that is gone is fine."""

    def restore(self, name: str) -> bool:
        """Put a file back that is aside; False when it is not there."""

    def remove_aside(self, name: str) -> None:
        """For good."""

    def aged_aside(self, shelf: int, before: float) -> list[str]:
        """Files of one shelf (0..255) that were put aside before that time."""

    def aged(self, shelf: int, before: float) -> list[str]:
        """Files of one shelf, in their places, from before that time."""

    def tidy(self) -> None:
        """Remove copies that are old."""

    def names(self) -> Iterator[str]:
        """All files in their places, in no order."""

    def read_mark(self) -> str:
        """The identifier of the instance whose files these are; empty for none. Raises OSError, too."""

    def write_mark(self, identifier: str) -> None:
        """The same, durable when this returns. Raises OSError, too."""


BlobFolder = Path | BlobFiles


def files_of(folder: BlobFolder) -> BlobFiles:
    """How to reach the files of a folder."""
    return DiskFiles(folder) if isinstance(folder, Path) else folder


def folder_of(settings: Settings) -> BlobFolder:
    """Where the settings say that they lie. Opens nothing. Raises SettingsError: there is no key."""
    chosen, folder = settings.octets, settings.blobs
    if folder is not None:
        return DiskFiles(folder, marked=True) if chosen.url else folder
    cache = ReadCache(settings.data / CACHE, chosen.cache) if chosen.cache else None
    return Bucket(chosen, _key_of(settings), cache)


def _key_of(settings: Settings) -> tuple[str, str]:
    words = settings.secret(SECRET).decode(errors="replace").split()
    if len(words) != 2:
        raise SettingsError(
            Text("{path} : deux lignes, l’identifiant de la clé d’accès et la clé secrète", path=f"secrets/{SECRET}")
        )
    return words[0], words[1]
