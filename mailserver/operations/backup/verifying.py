"""Reading back what was backed up: a copy that nobody opened is a hope."""

import contextlib
import datetime
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import zstandard

from mailserver.operations.backup.restic import CannotBackUp, Repository
from mailserver.store.octets.disk import QUARANTINE
from mailserver.store.upkeep import copying
from mailserver.texts.text import Text, Translated, Untranslated

THIRTIETHS = 30
EXAMPLES = 3
"""Files that a sentence names."""
EXPANDED = 5
"""Large messages that each backup from object storage expands."""
CHUNK = 1 << 20


def part_of_the_day(today: datetime.date) -> str:
    """Another thirtieth each day: after a month all of it was read."""
    return f"{today.toordinal() % THIRTIETHS + 1}/{THIRTIETHS}"


def database_fault(repository: Repository, snapshot: str, name: str, work: Path) -> Translated | None:
    """What is wrong with the database's copy in the target. Raises OSError."""
    try:
        found = _read_back(repository, snapshot, name, work)
    except CannotBackUp as error:
        return Text("la sauvegarde est abîmée : {found}", found=error.sentence)
    return Text("la base relue dans la sauvegarde est abîmée : {found}", found=Untranslated(found)) if found else None


def _read_back(repository: Repository, snapshot: str, name: str, work: Path) -> str:
    if name.endswith(".sqlite"):
        copy = work / "read-back.db"
        try:
            with repository.reading(snapshot, f"/{name}") as octets, open(copy, "wb") as file:
                shutil.copyfileobj(octets, file, CHUNK)
            found = copying.fault_of(copy)
        finally:
            copy.unlink(missing_ok=True)
    else:
        with repository.reading(snapshot, f"/{name}") as octets:
            # Everything is unpacked and thrown away: a list of contents alone would not miss what was cut off.
            ended = subprocess.run(
                ["pg_restore", "--file=/dev/null"], stdin=octets, stderr=subprocess.PIPE, check=False, text=True
            )
        found = ended.stderr.strip().partition("\n")[0][:200] if ended.returncode else ""
    return found


class Wanted:
    """The sorted names of large messages, compared with the sorted files of a snapshot, in one pass and little memory.

    On their shelves first, `/ab/abcd…`; of what is not there, `/quarantine/ab/abcd…`, which sorts after all of them.
    """

    def __init__(self, names: Path, folder: Path) -> None:
        self._names = lines(names)
        self._next = next(self._names, None)
        self._folder = folder
        self._not_on_shelf: set[str] = set()
        self.wrong: list[str] = []
        """Those that have another length than the file has here."""

    def see(self, path: str, size: int) -> None:
        """A file of the snapshot."""
        name = path.removeprefix("/")
        if name.startswith(f"{QUARANTINE}/"):
            name = name.removeprefix(f"{QUARANTINE}/")
            self._pass_over(None)
            if name in self._not_on_shelf:
                self._not_on_shelf.discard(name)
                self._compare(name, size)
            return
        self._pass_over(name)
        if name == self._next:
            self._next = next(self._names, None)
            self._compare(name, size)

    def missing(self) -> list[str]:
        """After the last file: what is nowhere in the snapshot."""
        self._pass_over(None)
        return sorted(self._not_on_shelf)

    def _pass_over(self, until: str | None) -> None:
        while self._next is not None and (until is None or self._next < until):
            self._not_on_shelf.add(self._next)
            self._next = next(self._names, None)

    def _compare(self, name: str, size: int) -> None:
        """A file is never written again: as long as it is here it has the length that it had."""
        for place in (self._folder / name, self._folder / QUARANTINE / name):
            with contextlib.suppress(FileNotFoundError):
                if os.stat(place).st_size != size:
                    self.wrong.append(name)
                return


def lines(path: Path) -> Iterator[str]:
    """Of a text file, one at a time."""
    with open(path, encoding="ascii") as file:
        for line in file:
            yield line.rstrip("\n")


def missing_files(repository: Repository, snapshot: str, names: Path, folder: Path) -> list[str]:
    """Large messages that the snapshot lacks, or has with another length. Raises CannotBackUp."""
    wanted = Wanted(names, folder)
    repository.files(snapshot, wanted.see)
    return wanted.missing() + wanted.wrong


def example_faults(repository: Repository, snapshot: str, names: Path) -> list[Translated]:
    """What is wrong with a few of the large messages in the target, others each time: each is expanded."""
    try:
        damaged = [name for name in _some(names) if not _is_frame(repository, snapshot, name)]
    except CannotBackUp as error:
        return [Text("la sauvegarde est abîmée : {found}", found=error.sentence)]
    return [Text("la sauvegarde est abîmée : {found}", found=Untranslated(name)) for name in damaged]


def _some(names: Path) -> list[str]:
    """By chance, each as likely as any other."""
    chosen: list[str] = []
    dice = random.SystemRandom()
    for count, name in enumerate(lines(names)):
        at = dice.randrange(count + 1)
        if len(chosen) < EXPANDED:
            chosen.append(name)
        elif at < EXPANDED:
            chosen[at] = name
    return chosen


def _is_frame(repository: Repository, snapshot: str, name: str) -> bool:
    """Whether it is one frame of ours, whose checksum is that of what is in it."""
    with repository.reading(snapshot, f"/{name}") as octets:
        try:
            with zstandard.ZstdDecompressor().stream_reader(octets, closefd=False) as reader:
                while reader.read(CHUNK):
                    pass
            is_whole = reader.tell() > 0
        except zstandard.ZstdError:
            is_whole = False
        while octets.read(CHUNK):  # restic says at the end whether it was whole
            pass
    return is_whole


def lacking(names: list[str]) -> Translated:
    """What to say of them."""
    return Text(
        "{count} gros messages que la base nomme manquent à la sauvegarde ({names}) : voyez `mailserver check --deep`",
        count=len(names),
        names=", ".join(names[:EXAMPLES]),
    )


def target_fault(repository: Repository, part: str) -> Translated | None:
    """What is wrong with the target as a whole, and with a part of its octets."""
    found = repository.check(part)
    return Text("la sauvegarde est abîmée : {found}", found=repository.sentence(found)) if found.code else None
