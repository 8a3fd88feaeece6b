"""Reads `people.csv`: UTF-8 with or without BOM, `,` or `;` between cells, a header line that names them."""

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TextIO

from directory.enrolment import role_of
from directory.imports.records import Fault, Item, PersonRecord
from mailserver.errors import BadSyntax, Refused
from mailserver.identity import Affiliation, Tie
from mailserver.sasl import Secret

REQUIRED = ("given_name", "surname", "role")
COLUMNS = (
    "given_name",
    "surname",
    "birth_date",
    "role",
    "numen",
    "ine",
    "uai",
    "discipline",
    "login",
    "password",
    "recovery_address",
    "title",
    "functions",
    "classes",
    "groups",
    "hidden",
)
TIES = {"functions": Tie.FUNCTION, "classes": Tie.CLASS, "groups": Tie.GROUP}
"""Columns whose cells hold several values: `ENS|DOC`, `4B=4e B|0210006T:5A`."""
_NO_TIES: frozenset[Tie] = frozenset()
MAX_CELL = 10_000
"""Characters; the csv module is told, so that an open quote does not swallow the file."""
MAX_HEADER = 4096
TOLD_EVERY = 500
"""Lines between two words of progress."""
_BROKEN = re.compile("[\udc80-\udcff]")
"""What reading leaves of octets that are not UTF-8."""
_YES = {"1": True, "oui": True, "yes": True, "true": True, "0": False, "non": False, "no": False, "false": False}


class CsvExport:
    """`Export` over one file."""

    def __init__(self, path: Path, source: str = "csv", *, full: bool = False) -> None:
        """Raises OSError when there is no such file."""
        self.source = source
        self.full = full
        self.size = path.stat().st_size
        self._path = path

    def items(self, advance: Callable[[int], None]) -> Iterator[Item]:
        told = 0
        with self._path.open("rb") as raw:
            # What is not UTF-8 is refused line by line, so it must survive reading.
            file = io.TextIOWrapper(raw, encoding="utf-8-sig", errors="surrogateescape", newline="")
            for number, item in enumerate(read(file)):
                yield item
                if number % TOLD_EVERY == 0:
                    advance(raw.tell() - told)
                    told = raw.tell()
            advance(self.size - told)

    def digest(self) -> bytes:
        with self._path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()


def read(file: TextIO) -> Iterator[PersonRecord | Fault]:
    """Every line after the header. Raises BadSyntax when the header is not one.

    Open the file with encoding "utf-8-sig", errors "surrogateescape" and newline "".
    """
    header = file.readline(MAX_HEADER)
    if not header.strip():
        raise BadSyntax("the file is empty")
    delimiter = ";" if header.count(";") > header.count(",") else ","
    columns = _columns(next(csv.reader([header], delimiter=delimiter)))
    csv.field_size_limit(MAX_CELL)
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    while True:
        number = reader.line_num + 2
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Fault(number, f"not CSV: {error}")
            continue
        if any(cell and not cell.isspace() for cell in cells):
            yield _line(number, columns, cells)


def _columns(names: Sequence[str]) -> tuple[str, ...]:
    columns = tuple(name.strip().lower() for name in names)
    unknown = [name for name in columns if name not in COLUMNS]
    missing = [name for name in REQUIRED if name not in columns]
    if unknown:
        raise BadSyntax(f"line 1: unknown column {unknown[0][:40]!r}; known are {', '.join(COLUMNS)}")
    if missing:
        raise BadSyntax(f"line 1: no column {missing[0]!r}")
    if len(set(columns)) != len(columns):
        raise BadSyntax("line 1: a column is named twice")
    return columns


def _line(number: int, columns: Sequence[str], cells: Sequence[str]) -> PersonRecord | Fault:
    if len(cells) > len(columns):
        return Fault(number, f"{len(cells)} cells for {len(columns)} columns")
    # An empty cell says nothing.
    said = {name: cell for name, cell in zip(columns, cells, strict=False) if cell and not cell.isspace()}
    about = PersonRecord(number, numen=said.get("numen"), ine=said.get("ine"), login=said.get("login"))
    text = "".join(cells)
    if not text.isascii() and _BROKEN.search(text):
        return Fault(number, "not UTF-8", about)
    for name in REQUIRED:
        if name not in said:
            return Fault(number, f"{name}: is empty", about)
    try:
        held, ties = _ties(said)
        return PersonRecord(
            number,
            "",
            said["given_name"],
            said["surname"],
            role_of(said["role"]),
            said.get("birth_date"),
            about.numen,
            about.ine,
            said.get("uai"),
            said.get("discipline"),
            about.login,
            said.get("recovery_address"),
            said.get("title"),
            _hidden(said.get("hidden")),
            held,
            ties,
            Secret(said["password"]) if "password" in said else None,
        )
    except Refused as refusal:
        return Fault(number, refusal.text, about)
    except BadSyntax as error:
        return Fault(number, str(error), about)


def _hidden(cell: str | None) -> bool | None:
    if cell is None:
        return None
    known = _YES.get(cell.strip().lower())
    if known is None:
        raise BadSyntax(f"hidden: {cell.strip()[:20]!r} is neither yes nor no")
    return known


def _ties(said: dict[str, str]) -> tuple[tuple[Affiliation, ...], frozenset[Tie]]:
    """Functions, classes and groups: `CODE`, `CODE=label` or `UAI:CODE=label`, separated by bars.

    Without a UAI they are at the line's own school.
    """
    held: tuple[Affiliation, ...] = ()
    ties: list[Tie] = []
    for column, kind in TIES.items():
        if column in said:
            ties.append(kind)
            held += _cell(column, said[column], said.get("uai", ""))
    return held, frozenset(ties) if ties else _NO_TIES


@lru_cache(maxsize=50_000)
def _cell(column: str, cell: str, own: str) -> tuple[Affiliation, ...]:
    held: list[Affiliation] = []
    kind = TIES[column]
    for part in filter(None, map(str.strip, cell.split("|"))):
        place, _, label = part.partition("=")
        uai, colon, code = place.rpartition(":")
        uai = uai.strip() if colon else own.strip()
        if not uai and kind is not Tie.FUNCTION:
            raise BadSyntax(f"{column}: {code.strip()[:40]!r} is of no school; give the line's uai, or UAI:CODE")
        held.append(Affiliation(kind, code.strip(), uai, label.strip()))
    return tuple(held)
