"""The export as a whole: its files one after the other, each request turned into neutral records."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from directory.imports.sources.aaf import people, schools
from directory.imports.sources.aaf.files import FAMILIES, Family, Octets, Part, parts
from directory.imports.sources.aaf.functions import number
from directory.imports.sources.aaf.people import Vocabulary
from directory.imports.sources.aaf.requests import Request, RequestReader, Unreadable, Verb
from directory.imports.sources.aaf.schools import Structures
from directory.imports.sources.records import Fault, Item, PersonRecord, Remark
from mailserver.model.errors import BadSyntax
from mailserver.texts import causes
from mailserver.texts.causes import Cause

READ = 1 << 18
"""Octets read at a time."""
MAX_UNKNOWN = 200
"""Unknown attributes that are told by name."""
_START = re.compile(rb"<(?:add|modify|delete)Request\b")
_TAG = len(b"<deleteRequest>")
_NUMBERED = re.compile(rf"(.*[_-](?:{'|'.join(FAMILIES)}))_([0-9]{{4}})\.xml", re.ASCII | re.IGNORECASE)

_KNOWN: Mapping[Family, frozenset[str]] = {
    Family.SCHOOLS: schools.ATTRIBUTES | schools.PASSED_OVER,
    Family.STAFF: people.ATTRIBUTES[people.STAFF] | people.PASSED_OVER,
    Family.PUPILS: people.ATTRIBUTES[people.PUPIL] | people.PASSED_OVER,
}


@contextmanager
def open_export(
    paths: Sequence[Path], known: Mapping[str, str], today: date, source: str = "aaf", *, full: bool = False
) -> Iterator["AafExport"]:
    """The export that these files, folders and archives are; `full`: whatever their names say.

    Raises BadSyntax when it is none, or OSError.
    """
    with parts(paths) as found:
        export = AafExport(found, known, today, source)
        export.full = export.full or full
        yield export


class AafExport:
    """An import's files; implements `directory.imports.sources.records.Export`."""

    def __init__(self, parts: Sequence[Part], known: Mapping[str, str], today: date, source: str = "aaf") -> None:
        """`parts` in the order of reading; `known`: the UAI of each structure number that an earlier export named."""
        self.source = source
        self._parts = tuple(parts)
        self._known = dict(known)
        self._today = today
        self.size = sum(part.size for part in parts)
        self.full = self._is_full()

    def _is_full(self) -> bool:
        """Everybody is here only if every file is complete and neither staff nor pupils are left out."""
        families = {part.family for part in self._parts}
        if missing_part(part.name for part in self._parts):
            return False
        return all(part.complete for part in self._parts) and {Family.STAFF, Family.PUPILS} <= families

    def digest(self) -> bytes:
        """SHA-256 over the octets of all files, in the order of reading. Raises BadSyntax or OSError."""
        digest = hashlib.sha256()
        for part in self._parts:
            with part.open() as file:
                while octets := file.read(READ):
                    digest.update(octets)
        return digest.digest()

    def items(self, advance: Callable[[int], None]) -> Iterator[Item]:
        """Every record, then what there is to say of the whole. Raises BadSyntax naming file and line, or OSError."""
        reading = _Reading(Vocabulary(Structures(self._known)), self._today)
        for part in self._parts:
            with part.open() as file:
                try:
                    if part.family is Family.PARENTS:
                        reading.count(file, advance)
                    else:
                        yield from reading.read(file, part.name, advance)
                except BadSyntax as error:
                    raise BadSyntax(Cause("in-file", file=part.name, why=causes.of(error))) from None
        yield from reading.remarks()
        yield from self._omissions()

    def _omissions(self) -> Iterator[Remark]:
        missing = missing_part(part.name for part in self._parts)
        if missing and not self.full:
            yield Remark(0, Cause("part-missing", file=missing))
        elif any(part.complete for part in self._parts) and not self.full:
            yield Remark(0, Cause("not-whole"))


def missing_part(names: Iterable[str]) -> str:
    """The first file that is missing among those that are numbered (`…_Eleve_0000.xml`, `…_0001.xml`); empty: none is.

    That the last ones are missing cannot be told.
    """
    numbers: dict[str, set[int]] = {}
    for name in names:
        found = _NUMBERED.fullmatch(name)
        if found is not None:
            numbers.setdefault(found[1], set()).add(int(found[2]))
    for stem, there in sorted(numbers.items()):
        for place in range(min(1, *there), max(there)):
            if place not in there:
                return f"{stem}_{place:04d}.xml"
    return ""


class _Reading:
    """One pass over the files."""

    def __init__(self, words: Vocabulary, today: date) -> None:
        self._words = words
        self._today = today
        self._parents = 0
        self._unknown: Counter[tuple[str, str]] = Counter()

    def read(self, file: Octets, name: str, advance: Callable[[int], None]) -> Iterator[Item]:
        """The records of a file."""
        reader = RequestReader()
        while octets := file.read(READ):
            for request in reader.feed(octets):
                yield from self._items(request, name)
            advance(len(octets))
        for request in reader.close():
            yield from self._items(request, name)

    def count(self, file: Octets, advance: Callable[[int], None]) -> None:
        """Parents have no account here: they are counted, at the speed of the disk."""
        rest = b""
        while octets := file.read(READ):
            held = rest + octets
            end = 0
            for found in _START.finditer(held):
                self._parents += 1
                end = found.end()
            # Enough for a tag that is cut in two, and nothing that was counted.
            rest = held[max(end, len(held) - _TAG) :]
            advance(len(octets))

    def remarks(self) -> Iterator[Remark]:
        """What is said once for the whole export."""
        for (category, name), count in self._unknown.most_common(MAX_UNKNOWN):
            yield Remark(0, Cause("attribute-passed-over", category=category, field=name, count=count))
        if self._parents:
            yield Remark(0, Cause("parents", count=self._parents))

    def _items(self, one: Request | Unreadable, file: str) -> Iterator[Item]:
        if isinstance(one, Unreadable):
            yield _unreadable(one, file)
            return
        family = FAMILIES.get(one.category.lower(), Family.UNKNOWN)
        self._look(family, one)
        match family:
            case Family.SCHOOLS if one.verb is Verb.DELETE:
                yield Remark(one.line, Cause("structure-stays", structure=one.id), file)
            case Family.SCHOOLS:
                yield from self._words.structures.read(one, file)
            case Family.SUBJECTS:
                self._name(self._words.subjects, one, "ENTMatJointure", "ENTLibelleMatiere")
            case Family.TRAININGS:
                self._name(self._words.trainings, one, "ENTMefJointure", "ENTLibelleMef")
            case Family.STAFF | Family.PUPILS:
                yield from people.read(one, self._words, self._today, file)
            case Family.PARENTS:
                self._parents += 1
            case Family.UNKNOWN:
                yield Fault(one.line, Cause("unknown-category", category=one.category[:40]), file=file)

    def _look(self, family: Family, request: Request) -> None:
        known = _KNOWN.get(family)
        if known is None or known.issuperset(request.values):
            return
        for name in request.values.keys() - known:
            if (request.category, name) in self._unknown or len(self._unknown) < MAX_UNKNOWN:
                self._unknown[request.category, name] += 1

    def _name(self, words: dict[str, str], request: Request, key: str, label: str) -> None:
        code = next(iter(request.values.get(key, ())), request.id)
        said = next(iter(request.values.get(label, ())), "")
        if said:
            words[code.rpartition("$")[2]] = said


def _unreadable(one: Unreadable, file: str) -> Fault | Remark:
    """A record of the wrong shape. Only one that may be about a person keeps others from being taken for leavers."""
    if FAMILIES.get(one.category.lower(), Family.UNKNOWN) in (Family.SCHOOLS, Family.SUBJECTS, Family.TRAININGS):
        return Remark(one.line, Cause("passed-over", category=one.category, key=one.id[:20], why=one.reason), file)
    about = PersonRecord(line=one.line, source_key=number(one.id), file=file) if one.id else None
    return Fault(one.line, one.reason, about, file)
