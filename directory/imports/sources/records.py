"""What an export says, whatever its format: the neutral records that readers yield and targets apply.

Everything a record leaves out is None: it says nothing, and nothing changes. An empty value says that there is
nothing (any more), and erases. Values are as they stand in the file; `enrolment` and `recognition` check them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from mailserver.model.credentials.sasl import Secret
from mailserver.model.identity import Affiliation, Role, Tie
from mailserver.texts.causes import Cause


@dataclass(frozen=True, slots=True)
class PersonRecord:
    """Somebody is here, and this is (all or part of) what they are.

    Recognised by `source_key` in the run's source, else INE, else NUMEN, else login; a record with none of these by
    its place among its like (`recognition`). For somebody new, given name, surname and role must be said.
    """

    line: int
    source_key: str = ""
    """The person's number in the export (AAF: ENTPersonJointure); empty: the export has none."""
    given_name: str | None = None
    surname: str | None = None
    role: Role | None = None
    birth_date: str | None = field(default=None, repr=False)
    """In any form that `proofs.parse_date` reads. Like NUMEN and INE it is never erased by an empty value."""
    numen: str | None = field(default=None, repr=False)
    ine: str | None = field(default=None, repr=False)
    uai: str | None = None
    discipline: str | None = None
    login: str | None = None
    """The identifier that somebody new wants, or that somebody known has."""
    recovery_address: str | None = None
    title: str | None = None
    hidden: bool | None = None
    affiliations: tuple[Affiliation, ...] = ()
    ties: frozenset[Tie] = frozenset()
    """The kinds of affiliation about which the record speaks: what the person has of these kinds and
    `affiliations` does not name is no more. Affiliations of other kinds stay."""
    password: Secret | None = None
    file: str = ""
    """Name of the file, where an export has several."""


@dataclass(frozen=True, slots=True)
class Departure:
    """The export says that somebody has left (AAF: deleteRequest): a closing is planned. Unknown people are passed
    over."""

    line: int
    source_key: str
    file: str = ""


@dataclass(frozen=True, slots=True)
class SchoolRecord:
    """A school is here."""

    line: int
    uai: str
    name: str | None = None
    kind: str | None = None
    contract: str | None = None
    address: str | None = None
    postcode: str | None = None
    town: str | None = None
    telephone: str | None = None
    source_key: str | None = None
    """The school's number in the export, by which later records may name it."""
    file: str = ""


@dataclass(frozen=True, slots=True)
class TermRecord:
    """A class or group of a school, a discipline or function of the academy (`uai` empty): its code has this label.

    Not needed for those that people's affiliations name with a label.
    """

    line: int
    kind: Tie
    uai: str
    code: str
    label: str
    file: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that cannot be used. The reason names the column or attribute and holds no secret."""

    number: int
    """Line in the file."""
    reason: Cause
    about: PersonRecord | None = None
    """Whom it is about as far as can be read (source_key, ine, numen, login): a faulty line must not make somebody
    a leaver. None: nobody knows."""
    file: str = ""


@dataclass(frozen=True, slots=True)
class Remark:
    """A line, used, that somebody should look at."""

    number: int
    reason: Cause
    file: str = ""


Record = PersonRecord | Departure | SchoolRecord | TermRecord
Item = Record | Fault | Remark


class Export(Protocol):
    """One import's files, whatever their format. `items` reads them as a stream and keeps nothing that grows with
    them; it may be called again, and then says the same."""

    source: str
    """Whose people these are: `csv`, `aaf`, or what the operator calls it."""
    full: bool
    """It names everybody of its source: whoever is missing has left."""
    size: int
    """Octets of all files, for a progress bar."""

    def items(self, advance: Callable[[int], None]) -> Iterator[Item]:
        """Every record in an order in which schools come before whoever names them by number. `advance` is told of
        octets read, now and then. Raises BadSyntax when a file is none of its format."""

    def digest(self) -> bytes:
        """SHA-256 over the files' octets: an interrupted import is known by it."""
