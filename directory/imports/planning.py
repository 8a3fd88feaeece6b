"""The plan: the export read once, compared with the directory; what would change is kept on disk, and counted.

Nothing is written but to files without a name. What the plan would do is remembered there, so that a record about
somebody whom an earlier one creates or changes finds them so.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from directory.imports import facts
from directory.imports.deciding import ALIKE, Step, Terms, decide
from directory.imports.recognition import Recogniser, place_fault, uai_fault, uais_of
from directory.imports.report_lines import result
from directory.imports.sources.records import (
    Departure,
    Export,
    Fault,
    Item,
    PersonRecord,
    Remark,
    SchoolRecord,
    TermRecord,
)
from directory.imports.target import Answers, Candidate, Keys, Outcome, Result, Target
from directory.issuing.bulk_issuing import Hints, Names, keep_hints
from directory.issuing.hashing import NO_PASSWORD, Kept, Passwords
from mailserver.model.credentials.proofs import Proofs
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import BadSyntax
from mailserver.model.folding import fold_login
from mailserver.model.identity import State
from mailserver.store.engine.scratch import Scratch
from mailserver.store.engine.transactions import Store
from mailserver.store.people import bulk_people
from mailserver.store.people.bulk_people import Known
from mailserver.texts.causes import Cause

K = TypeVar("K")

BATCH = 1000
"""Records of one question to the store."""
MAX_PLACES = 500_000
"""Schools, classes and groups of one export: they are kept in memory, for an academy has a bounded number."""


class Seen:
    """A bit for each account: who was named."""

    def __init__(self) -> None:
        self._bits = bytearray(4096)

    def add(self, account_id: int) -> None:
        place = account_id >> 3
        if place >= len(self._bits):
            self._bits.extend(bytes(place + 4096 - len(self._bits)))
        self._bits[place] |= 1 << (account_id & 7)

    def __contains__(self, account_id: int) -> bool:
        place = account_id >> 3
        return place < len(self._bits) and bool(self._bits[place] >> (account_id & 7) & 1)


@dataclass(slots=True)
class Tally:
    """How many records do what. `moved`, `renamed` and `returning` are among the changed."""

    counts: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    moved: int = 0
    renamed: int = 0
    returning: int = 0
    homonyms: int = 0
    """New people whose identifier needed a number."""
    activated: int = 0
    places: int = 0
    """Schools and words of the vocabulary that are new or otherwise."""

    def take(self, done: Result) -> None:
        self.counts[done.outcome] += 1
        if done.changed:
            self.moved += done.moved
            self.renamed += done.renamed
            self.returning += done.returning
        self.activated += done.activates
        self.homonyms += bool(done.elder)


class Listener(Protocol):
    """Whoever shows or keeps what becomes of records, one by one."""

    def result(self, done: Result) -> None:
        """A record that is applied, would be applied, or is refused by the directory."""

    def fault(self, fault: Fault) -> None:
        """A line that cannot be used."""

    def remark(self, remark: Remark) -> None:
        """A line to look at."""


class Plan:
    """What an import would do. `close` it when it was carried out."""

    def __init__(self) -> None:
        self.scratch = Scratch()
        self.tally = Tally()
        self.schools: list[SchoolRecord] = []
        self.terms: list[TermRecord] = []
        self.of_source = 0
        """Open accounts that the export's source keeps."""
        self.spared = 0
        """Refused lines that say of nobody whom they are about: while there is one, nobody is a leaver."""

    @property
    def size(self) -> int:
        """Records to apply."""
        return self.scratch.lines

    @property
    def is_empty(self) -> bool:
        return not (self.scratch.lines or self.tally.places)

    def candidates(self, first: int, count: int) -> list[Candidate]:
        """Some of them, in order."""
        return [facts.load_candidate(text) for text in self.scratch.read(first, count)]

    def close(self) -> None:
        self.scratch.close()


@dataclass(frozen=True, slots=True)
class Rules:
    """How to read."""

    strict: bool = False
    """Refuse a line whose UAI has a wrong check letter (otherwise it is a remark)."""
    accept_passwords: bool = False
    hash_passwords: bool = True
    """False: nothing will be applied."""
    confirm_logins: bool = False
    """A line's identifier says who it is about, also where its owner has another name, school or role."""


class Planner:
    """Reads one export. For one thread."""

    def __init__(
        self, store: Store, target: Target, terms: Terms, proofs: Proofs, passwords: Passwords, rules: Rules
    ) -> None:
        self._store = store
        self._target = target
        self._terms = replace(terms, labels=target.labels)
        self._passwords = passwords
        self._rules = rules
        self._recogniser = Recogniser(proofs)
        self._seen = Seen()
        self._hints: Hints = {}
        self._batch: list[Candidate] = []
        self._secrets: dict[int, Secret] = {}
        """By place in the batch."""
        self._about: list[Candidate] = []
        """Whom refused lines are about."""

    def run(self, export: Export, listener: Listener, advance: Callable[[int], None]) -> Plan:
        """The plan of an export. Raises BadSyntax when it is none, Temporary when the directory is out of reach."""
        plan = Plan()
        try:
            view = _Foreseen(self._target, plan.scratch, self._seen)
            for item in export.items(advance):
                self._take(item, plan, listener)
                if len(self._batch) >= BATCH or len(self._about) >= BATCH:
                    self._decide(view, plan, listener)
            self._decide(view, plan, listener)
            plan.of_source = self._store.read_now(bulk_people.count_of_source, self._terms.source)
            if not export.full:
                plan.spared = 0
            elif not plan.spared:
                self._leavers(view, plan, listener)
            plan.tally.places = self._target.apply_places(None, plan.schools, plan.terms)
        except BaseException:
            plan.close()
            raise
        return plan

    # ------------------------------------------------------------------ reading

    def _take(self, item: Item, plan: Plan, listener: Listener) -> None:
        match item:
            case PersonRecord():
                self._person(item, plan, listener)
            case Departure():
                record = PersonRecord(item.line, item.source_key, file=item.file)
                self._batch.append(Candidate(record, departs=True))
            case Fault():
                self._refuse(replace(item, about=self._recogniser.identity(item.about)), plan, listener)
            case Remark():
                listener.remark(item)
            case SchoolRecord() | TermRecord():
                self._place(item, plan, listener)

    def _person(self, record: PersonRecord, plan: Plan, listener: Listener) -> None:
        candidate = self._recogniser.candidate(record)
        if isinstance(candidate, Fault):
            self._refuse(candidate, plan, listener)
            return
        wrong = uai_fault(uais_of(candidate.record))
        if wrong and self._rules.strict:
            about = self._recogniser.identity(record)
            self._refuse(Fault(record.line, wrong, about, record.file), plan, listener)
            return
        if wrong:
            listener.remark(Remark(record.line, wrong, record.file))
        if record.password is not None and self._rules.accept_passwords:
            self._secrets[len(self._batch)] = record.password
        elif candidate.has_password:
            candidate = replace(candidate, has_password=False)
        if self._rules.confirm_logins:
            candidate = replace(candidate, confirmed=True)
        self._batch.append(candidate)

    def _refuse(self, fault: Fault, plan: Plan, listener: Listener) -> None:
        plan.tally.counts[Outcome.REFUSED] += 1
        if fault.about is not None:
            self._about.append(self._recogniser.keyed(fault.about))
        else:
            plan.spared += 1
        listener.fault(fault)

    def _place(self, record: SchoolRecord | TermRecord, plan: Plan, listener: Listener) -> None:
        if len(plan.schools) + len(plan.terms) >= MAX_PLACES:
            raise BadSyntax(Cause("too-many-places", most=MAX_PLACES))
        fault = place_fault(record)
        if fault:
            plan.tally.counts[Outcome.REFUSED] += 1
            listener.fault(Fault(record.line, fault, None, record.file))
            return
        wrong = uai_fault((record.uai,)) if record.uai else None
        if wrong and isinstance(record, SchoolRecord):
            listener.remark(Remark(record.line, wrong, record.file))
        if isinstance(record, SchoolRecord):
            plan.schools.append(record)
        else:
            plan.terms.append(record)

    # ------------------------------------------------------------------ deciding

    def _decide(self, view: "_Foreseen", plan: Plan, listener: Listener) -> None:
        batch, secrets, about = self._batch, self._secrets, self._about
        self._batch, self._secrets, self._about = [], {}, []
        if about:
            self._see(about)
        if not batch:
            return
        done, learned = decide(view, self._terms, batch, self._hints)
        keep_hints(self._hints, learned)
        self._see_refused(done)
        kept = self._kept(done, secrets)
        lines = []
        for place, step in enumerate(done):
            if step.outcome is Outcome.UNCHANGED:
                plan.tally.counts[Outcome.UNCHANGED] += 1
                continue
            outcome = result(step, self._terms.zone)
            plan.tally.take(outcome)
            if outcome.account_id < 0:
                outcome = replace(outcome, account_id=0)
            listener.result(outcome)
            if step.outcome is not Outcome.REFUSED:
                lines.append(facts.dump_candidate(_settled(step, kept.get(place, NO_PASSWORD))))
        plan.scratch.write(lines)

    def _kept(self, done: Sequence[Step], secrets: Mapping[int, Secret]) -> dict[int, Kept]:
        """What is kept of the passwords that will be taken, on all cores; the others are not worth 20 ms each."""
        if not self._rules.hash_passwords:
            return {}
        futures = {
            place: self._passwords.keep_soon(secrets[place])
            for place, step in enumerate(done)
            if step.activates and place in secrets
        }
        return {place: future.result() for place, future in futures.items()}

    def _see_refused(self, done: Sequence[Step]) -> None:
        """Whoever may be meant by a line of which nobody can say whom it is about is no leaver."""
        doubtful = [step for step in done if step.outcome is Outcome.REFUSED and step.before is None]
        if doubtful:
            alike = {login for step in doubtful for login in _alike(step)}
            self._see([step.candidate for step in doubtful], alike)

    def _see(self, about: Sequence[Candidate], logins: Collection[str] = ()) -> None:
        named = {fold_login(candidate.record.login) for candidate in about if candidate.record.login}
        answers = self._target.look(
            Keys(
                self._terms.source,
                source_keys={candidate.record.source_key for candidate in about if candidate.record.source_key},
                ines={candidate.marks.ine for candidate in about if candidate.marks.ine},
                numens={candidate.marks.numen for candidate in about if candidate.marks.numen},
                logins={*named, *logins},
            )
        )
        for known in answers.everybody():
            self._seen.add(known.account_id)

    def _leavers(self, view: "_Foreseen", plan: Plan, listener: Listener) -> None:
        """Who is kept by this source and was not named."""
        after = 0
        while page := self._store.read_now(bulk_people.of_source, self._terms.source, after, BATCH):
            after = page[-1][0]
            for account_id, state, close_at in page:
                if account_id not in self._seen and state != State.CLOSED.value and not close_at:
                    self._batch.append(Candidate(PersonRecord(0), departs=True, account_id=account_id))
            self._decide(view, plan, listener)


def _alike(step: Step) -> Sequence[str]:
    """The identifiers of those whom a line describes alike."""
    reason = step.reason
    return str(reason.values["logins"]).split(", ") if reason is not None and reason.name == ALIKE else ()


def _settled(step: Step, kept: Kept) -> Candidate:
    """The candidate as the plan keeps it: whom nothing but a place tells apart is settled now."""
    candidate = step.candidate
    found = step.before.account_id if step.before is not None and candidate.place >= 0 else candidate.account_id
    if found == candidate.account_id and not kept.hash:
        return candidate
    return replace(candidate, account_id=found, password_hash=kept.hash, verifier=kept.verifier)


# ---------------------------------------------------------------------- what the plan would make of the directory


class _Foreseen:
    """The directory as it would be: what it is, and over it what the plan has decided so far."""

    def __init__(self, target: Target, scratch: Scratch, seen: Seen) -> None:
        self._target = target
        self._scratch = scratch
        self._seen = seen
        self._next = -1000
        """Numbers below that stand for accounts that are not there yet; -1 is somebody in `store.people.claims`."""
        self.names: Names = _ForeseenNames(target.names(), scratch)

    def named_already(self, account_id: int) -> bool:
        return account_id < 0 or account_id in self._seen

    def look(self, keys: Keys) -> Answers:
        answers = self._target.look(keys)
        if not self._scratch.people:
            return answers
        wanted = [
            *(f"k{key}" for key in keys.source_keys),
            *(f"i{mark.hex()}" for mark in keys.ines),
            *(f"n{mark.hex()}" for mark in keys.numens),
            *(f"l{login}" for login in keys.logins),
        ]
        found = self._scratch.by_identities(wanted) if wanted else {}
        ids = {*found.values(), *(known.account_id for known in answers.everybody())}
        people = {account_id: Known(**facts.load(text)) for account_id, text in self._scratch.by_ids(ids).items()}
        return _overlaid(answers, people)

    def absorb(self, decided: Sequence[Step]) -> list[Step]:
        done = []
        people: dict[int, str] = {}
        identities: list[tuple[str, int]] = []
        issued: list[tuple[str, int]] = []
        for step in decided:
            if step.before is not None and step.before.account_id > 0:
                self._seen.add(step.before.account_id)
            after = step.after
            if after is None or step.outcome in (Outcome.REFUSED, Outcome.UNCHANGED):
                done.append(step)
                continue
            if not after.account_id:
                after = after._replace(account_id=self._next)
                self._next -= 1
            if step.activates:
                after = after._replace(state=State.ACTIVE.value, activated=1)
            people[after.account_id] = facts.dump(after)
            identities += [(name, after.account_id) for name in _identities(after)]
            if step.outcome is Outcome.CREATED or "address" in step.changed:
                issued += [(name, after.account_id) for name in (after.login, after.address, *after.aliases.split())]
            done.append(replace(step, after=after))
        if people:
            self._scratch.remember(people, identities)
        if issued:
            self._scratch.issue(issued)
        return done


def _identities(known: Known) -> Iterable[str]:
    yield f"l{known.login}"
    if known.ine:
        yield f"i{known.ine.hex()}"
    if known.numen:
        yield f"n{known.numen.hex()}"
    if known.source_key:
        yield f"k{known.source_key}"


def _overlaid(answers: Answers, people: Mapping[int, Known]) -> Answers:
    """The answers with these people as the plan has made them."""

    def by(field_of: Callable[[Known], K | None], known: Mapping[K, Known]) -> dict[K, Known]:
        kept = {key: person for key, person in known.items() if person.account_id not in people}
        kept.update({key: person for person in people.values() if (key := field_of(person))})
        return kept

    return Answers(
        {**answers.by_id, **people},
        by(lambda known: known.source_key, answers.by_source_key),
        by(lambda known: known.ine, answers.by_ine),
        by(lambda known: known.numen, answers.by_numen),
        by(lambda known: known.login, answers.by_login),
        answers.by_like,
        answers.by_description,
    )


@dataclass(frozen=True, slots=True)
class _ForeseenNames:
    """What was issued, and what the plan has given away."""

    names: Names
    scratch: Scratch

    def taken(self, names: Collection[str]) -> Mapping[str, int]:
        return {**self.scratch.issued(names), **self.names.taken(names)}

    def numbered(self, base: str) -> Mapping[str, int]:
        return {**self.scratch.numbered(base), **self.names.numbered(base)}
