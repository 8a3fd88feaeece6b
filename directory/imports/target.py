"""Where an import goes: what the planner asks of a directory, and what it has it do.

Two implement it: `embedded` (the store's own tables; a batch is one unit) and `external` (an LDAP server that is ours
to write; identifiers, accounts and the record of the run are the store's there too).

`deciding.decide` holds the rules and is the same for both, and for the plan: it asks a `deciding.View` who the
records are about, says what is to be done (`deciding.Step`), and has the view absorb that before it goes on with
records that depend on it. A target's `apply` is `decide` over a view that writes.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol, TypeVar

from directory.imports.sources.records import PersonRecord, SchoolRecord, TermRecord
from directory.issuing.bulk_issuing import Names
from mailserver.model.identity import Affiliation
from mailserver.store.account.accounts import Marks
from mailserver.store.people.bulk_people import Description, Known, Like
from mailserver.texts.causes import Cause

T = TypeVar("T")

LEFT = "left-export"
"""The reason of a closing that an import has planned; only such a one is called off by an import."""


class Outcome(StrEnum):
    """What a record does to a person."""

    CREATED = "created"
    CHANGED = "changed"
    LEAVING = "leaving"
    """A closing is planned."""
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A checked record that says nothing in clear of what is kept as a hash only."""

    record: PersonRecord
    """Canonical; without NUMEN, INE, birth date and password."""
    marks: Marks = field(default=Marks(), repr=False)
    place: int = -1
    """How many records before it nothing tells from it; -1: something else says who it is."""
    account_id: int = 0
    """Whom it is about, where the plan has settled that already."""
    departs: bool = False
    """The export says, or does not say any more: somebody has left."""
    has_password: bool = False
    password_hash: str = field(default="", repr=False)
    """Activates an account that was never activated."""
    verifier: bytes = field(default=b"", repr=False)
    """Of the same password, sealed, for SCRAM."""
    confirmed: bool = False
    """Whoever imports has said that its identifier is this person's, whatever else is known of its owner."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What a batch of records is looked up by."""

    source: str
    account_ids: Collection[int] = ()
    source_keys: Collection[str] = ()
    ines: Collection[bytes] = ()
    numens: Collection[bytes] = ()
    logins: Collection[str] = ()
    """Folded."""
    names: Collection[str] = ()
    """`search_key` of whole names, of records that nothing else tells apart."""
    described: Mapping[str, str] = field(default_factory=dict)
    """The same of records with a number in the export, by which nobody may be known yet; each as it is spelt."""
    spelt: Collection[str] = ()
    """The same as they are spelt: an LDAP server knows nothing of accents left out."""


@dataclass(slots=True)
class Answers:
    """Who is known by each key. `affiliations` of everybody here are filled in."""

    by_id: Mapping[int, Known] = field(default_factory=dict)
    by_source_key: Mapping[str, Known] = field(default_factory=dict)
    by_ine: Mapping[bytes, Known] = field(default_factory=dict)
    by_numen: Mapping[bytes, Known] = field(default_factory=dict)
    by_login: Mapping[str, Known] = field(default_factory=dict)
    by_like: Mapping[Like, Sequence[int]] = field(default_factory=dict)
    """Account ids, oldest first; all of them are in `by_id` too."""
    by_description: Mapping[Description, Sequence[int]] = field(default_factory=dict)
    """The same of people whom no export keeps by a number, whatever else is known of them."""

    def everybody(self) -> Iterator[Known]:
        """Everybody in any of them."""
        yield from self.by_id.values()
        yield from self.by_source_key.values()
        yield from self.by_ine.values()
        yield from self.by_numen.values()
        yield from self.by_login.values()

    def with_ties(self, held: Mapping[int, tuple[Affiliation, ...]]) -> "Answers":
        """The same with everybody's affiliations."""

        def filled(people: Mapping[T, Known]) -> dict[T, Known]:
            return {
                key: known._replace(affiliations=held[known.account_id]) if known.account_id in held else known
                for key, known in people.items()
            }

        return Answers(
            filled(self.by_id),
            filled(self.by_source_key),
            filled(self.by_ine),
            filled(self.by_numen),
            filled(self.by_login),
            self.by_like,
            self.by_description,
        )


class Detail(NamedTuple):
    """One thing about somebody, before and after; what it was or is no more is empty."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one record, or would."""

    line: int
    outcome: Outcome
    account_id: int = 0
    login: str = ""
    address: str = ""
    name: str = ""
    reason: Cause | None = None
    changed: tuple[str, ...] = ()
    """Names of what is otherwise now, in the words of `Known`."""
    elder: str = ""
    """Who has the identifier that somebody new got with a number."""
    activates: bool = False
    file: str = ""
    details: tuple[Detail, ...] = ()
    """Of what changed, the readable part."""

    @property
    def why(self) -> Cause:
        """Why it was refused."""
        return self.reason or Cause("plain", text="")

    @property
    def moved(self) -> bool:
        """School, function, class or group are others."""
        return not {"uai", "role", "affiliations"}.isdisjoint(self.changed)

    @property
    def renamed(self) -> bool:
        return not {"given_name", "surname"}.isdisjoint(self.changed)

    @property
    def returning(self) -> bool:
        """Somebody whose leaving was planned is named again."""
        return "close_at" in self.changed and self.outcome is Outcome.CHANGED


@dataclass(frozen=True, slots=True)
class Left:
    """A change that was not taken back, and why."""

    login: str
    reason: Cause


class Target(Protocol):
    """A directory that an import can write. Methods block; they run outside the event loop.

    Whatever `apply` does to a person it writes into the table import_change in the unit in which it does it
    (`store.people.imports.record`), with what was there before and what is there after, so that it can be taken back.
    A kill at any point leaves a state from which the same records, planned and applied again, go on.
    """

    labels: bool
    """`deciding.Terms.labels` of this directory."""
    aim: float
    """Seconds that one `apply` should take: how many records are given to it at a time follows from that."""

    def look(self, keys: Keys) -> Answers:
        """Who is who, as things are at this moment. A read: it takes no lock."""

    def names(self) -> Names:
        """What was ever issued, as things are at this moment."""

    def apply(self, run_id: int, batch: Sequence[Candidate]) -> list[Result]:
        """Look again and write what differs; one result a record, in order (`report_lines.result`). Raises
        Temporary."""

    def apply_places(self, run_id: int | None, schools: Sequence[SchoolRecord], terms: Sequence[TermRecord]) -> int:
        """Write schools and vocabulary; how many changed. Without a run: how many would."""

    def take_back(self, run_id: int, limit: int) -> tuple[int, list[Left]]:
        """Take back the run's last `limit` changes that are not taken back yet, newest first: how many were looked
        at (0: the run is undone), and those that somebody has changed since."""
