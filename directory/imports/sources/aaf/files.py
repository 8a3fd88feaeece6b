"""Where an AAF export is: a folder, files, or archives of them; which file holds what, in the order of reading.

Names follow `ENT_<RNE>_Complet_<date>_<family>_NNNN.xml`, with `Delta` for what changed since the day before.
What a name does not say, the first record says. A file whose name says neither counts as a delta, because a
complete export makes leavers of everybody who is not in it.
"""

import lzma
import os
import re
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path
from typing import IO, Protocol

from mailserver.model.errors import BadSyntax
from mailserver.texts import causes
from mailserver.texts.causes import Cause

MAX_PARTS = 20_000
"""Files of one export: 1,600 schools with six families each, were they all apart."""
MAX_RATIO = 200
"""How many times an archive may grow: real exports grow thirtyfold, a bomb a thousandfold."""
MAX_UNPACKED = 64 << 30
"""Octets of an archive, unpacked."""
HEAD = 8192
"""Octets looked at to know what a file is."""
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, NotImplementedError)
"""What reading a damaged archive raises, besides OSError."""
_SLACK = 1 << 20
_COPY = 1 << 20


class Family(IntEnum):
    """Kinds of files; their order is the order of reading: who refers to something comes after it."""

    SCHOOLS = 0
    SUBJECTS = 1
    TRAININGS = 2
    """MEF: what a pupil is enrolled in."""
    STAFF = 3
    PUPILS = 4
    PARENTS = 5
    UNKNOWN = 6


FAMILIES = {
    "etabeducnat": Family.SCHOOLS,
    "matiereeducnat": Family.SUBJECTS,
    "mateducnat": Family.SUBJECTS,
    "matiere": Family.SUBJECTS,
    "mefeducnat": Family.TRAININGS,
    "mef": Family.TRAININGS,
    "perseducnat": Family.STAFF,
    "eleve": Family.PUPILS,
    "persreleleve": Family.PARENTS,
}
"""By the word in a file's name, and by the category that its records carry."""

_ROOT = re.compile(rb"<(?:!DOCTYPE\s+)?ficAlimMENESR\b")
_NAME = re.compile(r"[_-](Complet|Delta)[_-]", re.IGNORECASE)
_FAMILY = re.compile(rf"(?:^|[_-])({'|'.join(FAMILIES)})(?=[_.-])", re.IGNORECASE)
_CATEGORY = re.compile(rb"""name=["']categorie\w+["']\s*>\s*<value>\s*(\w+)""")
_ARCHIVES = (".zip", ".tar.gz", ".tgz", ".tar")


@dataclass(frozen=True, slots=True)
class Part:
    """One file of an export."""

    name: str
    """As reports name it: the archive's name first, where it is in one."""
    family: Family
    complete: bool
    size: int
    """Octets, unpacked."""
    path: Path
    member: str = ""
    """Its name inside the zip at `path`."""
    spool: IO[bytes] | None = None
    """What holds it, unpacked, instead of `path`."""
    start: int = 0
    """Where in the spool."""

    @contextmanager
    def open(self) -> Iterator["Octets"]:
        """The octets, from the beginning. Raises BadSyntax for a broken archive."""
        if self.spool is not None:
            yield _Slice(self.spool.fileno(), self.start, self.size)
            return
        if not self.member:
            with self.path.open("rb") as file:
                yield file
            return
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as file:
                yield file
        except _BROKEN as error:
            raise _in_file(self.name, causes.of(error)) from None


class Octets(Protocol):
    """What a part is read from."""

    def read(self, size: int, /) -> bytes:
        """At most so many, empty at the end."""


class _Slice:
    """A stretch of a file that stays open; `Octets`."""

    def __init__(self, descriptor: int, start: int, size: int) -> None:
        self._descriptor = descriptor
        self._at = start
        self._end = start + size

    def read(self, size: int, /) -> bytes:
        octets = os.pread(self._descriptor, min(size, self._end - self._at), self._at)
        self._at += len(octets)
        return octets


def recognises(path: Path) -> bool:
    """True when a file, an archive or a folder holds AAF. Raises OSError when it cannot be read."""
    if path.is_dir():
        return any(recognises(entry) for entry in sorted(path.rglob("*")) if entry.is_file())
    name = path.name.lower()
    try:
        if name.endswith(".zip"):
            return bool(_zipped(path, path.name))
        if name.endswith(_ARCHIVES):
            return _holds_a_part(path)
    except (BadSyntax, *_BROKEN):
        return False
    with path.open("rb") as file:
        return _ROOT.search(file.read(HEAD)) is not None


def _holds_a_part(path: Path) -> bool:
    """The first XML file of a tar archive tells: an export is not unpacked twice."""
    packed, unpacked = path.stat().st_size, 0
    with tarfile.open(path, "r:*") as archive:
        for member in archive:
            unpacked += member.size
            _bounded(path.name, packed, unpacked)
            source = archive.extractfile(member) if member.isreg() and member.name.lower().endswith(".xml") else None
            if source is not None:
                return _ROOT.search(source.read(HEAD)) is not None
    return False


@contextmanager
def parts(paths: Sequence[Path]) -> Iterator[tuple[Part, ...]]:
    """The files of an export in the order of reading. Raises BadSyntax when there are none, or OSError.

    What is in a tar archive is unpacked for as long as the context lasts: its files are read in an order that is
    not the archive's.
    """
    with ExitStack() as stack:
        found = [part for path in paths for part in _parts_of(path, stack)]
        if not found:
            raise BadSyntax(Cause("no-aaf"))
        if len(found) > MAX_PARTS:
            raise BadSyntax(Cause("too-many-files", most=MAX_PARTS))
        yield tuple(sorted(found, key=lambda part: (part.family, part.name)))


def _parts_of(path: Path, stack: ExitStack, prefix: str = "") -> list[Part]:
    if path.is_dir():
        inside = sorted(entry for entry in path.rglob("*") if entry.is_file())[: MAX_PARTS + 1]
        return [part for entry in inside for part in _parts_of(entry, stack, f"{entry.relative_to(path).parent}/")]
    label = prefix.removeprefix("./") + path.name
    name = path.name.lower()
    if name.endswith(".zip"):
        return _zipped(path, label)
    if name.endswith(_ARCHIVES):
        return _tarred(path, label, stack)
    with path.open("rb") as file:
        head = file.read(HEAD)
    part = _part(label, head, path.stat().st_size, path)
    return [part] if part is not None else []


def _part(name: str, head: bytes, size: int, path: Path, member: str = "") -> Part | None:
    """None when the head is not that of an AAF file."""
    if _ROOT.search(head) is None:
        return None
    base = os.path.basename(member or name)
    said = _NAME.search(base)
    family = _FAMILY.search(base)
    category = _CATEGORY.search(head)
    word = family[1] if family else category[1].decode("ascii", "replace") if category else ""
    complete = said is not None and said[1].lower() == "complet"
    return Part(name, FAMILIES.get(word.lower(), Family.UNKNOWN), complete, size, path, member)


def _zipped(path: Path, label: str) -> list[Part]:
    found: list[Part] = []
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if member.filename.lower().endswith(".xml")]
            if len(members) > MAX_PARTS:
                raise _in_file(label, Cause("too-many-files", most=MAX_PARTS))
            # Of the file as it is: several members may name the same octets.
            _bounded(label, path.stat().st_size, sum(member.file_size for member in members))
            for member in members:
                # zipfile itself stops at the size the directory of the archive gives.
                _bounded(label, member.compress_size, member.file_size)
                with archive.open(member) as file:
                    part = _part(f"{label}/{member.filename}", file.read(HEAD), member.file_size, path, member.filename)
                if part is not None:
                    found.append(part)
    except (*_BROKEN, RuntimeError) as error:
        # RuntimeError: a member under a password.
        raise _in_file(label, causes.of(error)) from None
    return found


def _tarred(path: Path, label: str, stack: ExitStack) -> list[Part]:
    """Unpack into one file without a name: a killed import leaves nothing of what people's records say."""
    spool = stack.enter_context(tempfile.TemporaryFile(prefix="aaf-"))  # noqa: SIM115 (it is the stack's)
    packed, unpacked = path.stat().st_size, 0
    found: list[Part] = []
    try:
        with tarfile.open(path, "r:*") as archive:
            for member in archive:
                unpacked += member.size
                _bounded(label, packed, unpacked)
                source = (
                    archive.extractfile(member) if member.isreg() and member.name.lower().endswith(".xml") else None
                )
                if source is None:
                    continue
                if len(found) >= MAX_PARTS:
                    raise _in_file(label, Cause("too-many-files", most=MAX_PARTS))
                start, head = spool.tell(), source.read(HEAD)
                part = _part(f"{label}/{member.name}", head, member.size, path)
                if part is not None:
                    spool.write(head)
                    shutil.copyfileobj(source, spool, _COPY)
                    found.append(replace(part, spool=spool, start=start))
        spool.flush()
    except _BROKEN as error:
        raise _in_file(label, causes.of(error)) from None
    return found


def _in_file(name: str, why: Cause) -> BadSyntax:
    return BadSyntax(Cause("in-file", file=name, why=why))


def _bounded(label: str, packed: int, unpacked: int) -> None:
    """Archive bombs: a small file that fills the disk."""
    if unpacked > min(MAX_UNPACKED, packed * MAX_RATIO + _SLACK):
        raise _in_file(label, Cause("archive-bomb", most=MAX_RATIO))
