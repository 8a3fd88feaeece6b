"""Large messages of a backup go straight into object storage or a shared folder: there need not be room for all here.

What the storage has already is left alone, since a file of ours is never rewritten: the storage may have outlived the
database, or a restore before was broken off.
"""

import itertools
import math
import tarfile
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from mailserver.operations.backup.patience import THREADS, patiently
from mailserver.operations.backup.restic import CannotBackUp, Repository
from mailserver.store.octets.disk import QUARANTINE, is_ours
from mailserver.store.octets.files import BlobFiles
from mailserver.texts.text import Text

MOST_UNDER_WAY = 256 << 20
"""Octets that are held while they are written; one larger file goes alone."""
EVER = math.inf


def take(files: BlobFiles, instance: str) -> None:
    """The place is this instance's from now on. Raises CannotBackUp for one that has something else; Temporary."""
    if files.path is not None and not files.path.is_dir():
        raise CannotBackUp(Text("{path} : ce dossier n’existe pas ; son disque est-il monté ?", path=files.path))
    marked = files.read_mark()
    if marked == instance:
        return
    if marked or next(files.names(), None) is not None:
        raise CannotBackUp(Text("{path} contient les gros messages d’une autre instance", path=str(files)))
    files.write_mark(instance)


def refill(repository: Repository, snapshot: str, files: BlobFiles, tell: Callable[[float], None]) -> None:
    """Every file of a snapshot into its place, those too that were aside. Raises CannotBackUp and other Temporary."""
    total, writing = _count(repository, snapshot), _Writing(files)
    with repository.reading(snapshot, "/") as octets, ThreadPoolExecutor(THREADS) as threads:
        with tarfile.open(fileobj=octets, mode="r|") as archive:
            for done in itertools.count():
                member = archive.next()
                archive.members.clear()  # type: ignore[attr-defined]  # it would remember all
                if member is None:
                    break
                name = member.name.lstrip("./").removeprefix(f"{QUARANTINE}/")
                if member.isfile() and is_ours(name) and not writing.has(name):
                    file = archive.extractfile(member)
                    assert file is not None
                    writing.begin(threads, name, file.read())
                if total:
                    tell(min(1.0, done / total))
        writing.end()


def _count(repository: Repository, snapshot: str) -> int:
    total = 0

    def add(path: str, size: int) -> None:
        nonlocal total
        total += 1

    repository.files(snapshot, add)
    return total


class _Writing:
    """Files on their way, and what the storage has of the shelf that they come from: they come sorted."""

    def __init__(self, files: BlobFiles) -> None:
        self._files = files
        self._shelf = ""
        self._there: set[str] = set()
        self._under_way: deque[tuple[Future[None], int]] = deque()
        self._octets = 0

    def has(self, name: str) -> bool:
        if name[:2] != self._shelf:
            self._there = patiently(partial(_shelf, self._files, name[:2]))
            self._shelf = name[:2]
        return name in self._there

    def begin(self, threads: ThreadPoolExecutor, name: str, data: bytes) -> None:
        """Raises what went wrong with one before."""
        while self._under_way and (len(self._under_way) >= 2 * THREADS or self._octets + len(data) > MOST_UNDER_WAY):
            self._end_one()
        self._octets += len(data)
        self._under_way.append((threads.submit(patiently, partial(self._files.write_as, name, data)), len(data)))

    def end(self) -> None:
        while self._under_way:
            self._end_one()

    def _end_one(self) -> None:
        future, size = self._under_way.popleft()
        future.result()
        self._octets -= size


def lacking(files: BlobFiles, names: Iterable[str]) -> list[str]:
    """Those of these sorted names that are not there; one that is aside is put back into its place."""
    found: list[str] = []
    for shelf, wanted in itertools.groupby(names, key=lambda name: name[:2]):
        there = patiently(partial(_shelf, files, shelf))
        found += [name for name in wanted if name not in there and not patiently(partial(files.restore, name))]
    return found


def _shelf(files: BlobFiles, shelf: str) -> set[str]:
    """All files of one."""
    return set(files.aged(int(shelf, 16), EVER))
