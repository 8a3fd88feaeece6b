"""Reads `people.csv`: UTF-8 with or without BOM, `,` or `;` between cells, a header line that names them."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from directory.enrolment import checked, role_of
from mailserver.errors import BadSyntax, Refused
from mailserver.identity import NewPerson
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
)
MAX_CELL = 10_000
"""Characters; the csv module is told, so that an open quote does not swallow the file."""
MAX_HEADER = 4096


@dataclass(frozen=True, slots=True)
class Line:
    """A line that can be a person, in canonical form."""

    number: int
    person: NewPerson
    password: Secret | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that cannot. The reason names the column and holds no secret."""

    number: int
    reason: str


def count(path: Path) -> int:
    """About how many lines there are below the header, for a progress bar."""
    with path.open("rb") as file:
        return max(0, sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b"")) - 1)


def read(file: TextIO) -> Iterator[Line | Fault]:
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
        if any(cell.strip() for cell in cells):
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


def _line(number: int, columns: Sequence[str], cells: Sequence[str]) -> Line | Fault:
    if len(cells) > len(columns):
        return Fault(number, f"{len(cells)} cells for {len(columns)} columns")
    values: dict[str, Any] = dict(zip(columns, cells, strict=False))
    if any("\udc80" <= character <= "\udcff" for cell in cells for character in cell):
        return Fault(number, "not UTF-8")
    missing = [name for name in REQUIRED if not values.get(name, "").strip()]
    if missing:
        return Fault(number, f"{missing[0]}: is empty")
    password = values.pop("password", "")
    try:
        role = role_of(values.pop("role", ""))
        person = checked(NewPerson(role=role, **values))
    except Refused as refusal:
        return Fault(number, refusal.text)
    return Line(number, person, Secret(password) if password else None)
