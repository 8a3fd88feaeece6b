"""Where an import goes: what the planner asks of a directory, and what it has it do.

Two implement it: `embedded` (the store's own tables; a batch is one unit) and `external` (an LDAP server that is ours
to write; identifiers, accounts and the record of the run are the store's there too).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from directory.imports.records import PersonRecord, SchoolRecord, TermRecord
from mailserver.identity import Affiliation, State
from mailserver.store.accounts import Marks


class Outcome(StrEnum):
    """What a record does to a person."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    LEAVING = "leaving"
    """A closing is planned."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A checked record that says nothing in clear that is kept as a hash only."""

    record: PersonRecord
    """Canonical; without NUMEN, INE, birth date and password."""
    marks: Marks
    place: int = 0
    """How many records before it nothing tells from it; matters only where nothing else says who it is."""
    password_hash: str = ""
    """Activates an account that was never activated."""


class Known(NamedTuple):
    """A person as the store and the directory have them now. A tuple: 330,000 of them are looked at in seconds."""

    account_id: int
    login: str
    state: str
    activated: int
    numen: bytes | None
    ine: bytes | None
    birth_date: bytes | None
    recovery_address: str
    source: str
    source_key: str
    close_at: int
    has_entry: bool
    """False: an account whose entry is not in the directory (an import that was undone or interrupted)."""
    given_name: str = ""
    surname: str = ""
    role: str = ""
    uai: str = ""
    discipline: str = ""
    title: str = ""
    hidden: int = 0
    address: str = ""
    aliases: str = ""
    """Separated by spaces."""
    affiliations: tuple[Affiliation, ...] = ()

    @property
    def is_closed(self) -> bool:
        return self.state == State.CLOSED.value


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a record cannot be applied."""

    reason: str


Finding = Known | Refusal | None
"""Who a record is about; None: somebody new."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one record."""

    line: int
    outcome: Outcome
    account_id: int = 0
    login: str = ""
    address: str = ""
    reason: str = ""
    activates: bool = False


@dataclass(frozen=True, slots=True)
class Left:
    """A change that was not taken back, and why."""

    login: str
    reason: str


class Target(Protocol):
    """A directory that an import can write. Methods block; they run outside the event loop.

    Whatever `apply` does to a person it writes into the table import_change in the unit in which it does it
    (`store.imports.record`), with what was there before and what is there after, so that it can be taken back.
    A kill at any point leaves a state from which `look` and `apply` of the same records go on.
    """

    def look(self, candidates: Sequence[Candidate]) -> list[Finding]:
        """Who each record is about, as things are at this moment. A read: it takes no lock."""

    def by_accounts(self, account_ids: Sequence[int]) -> Mapping[int, Known]:
        """The same by account."""

    def apply(self, run_id: int, batch: Sequence[Candidate]) -> list[Result]:
        """Look again and write what differs; one result a record, in order. Raises Temporary."""

    def apply_schools(self, run_id: int, schools: Sequence[SchoolRecord], terms: Sequence[TermRecord]) -> int:
        """Write schools and vocabulary; how many changed."""

    def take_back(self, run_id: int, limit: int) -> tuple[int, list[Left]]:
        """Take back the run's last `limit` changes that are not taken back yet, newest first: how many were looked
        at (0: the run is undone), and those that somebody has changed since."""
