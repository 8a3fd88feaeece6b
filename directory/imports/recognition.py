"""Who a line is: by INE, else NUMEN, else login; a line with none of these by its place among its like."""

from collections import Counter
from dataclasses import dataclass

from directory.enrolment import marks
from directory.imports.rows import Line
from mailserver.errors import Reason, Refused
from mailserver.folding import fold_login, search_key
from mailserver.proofs import Proofs
from mailserver.store import accounts, people
from mailserver.store.accounts import Mark, Marks, Standing
from mailserver.store.people import Entry
from mailserver.store.statements import Tx


@dataclass(frozen=True, slots=True)
class Candidate:
    """A line, its keyed hashes, and how many lines before it nothing tells from it (0: the first)."""

    line: Line
    marks: Marks
    place: int = 0

    @property
    def is_bare(self) -> bool:
        """True when neither INE, NUMEN nor login says who it is."""
        person = self.line.person
        return not (person.ine or person.numen or person.login)


class Recogniser:
    """Turns lines into candidates, counting the bare ones of one file."""

    def __init__(self, proofs: Proofs) -> None:
        self._proofs = proofs
        self._bare: Counter[tuple[str, ...]] = Counter()

    def candidate(self, line: Line) -> Candidate:
        """The candidate of the next line."""
        candidate = Candidate(line, marks(self._proofs, line.person))
        if not candidate.is_bare:
            return candidate
        person = line.person
        like = (search_key(f"{person.given_name}\0{person.surname}"), person.birth_date, person.role, person.uai)
        place = self._bare[like]
        self._bare[like] += 1
        return Candidate(line, candidate.marks, place)


def recognise(tx: Tx, candidate: Candidate) -> tuple[Entry, Standing] | None:
    """The person a line is about; None for somebody new. Raises Refused(CONFLICT) when marks disagree."""
    account_id = _bare(tx, candidate) if candidate.is_bare else _marked(tx, candidate)
    if account_id is None:
        return None
    entry, standing = people.by_account(tx, account_id), accounts.get(tx, account_id)
    if entry is None or standing is None:
        raise Refused(Reason.CONFLICT, "the account has no entry in this directory")
    return entry, standing


def _marked(tx: Tx, candidate: Candidate) -> int | None:
    person, known = candidate.line.person, candidate.marks
    by_ine = accounts.by_mark(tx, Mark.INE, known.ine) if known.ine else None
    by_numen = accounts.by_mark(tx, Mark.NUMEN, known.numen) if known.numen else None
    if by_ine and by_numen and by_ine != by_numen:
        raise Refused(Reason.CONFLICT, "INE and NUMEN belong to two people")
    found = by_ine or by_numen
    if found is not None or not person.login:
        return found
    standing = accounts.by_login(tx, fold_login(person.login))
    if standing is None:
        return None
    for name, one, other in (
        ("NUMEN", known.numen, standing.marks.numen),
        ("INE", known.ine, standing.marks.ine),
    ):
        if one is not None and other is not None and one != other:
            raise Refused(Reason.CONFLICT, f"{standing.login}: this identifier is of a person with another {name}")
    return standing.id


def _bare(tx: Tx, candidate: Candidate) -> int | None:
    person = candidate.line.person
    return people.nth_bare(
        tx,
        name=(person.given_name, person.surname),
        role=person.role,
        uai=person.uai,
        birth_date=candidate.marks.birth_date,
        place=candidate.place,
    )
