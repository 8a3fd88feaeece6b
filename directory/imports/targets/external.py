"""An LDAP server of our own as the target of an import: entries are its, everything else is the store's.

A batch goes in this order, so that a kill at any point leaves something that the same records go on from:

1. It is decided once without writing anything, over what store and server say now. Names that are about to be issued
   and that the server gives to somebody the store has never seen are claimed for them, and it is decided again.
2. Schools and words of the vocabulary that it speaks of are put into the server.
3. One unit in the store: accounts, claims, keyed hashes, planned closings, the record of the run, audit.
4. The entries are written, several at once. An account whose entry is missing is completed by the next run: who has
   an account and no entry arrives again, under the same number and identifier.

Entries know no labels: only the vocabulary has them. What the server refuses is reported with its line, and tried
again by the next run.

Taking back goes the other way round: entries first, then the store. Schools and the vocabulary stay as they are.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

import structlog

from directory.entries import place_entries, tree
from directory.entries.tree import Person, Tree
from directory.imports.deciding import Step, Terms, decide
from directory.imports.report_lines import result
from directory.imports.sources.records import SchoolRecord, TermRecord
from directory.imports.target import Answers, Candidate, Keys, Left, Outcome, Result
from directory.imports.targets import embedded, joining, places, steps
from directory.imports.targets.embedded import StoredNames
from directory.imports.targets.joining import Joined, person_of
from directory.imports.targets.places import Places, Term
from directory.imports.targets.restoring import Ending, Undoing
from directory.issuing.bulk_issuing import ClaimedNames, Hints, Names, keep_hints
from directory.ldap.bulk import Add, Bulk, Change, Put, Remove, Replace
from directory.ldap.pool import Pool
from mailserver.foundation.settings import Settings
from mailserver.model.errors import Reason, Refused, Temporary
from mailserver.model.folding import fold_login
from mailserver.store.account import accounts
from mailserver.store.engine.statements import Tx
from mailserver.store.engine.transactions import Store
from mailserver.store.people import bulk_people, claims, external, imports, schools, vocabulary_entries
from mailserver.store.people.bulk_people import Known
from mailserver.store.people.external import Seen
from mailserver.store.people.imports import Fate
from mailserver.store.people.schools import Facts
from mailserver.store.record import audit
from mailserver.store.record.audit import Origin
from mailserver.texts import causes
from mailserver.texts.causes import Cause

log = structlog.get_logger("import")

K = TypeVar("K")

SWITCH_SECONDS = 0.0002
MAX_ROUNDS = 50
"""How often a batch is decided anew because names turn out to be somebody's in the directory."""


@contextmanager
def open_target(
    settings: Settings, store: Store, terms: Terms, ending: Ending, origin: Origin
) -> Iterator["ExternalTarget"]:
    """The directory of the section [ldap], for as long as the context lasts.

    Raises Refused(READ_ONLY_DIRECTORY) when it is somebody else's, SettingsError when the section cannot be used.
    """
    section = settings.ldap
    if section is None or section.read_only:
        raise Refused(Reason.READ_ONLY_DIRECTORY, Cause("foreign-directory"))
    password = settings.secret(section.password_file).decode("utf-8") if section.password_file else ""
    pool = Pool(section, password)
    interval = sys.getswitchinterval()
    # ldap3 is Python through and through: with the usual 5 ms each answer waits that long for its thread's turn.
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        yield ExternalTarget(
            store, Bulk(pool, section.base), Tree(section.base, settings.domain), terms, ending, origin
        )
    finally:
        sys.setswitchinterval(interval)
        pool.close()


class _Raced(Exception):
    """Somebody turned up in the unit of whom the server was not asked."""


@dataclass(slots=True)
class _Foresight:
    """The directory as it is; what is decided is only looked at."""

    tx: Tx
    joined: Joined

    @property
    def names(self) -> Names:
        return ClaimedNames(self.tx)

    def look(self, keys: Keys) -> Answers:
        return _look(self.tx, keys, self.joined)

    def named_already(self, account_id: int) -> bool:
        return False

    def absorb(self, decided: Sequence[Step]) -> list[Step]:
        return list(decided)


@dataclass(slots=True)
class _Unit:
    """The directory within one unit: what is decided is written to the store, and owed to the server."""

    tx: Tx
    run_id: int
    origin: Origin
    joined: Joined
    places: Places
    new_places: Places = field(default_factory=Places)
    now: dict[int, Known] = field(default_factory=dict)

    @property
    def names(self) -> Names:
        return ClaimedNames(self.tx)

    def look(self, keys: Keys) -> Answers:
        stored = embedded.look(self.tx, keys)
        for known in stored.everybody():
            if known.account_id not in self.now and known.login not in self.joined.entries:
                raise _Raced
        answers = _look(self.tx, keys, self.joined, stored)

        def current(people: Mapping[K, Known]) -> dict[K, Known]:
            return {key: self.now.get(known.account_id, known) for key, known in people.items()}

        return Answers(
            current(answers.by_id),
            current(answers.by_source_key),
            current(answers.by_ine),
            current(answers.by_numen),
            current(answers.by_login),
            answers.by_like,
            answers.by_description,
        )

    def named_already(self, account_id: int) -> bool:
        return False

    def absorb(self, decided: Sequence[Step]) -> list[Step]:
        done = steps.numbered(self.tx, decided)
        arrivals = [step for step in done if step.outcome is Outcome.CREATED]
        _take_accounts(self.tx, arrivals)
        _set_accounts(self.tx, [step for step in done if step.changed])
        for step in done:
            if step.activates and step.candidate.password_hash and step.after is not None:
                accounts.password_chosen(self.tx, step.after.account_id)
        real = [step for step in done if step.outcome not in (Outcome.UNCHANGED, Outcome.REFUSED)]
        after = [step.after for step in real if step.after is not None]
        records = self.places.ensure(self.tx, _speaking(real), self.new_places)
        records += [steps.record(step) for step in real]
        if records:
            imports.record(self.tx, self.run_id, records)
        audit.record_many(self.tx, self.origin, [row for step in real for row in steps.audit_rows(step)])
        self.now.update({known.account_id: known for known in after})
        return done


class ExternalTarget:
    """`Target` over an LDAP server. For one thread."""

    labels = False
    aim = 1.0
    """Nearly all of it is the server's time, during which nobody waits for the store."""

    def __init__(self, store: Store, bulk: Bulk, tree_: Tree, terms: Terms, ending: Ending, origin: Origin) -> None:
        self._store = store
        self._bulk = bulk
        self._tree = tree_
        self._terms = replace(terms, labels=self.labels)
        self._ending = ending
        self._origin = origin
        self._hints: Hints = {}
        self._places = Places()
        self._schools: dict[str, str] = {}

    # ------------------------------------------------------------------ asking

    def look(self, keys: Keys) -> Answers:
        return self._store.read_now(_look, keys, self._joined())

    def names(self) -> Names:
        return StoredNames(self._store)

    def _joined(self) -> Joined:
        return Joined(self._bulk)

    # ------------------------------------------------------------------ applying

    def apply(self, run_id: int, batch: Sequence[Candidate]) -> list[Result]:
        for _ in range(MAX_ROUNDS):
            joined = self._joined()
            foreseen = self._store.read_now(self._foresee, batch, joined)
            if self._adopt(foreseen):
                continue
            self._put_places(foreseen)
            try:
                done, hints, new = self._store.write_now(self._decide, run_id, batch, joined)
            except _Raced:
                continue
            keep_hints(self._hints, hints)
            self._places.keep(new)
            return self._carried_out(run_id, done, joined)
        raise Temporary(Cause("directory-in-motion"))

    def _foresee(self, tx: Tx, batch: Sequence[Candidate], joined: Joined) -> list[Step]:
        return decide(_Foresight(tx, joined), self._terms, batch, self._hints)[0]

    def _adopt(self, foreseen: Sequence[Step]) -> bool:
        """Claim what is about to be issued and is somebody's in the directory; True when there was any."""
        wanted: dict[str, str] = {}
        for step in foreseen:
            if step.after is not None and (step.outcome is Outcome.CREATED or "address" in step.changed):
                # Of somebody new nobody at all has the names; of others, nobody but themselves.
                holder = step.after.login if step.before is not None else ""
                wanted.update(dict.fromkeys(steps.names_of(step.after), holder))
        holders = [holder.person for holder in self._bulk.holders(list(wanted))] if wanted else []
        strangers = [
            Seen(fold_login(one.login), one.account_id, tuple(_folded(one)))
            for one in holders
            if any(wanted.get(name, login) != login for login in (fold_login(one.login),) for name in _folded(one))
        ]
        if not strangers:
            return False
        return len(self._store.write_now(external.adopt, strangers)) > 0

    def _decide(
        self, tx: Tx, run_id: int, batch: Sequence[Candidate], joined: Joined
    ) -> tuple[list[Step], Hints, Places]:
        claims.lock(tx)
        unit = _Unit(tx, run_id, self._origin, joined, self._places)
        done, hints = decide(unit, self._terms, batch, self._hints)
        imports.add_counts(tx, run_id, steps.counts(done))
        return done, hints, unit.new_places

    def _carried_out(self, run_id: int, done: Sequence[Step], joined: Joined) -> list[Result]:
        """Write the entries; what the server refuses is refused."""
        # Of several steps about one person the last says what the entry is to be.
        owed: dict[int, Known] = {}
        passwords: dict[int, str] = {}
        for step in done:
            if step.after is not None and (step.outcome is Outcome.CREATED or step.changed or step.activates):
                owed[step.after.account_id] = step.after
                if step.activates and step.candidate.password_hash:
                    passwords[step.after.account_id] = step.candidate.password_hash
        pairs = [
            (account_id, change)
            for account_id, after in owed.items()
            for change in self._changes(after, passwords.get(account_id, ""), joined)
        ]
        reasons = self._bulk.write([change for _, change in pairs])
        refused = {account_id: reason for (account_id, _), reason in zip(pairs, reasons, strict=True) if reason}
        results = [result(step, self._terms.zone) for step in done]
        if not refused:
            return results
        for account_id, reason in refused.items():
            log.warning("entry refused by the directory", account=account_id, reason=reason)
        told = [
            replace(one, outcome=Outcome.REFUSED, reason=causes.plain(refused[one.account_id]))
            if one.account_id in refused
            else one
            for one in results
        ]
        corrections: dict[str, int] = {}
        for before, after in zip(results, told, strict=True):
            if before is not after:
                corrections[before.outcome.value] = corrections.get(before.outcome.value, 0) - 1
                corrections[after.outcome.value] = corrections.get(after.outcome.value, 0) + 1
        self._store.write_now(imports.add_counts, run_id, corrections)
        return told

    def _changes(self, after: Known, password: str, joined: Joined) -> Iterable[Change]:
        """What makes the entry of somebody what it is to be, if anything."""
        known = joined.entries.get(after.login)
        before = known.person if known is not None else None
        person = person_of(after, before, self._school(after.uai))
        attributes = tree.person_attributes(person)
        secret = {"userPassword": (f"{{ARGON2}}{password}",)} if password else {}
        if known is None or before is None:
            yield Add(self._tree.person_dn(after.login), tree.PERSON_CLASSES, {**attributes, **secret})
            return
        differing = {**_differing(before, person), **secret}
        if differing:
            yield Replace(known.dn, differing)

    def _school(self, uai: str) -> str:
        if not self._schools:
            self._schools = {school.uai: school.name for school in self._store.read_now(schools.listing)}
        return self._schools.get(uai, "") if uai else ""

    # ------------------------------------------------------------------ places

    def apply_places(
        self, run_id: int | None, school_records: Sequence[SchoolRecord], term_records: Sequence[TermRecord]
    ) -> int:
        if run_id is None:
            return self._store.read_now(places.count_changes, school_records, term_records)
        facts, words = self._store.read_now(places.wanted, school_records, term_records)
        self._put(facts, words)
        self._schools.clear()
        return self._store.write_now(places.write, run_id, school_records, term_records)

    def _put_places(self, foreseen: Sequence[Step]) -> None:
        """Schools and words that people's entries will speak of: into the server before the store knows them."""
        told = [step for step in foreseen if step.outcome not in (Outcome.UNCHANGED, Outcome.REFUSED)]
        uais, words = self._store.read_now(self._places.missing, _speaking(told))
        self._put([Facts(uai) for uai in sorted(uais)], words)

    def _put(self, facts: Sequence[Facts], words: Mapping[Term, str]) -> None:
        """A branch that the directory does not have is passed over: entries of people do not need it."""
        of_schools = [
            Put(self._tree.structure_dn(fact.uai), tree.STRUCTURE_CLASSES, place_entries.structure_attributes(fact))
            for fact in facts
        ]
        of_words = [
            Put(
                self._tree.term_dn(kind, uai, code),
                tree.TERM_CLASSES,
                place_entries.term_attributes(vocabulary_entries.Term(kind, uai, code, label, 0, 0)),
            )
            for (kind, uai, code), label in words.items()
        ]
        for changes in (of_schools, of_words):
            reasons = sorted({reason for reason in self._bulk.write(changes) if reason}) if changes else []
            if reasons:
                log.warning("places left out of the directory", first=reasons[0], reasons=len(reasons))

    # ------------------------------------------------------------------ taking back

    def take_back(self, run_id: int, limit: int) -> tuple[int, list[Left]]:
        joined = self._joined()
        work = self._store.read_now(self._undo, run_id, limit, joined)
        self._restore(work, joined)
        return self._store.write_now(self._taken_back, run_id, limit, joined)

    def _undo(self, tx: Tx, run_id: int, limit: int, joined: Joined) -> Undoing:
        standing = imports.standing(tx, run_id, limit)
        stored = bulk_people.by_ids(tx, {change.account_id for change in standing if change.account_id})
        work = Undoing(tx, run_id, dict(joined.answers(Answers(by_id=stored)).by_id))
        for change in standing:
            if change.account_id:
                work.person(change)
            else:
                work.fates[change.seq] = Fate.LEFT
        return work

    def _restore(self, work: Undoing, joined: Joined) -> None:
        """Entries as they were; those of arrivals go."""
        gone = set(work.withdrawn)
        changes: list[Change] = []
        for account_id, known in work.now.items():
            entry = joined.entries.get(known.login)
            if entry is None:
                continue
            if account_id in gone:
                changes.append(Remove(entry.dn))
                continue
            differing = _differing(entry.person, person_of(known, entry.person, self._school(known.uai)))
            if differing and (account_id in work.of_entry or account_id in work.held):
                changes.append(Replace(entry.dn, differing))
        for change, reason in zip(changes, self._bulk.write(changes), strict=True):
            if reason:
                log.warning("entry not taken back", dn=change.dn, reason=reason)

    def _taken_back(self, tx: Tx, run_id: int, limit: int, joined: Joined) -> tuple[int, list[Left]]:
        claims.lock(tx)
        work = self._undo(tx, run_id, limit, joined)
        work.write_accounts(self._ending)
        imports.decide(tx, run_id, work.fates)
        audit.record_many(tx, self._origin, work.events)
        return len(work.fates), work.left


def _look(tx: Tx, keys: Keys, joined: Joined, stored: Answers | None = None) -> Answers:
    """Who is who: accounts by the store, each with the entry that the server has."""
    answers = joined.answers(stored or embedded.look(tx, keys))
    described = keys.described.values() if keys.described and bulk_people.any_unnumbered(tx) else ()
    wanted = {*keys.spelt, *described}
    if wanted:
        people = joined.named(tx, wanted)
        answers.by_id = {**answers.by_id, **{known.account_id: known for known in people}}
        answers.by_like, answers.by_description = joining.by_like(people), joining.by_description(people)
    return answers


def _take_accounts(tx: Tx, arrivals: Sequence[Step]) -> None:
    new = [step.after for step in arrivals if step.after is not None and step.before is None]
    again = [step.after for step in arrivals if step.after is not None and step.before is not None]
    if new:
        bulk_people.add_accounts(tx, new)
        claims.take_many(tx, [(name, known.account_id) for known in new for name in steps.names_of(known)])
    if again:
        bulk_people.revive(tx, again)
        steps.claim(tx, {name: known.account_id for known in again for name in steps.names_of(known)})


def _set_accounts(tx: Tx, changed: Sequence[Step]) -> None:
    pairs = [(step, step.after) for step in changed if step.after is not None]
    values = {after.account_id: found for step, after in pairs if (found := steps.account_values(step))}
    addresses = {after.address: after.account_id for step, after in pairs if "address" in step.changed}
    if values:
        bulk_people.set_accounts(tx, values)
    if addresses:
        steps.claim(tx, addresses)
    for _, after in pairs:
        tx.changed(after.account_id, 0)


def _differing(before: Person, after: Person) -> dict[str, tuple[str, ...]]:
    """Attributes that are to be replaced; none: to be removed. Values have no order in LDAP."""
    was, will = tree.person_attributes(before), tree.person_attributes(after)
    return {
        name: tuple(will.get(name, ()))
        for name in sorted({*was, *will} - {"uid"})
        if sorted(was.get(name, ())) != sorted(will.get(name, ()))
    }


def _folded(person: Person) -> list[str]:
    """Identifier and addresses of an entry, as claims spell them."""
    found = (fold_login(name) for name in (person.login, person.address, *person.aliases))
    return [name for name in found if name]


def _speaking(told: Sequence[Step]) -> list[Known]:
    """People with the labels that their records give to what they are, for the vocabulary."""
    return [
        step.after._replace(affiliations=(*step.candidate.record.affiliations, *step.after.affiliations))
        for step in told
        if step.after is not None
    ]
