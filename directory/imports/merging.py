"""One line into the directory: what differs from what is known, and writing exactly that."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Concatenate, ParamSpec

from directory import enrolment, issuing
from directory.enrolment import Academy
from directory.imports.recognition import Candidate, recognise
from directory.people import keep_password
from mailserver.errors import Reason, Refused
from mailserver.identity import PersonChange, State
from mailserver.store import accounts, claims
from mailserver.store.accounts import Marks, Standing
from mailserver.store.audit import Action, Origin, record
from mailserver.store.people import Entry
from mailserver.store.statements import Tx

P = ParamSpec("P")


class Outcome(StrEnum):
    """What a line did."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Result:
    """A line's outcome. `activates`: a password of the file is (or would be) taken."""

    line: int
    outcome: Outcome
    reason: str = ""
    login: str = ""
    address: str = ""
    activates: bool = False


@dataclass(frozen=True, slots=True)
class _Difference:
    """What a line changes of a person."""

    change: PersonChange
    marks: Marks
    recovery_address: str | None

    @property
    def is_empty(self) -> bool:
        return self.change == PersonChange() and self.marks == Marks() and self.recovery_address is None


def foresee(tx: Tx, academy: Academy, batch: Sequence[Candidate], accept_passwords: bool) -> list[Result]:
    """What `merge` would do with each line, each on its own; writes nothing."""
    return [_guarded(_foresee, tx, academy, candidate, accept_passwords) for candidate in batch]


def merge(
    tx: Tx, academy: Academy, batch: Sequence[Candidate], hashes: Mapping[int, str], origin: Origin
) -> list[Result]:
    """Write a batch, line by line; a refused line writes nothing. `hashes` are password hashes by line number."""
    claims.lock(tx)
    return [
        _guarded(_merge, tx, academy, candidate, hashes.get(candidate.line.number, ""), origin) for candidate in batch
    ]


def _guarded(
    step: Callable[Concatenate[Tx, Academy, Candidate, P], Result],
    tx: Tx,
    academy: Academy,
    candidate: Candidate,
    *args: P.args,
    **kwargs: P.kwargs,
) -> Result:
    try:
        return step(tx, academy, candidate, *args, **kwargs)
    except Refused as refusal:
        return Result(candidate.line.number, Outcome.REFUSED, refusal.text)


def _foresee(tx: Tx, academy: Academy, candidate: Candidate, accept_passwords: bool) -> Result:
    line = candidate.line
    has_password = accept_passwords and line.password is not None
    known = recognise(tx, candidate)
    if known is None:
        issued = issuing.issue(tx, academy.domain, line.person.given_name, line.person.surname, line.person.login)
        return Result(line.number, Outcome.CREATED, "", issued.login, issued.address, has_password)
    entry, standing = known
    difference = _difference(candidate, entry, standing)
    activates = has_password and _awaits(standing)
    outcome = Outcome.UNCHANGED if difference.is_empty and not activates else Outcome.CHANGED
    return Result(line.number, outcome, "", entry.login, entry.address, activates)


def _merge(tx: Tx, academy: Academy, candidate: Candidate, password_hash: str, origin: Origin) -> Result:
    line = candidate.line
    known = recognise(tx, candidate)
    if known is None:
        made = enrolment.enrol(tx, academy, line.person, origin, password_hash)
        return Result(line.number, Outcome.CREATED, "", made.login, made.address, bool(password_hash))
    entry, standing = known
    difference = _difference(candidate, entry, standing)
    address = entry.address
    if not difference.is_empty:
        # The only step that may refuse comes first: a refused line writes nothing.
        address = enrolment.change(tx, academy, entry.account_id, difference.change, origin).address
        accounts.set_facts(tx, entry.account_id, difference.marks, difference.recovery_address)
    activates = bool(password_hash) and _awaits(standing)
    if activates:
        keep_password(tx, entry.account_id, password_hash)
        record(tx, origin, Action.ACTIVATED, entry.account_id)
    outcome = Outcome.UNCHANGED if difference.is_empty and not activates else Outcome.CHANGED
    return Result(line.number, outcome, "", entry.login, address, activates)


def _awaits(standing: Standing) -> bool:
    """True for an account that nobody ever activated."""
    return standing.state is State.PENDING and standing.activated == 0


def _difference(candidate: Candidate, entry: Entry, standing: Standing) -> _Difference:
    """Cells that say something else than what is known. Raises Refused(CONFLICT) for a closed account."""
    if standing.state is State.CLOSED:
        raise Refused(Reason.CONFLICT, f"{entry.login}: the account is closed")
    person, new, old = candidate.line.person, candidate.marks, standing.marks
    recovery = person.recovery_address
    return _Difference(
        PersonChange(
            given_name=_other(person.given_name, entry.given_name),
            surname=_other(person.surname, entry.surname),
            role=person.role if person.role is not entry.role else None,
            uai=_other(person.uai, entry.uai),
            discipline=_other(person.discipline, entry.discipline),
        ),
        Marks(
            numen=new.numen if new.numen != old.numen else None,
            ine=new.ine if new.ine != old.ine else None,
            birth_date=new.birth_date if new.birth_date != old.birth_date else None,
        ),
        recovery if recovery and recovery != standing.recovery_address else None,
    )


def _other(cell: str, known: str) -> str | None:
    """A cell that is not empty and differs."""
    return cell if cell and cell != known else None
