"""The store's own tables as the target of an import: a batch is one unit, and its record is in the same unit."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from directory.imports.deciding import Step, Terms, decide
from directory.imports.report_lines import result
from directory.imports.sources.records import SchoolRecord, TermRecord
from directory.imports.target import Answers, Candidate, Keys, Left, Outcome, Result
from directory.imports.targets import places, restoring, steps
from directory.imports.targets.places import Places
from directory.issuing.bulk_issuing import ClaimedNames, Hints, Names, keep_hints
from mailserver.store.account import accounts
from mailserver.store.engine.statements import Tx
from mailserver.store.engine.transactions import Store
from mailserver.store.people import bulk_people, claims, imports, people
from mailserver.store.people.bulk_people import Known
from mailserver.store.record import audit
from mailserver.store.record.audit import Origin


def look(tx: Tx, keys: Keys) -> Answers:
    """Who is who, in a few statements."""
    by_source_key = bulk_people.by_source_keys(tx, keys.source, keys.source_keys) if keys.source_keys else {}
    by_ine = bulk_people.by_ines(tx, keys.ines) if keys.ines else {}
    by_numen = bulk_people.by_numens(tx, keys.numens) if keys.numens else {}
    by_login = bulk_people.by_logins(tx, keys.logins) if keys.logins else {}
    by_like = bulk_people.bare(tx, keys.names) if keys.names else {}
    by_description = bulk_people.unnumbered(tx, keys.described) if keys.described else {}
    alike = (number for found in (by_like, by_description) for numbers in found.values() for number in numbers)
    ids = {*keys.account_ids, *alike}
    by_id = bulk_people.by_ids(tx, ids) if ids else {}
    answers = Answers(by_id, by_source_key, by_ine, by_numen, by_login, by_like, by_description)
    everybody = {known.account_id for known in answers.everybody() if known.has_entry}
    held = bulk_people.ties(tx, everybody) if everybody else {}
    return answers.with_ties(held) if held else answers


@dataclass(slots=True)
class _Unit:
    """The directory within one unit: what is decided is written."""

    tx: Tx
    run_id: int
    origin: Origin
    places: Places
    new_places: Places = field(default_factory=Places)

    @property
    def names(self) -> Names:
        return ClaimedNames(self.tx)

    def look(self, keys: Keys) -> Answers:
        return look(self.tx, keys)

    def named_already(self, account_id: int) -> bool:
        return False  # the plan has asked that of the whole export

    def absorb(self, decided: Sequence[Step]) -> list[Step]:
        done = steps.numbered(self.tx, decided)
        _write_arrivals(self.tx, [step for step in done if step.outcome is Outcome.CREATED])
        _write_changes(self.tx, [step for step in done if step.changed])
        _take_passwords(self.tx, done)
        real = [step for step in done if step.outcome not in (Outcome.UNCHANGED, Outcome.REFUSED)]
        made = self.places.ensure(self.tx, [step.after for step in real if step.after is not None], self.new_places)
        records = [*made, *(steps.record(step) for step in real)]
        if records:
            imports.record(self.tx, self.run_id, records)
        audit.record_many(self.tx, self.origin, [row for step in real for row in steps.audit_rows(step)])
        return done


class EmbeddedTarget:
    """`Target` over the embedded directory. For one thread."""

    labels = True
    aim = 0.05
    """Whoever else writes waits no longer than for one unit."""

    def __init__(self, store: Store, terms: Terms, ending: restoring.Ending, origin: Origin) -> None:
        self._store = store
        self._ending = ending
        self._terms = terms
        self._origin = origin
        self._hints: Hints = {}
        self._places = Places()

    def look(self, keys: Keys) -> Answers:
        return self._store.read_now(look, keys)

    def names(self) -> Names:
        return StoredNames(self._store)

    def apply(self, run_id: int, batch: Sequence[Candidate]) -> list[Result]:
        done, hints, new = self._store.write_now(self._apply, run_id, batch)
        keep_hints(self._hints, hints)
        self._places.keep(new)
        return [result(step, self._terms.zone) for step in done]

    def _apply(self, tx: Tx, run_id: int, batch: Sequence[Candidate]) -> tuple[list[Step], Hints, Places]:
        claims.lock(tx)
        unit = _Unit(tx, run_id, self._origin, self._places)
        done, hints = decide(unit, self._terms, batch, self._hints)
        imports.add_counts(tx, run_id, steps.counts(done))
        return done, hints, unit.new_places

    def apply_places(self, run_id: int | None, schools: Sequence[SchoolRecord], terms: Sequence[TermRecord]) -> int:
        if run_id is None:
            return self._store.read_now(places.count_changes, schools, terms)
        return self._store.write_now(places.write, run_id, schools, terms)

    def take_back(self, run_id: int, limit: int) -> tuple[int, list[Left]]:
        return self._store.write_now(restoring.take_back, run_id, limit, self._origin, self._ending)


@dataclass(frozen=True, slots=True)
class StoredNames:
    """`Names` outside a unit."""

    store: Store

    def taken(self, names: Collection[str]) -> Mapping[str, int]:
        return self.store.read_now(claims.taken, names)

    def numbered(self, base: str) -> Mapping[str, int]:
        return self.store.read_now(claims.numbered, base)


# ---------------------------------------------------------------------- writing steps


def _write_arrivals(tx: Tx, done: Sequence[Step]) -> None:
    new: list[tuple[Known, str]] = []
    again: list[tuple[Known, str]] = []
    for step in done:
        if step.after is not None:
            (new if step.before is None else again).append((step.after, step.candidate.password_hash))
    if new:
        bulk_people.add_accounts(tx, [known for known, _ in new])
        bulk_people.add_entries(tx, new)
        claims.take_many(tx, [(name, known.account_id) for known, _ in new for name in steps.names_of(known)])
    if again:
        bulk_people.revive(tx, [known for known, _ in again])
        bulk_people.add_entries(tx, again)
        steps.claim(tx, {name: known.account_id for known, _ in again for name in steps.names_of(known)})


def _write_changes(tx: Tx, done: Sequence[Step]) -> None:
    changed = [(step, step.after) for step in done if step.after is not None]
    of_account = {after.account_id: values for step, after in changed if (values := steps.account_values(step))}
    of_entry = {after.account_id: values for step, after in changed if (values := steps.entry_values(step))}
    held = {after.account_id: after.affiliations for step, after in changed if "affiliations" in step.changed}
    addresses = {after.address: after.account_id for step, after in changed if "address" in step.changed}
    if of_account:
        bulk_people.set_accounts(tx, of_account)
    if of_entry:
        bulk_people.set_entries(tx, of_entry)
    if held:
        bulk_people.set_ties(tx, held)
    if addresses:
        steps.claim(tx, addresses)


def _take_passwords(tx: Tx, done: Sequence[Step]) -> None:
    """Only for who was never activated: nobody's own choice is overwritten."""
    for step in done:
        if not step.activates or step.after is None or not step.candidate.password_hash:
            continue
        if step.outcome is not Outcome.CREATED:  # an arrival's entry has it already
            people.set_password(tx, step.after.account_id, step.candidate.password_hash)
        accounts.password_chosen(tx, step.after.account_id, step.candidate.verifier)
