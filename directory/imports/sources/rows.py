"""Reads `people.csv`: a header line that names the columns; `,`, `;` or a tab between cells; as `spelling` says."""

import csv
import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TextIO

from directory.imports.sources import text_encoding
from directory.imports.sources.records import Fault, Item, PersonRecord, Remark
from directory.imports.sources.text_encoding import Encoding
from directory.issuing.enrolment import role_of
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import BadSyntax, Refused
from mailserver.model.identity import Affiliation, Tie
from mailserver.texts import causes
from mailserver.texts.causes import Cause

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
MAX_LINE = 200_000
"""Characters: every cell as long as may be."""
MAX_HEADER = 4096
TOLD_EVERY = 500
"""Lines between two words of progress."""
_YES = {"1": True, "oui": True, "yes": True, "true": True, "0": False, "non": False, "no": False, "false": False}


class CsvExport:
    """`Export` over one file."""

    def __init__(
        self, path: Path, source: str = "csv", *, full: bool = False, encoding: Encoding = Encoding.AUTO
    ) -> None:
        """Raises OSError when there is no such file."""
        self.source = source
        self.full = full
        self.size = path.stat().st_size
        self._path = path
        self._encoding = encoding

    def items(self, advance: Callable[[int], None]) -> Iterator[Item]:
        told = 0
        encoding = self._encoding
        with self._path.open("rb") as raw:
            if encoding is Encoding.AUTO:
                encoding = text_encoding.detect(raw)
                raw.seek(0)
                if encoding is not Encoding.UTF_8:
                    yield Remark(0, Cause("read-as", encoding=encoding.value))
            # What is not of the encoding is refused line by line, so it must survive reading.
            file = io.TextIOWrapper(raw, encoding=encoding.codec, errors="surrogateescape", newline="")
            for number, item in enumerate(read(file, encoding)):
                yield item
                if number % TOLD_EVERY == 0:
                    advance(raw.tell() - told)
                    told = raw.tell()
            advance(self.size - told)

    def digest(self) -> bytes:
        with self._path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()


def read(file: TextIO, encoding: Encoding = Encoding.UTF_8) -> Iterator[PersonRecord | Fault]:
    """Every line after the header. Raises BadSyntax when the header is not one.

    Open the file with the codec of `encoding`, errors "surrogateescape" and newline "".
    """
    header = file.readline(MAX_HEADER)
    if not header.strip():
        raise BadSyntax(Cause("file-empty"))
    delimiter = max(",;\t", key=header.count)
    columns = _columns(next(csv.reader([header], delimiter=delimiter)))
    csv.field_size_limit(MAX_CELL)
    lines = _Lines(file)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        number = lines.read + 2
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Fault(number, Cause("not-csv", error=causes.of(error)))
            continue
        if lines.is_cut and len(cells) < len(columns):
            # Half an identifier would be issued for ever, and nobody knows whose line it was.
            yield Fault(number, text_encoding.fault("".join(cells), encoding) or Cause("cut-off"))
        elif any(cell and not cell.isspace() for cell in cells):
            yield _line(number, columns, cells, encoding)


class _Lines:
    """The lines of a file for `csv.reader`. One that never ends is an error and is passed over, not kept in memory."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.read = 0
        self.is_cut = False
        """The last line has no end: the file may have been cut off in it."""

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._file.readline(MAX_LINE)
        if not line:
            raise StopIteration
        self.read += 1
        self.is_cut = line[-1] not in "\r\n"
        if len(line) < MAX_LINE or line[-1] in "\r\n":
            return line
        while len(line) == MAX_LINE and line[-1] not in "\r\n":
            line = self._file.readline(MAX_LINE)
        raise csv.Error(Cause("line-too-long", most=MAX_LINE))


def _columns(names: Sequence[str]) -> tuple[str, ...]:
    columns = tuple(name.strip().lower() for name in names)
    while columns and not columns[-1]:  # empty columns that a spreadsheet has kept
        columns = columns[:-1]
    unknown = [name for name in columns if name not in COLUMNS]
    missing = [name for name in REQUIRED if name not in columns]
    if unknown:
        raise _bad_header(Cause("column-unknown", column=unknown[0][:40], known=", ".join(COLUMNS)))
    if missing:
        raise _bad_header(Cause("column-missing", column=missing[0]))
    if len(set(columns)) != len(columns):
        raise _bad_header(Cause("column-twice"))
    return columns


def _bad_header(why: Cause) -> BadSyntax:
    return BadSyntax(Cause("at-line", line=1, why=why))


def _line(number: int, columns: Sequence[str], cells: Sequence[str], encoding: Encoding) -> PersonRecord | Fault:
    if any(cells[len(columns) :]):
        return Fault(number, Cause("cells", cells=len(cells), columns=len(columns)))
    # An empty cell says nothing.
    said = {name: cell for name, cell in zip(columns, cells, strict=False) if cell and not cell.isspace()}
    about = PersonRecord(number, numen=said.get("numen"), ine=said.get("ine"), login=said.get("login"))
    misspelt = text_encoding.fault("".join(cells), encoding)
    if misspelt:
        return Fault(number, misspelt, about)
    for name in REQUIRED:
        if name not in said:
            return Fault(number, Cause("cell-empty", field=name), about)
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
    except (Refused, BadSyntax) as error:
        return Fault(number, causes.of(error), about)


def _hidden(cell: str | None) -> bool | None:
    if cell is None:
        return None
    known = _YES.get(cell.strip().lower())
    if known is None:
        raise BadSyntax(Cause("not-yes-no", cell=cell.strip()[:20]))
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
            raise BadSyntax(Cause("no-school", field=column, code=code.strip()[:40]))
        held.append(Affiliation(kind, code.strip(), uai, label.strip()))
    return tuple(held)
