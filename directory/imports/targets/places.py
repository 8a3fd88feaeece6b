"""Schools and the words of the academy's vocabulary: those that people's records speak of, and those of their own."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from directory.imports.sources.records import SchoolRecord, TermRecord
from mailserver.model.identity import Affiliation, Tie
from mailserver.store.engine.statements import Tx
from mailserver.store.people import bulk_people, imports, schools, vocabulary_entries
from mailserver.store.people.bulk_people import Known
from mailserver.store.people.imports import Change
from mailserver.store.people.schools import Facts

MAX_KNOWN = 200_000
"""Places remembered as being there: an academy has some 1,600 schools with forty classes and groups each."""
SCHOOL, TERM = "school", "term"
"""Outcomes of import_change rows that are about no person."""

Term = tuple[Tie, str, str]


@dataclass(slots=True)
class Places:
    """What is known to be there. What a unit adds counts only when it is committed: `keep`."""

    uais: set[str] = field(default_factory=set)
    terms: set[Term] = field(default_factory=set)

    def keep(self, new: "Places") -> None:
        """A unit was committed."""
        if len(self.uais) + len(self.terms) > MAX_KNOWN:
            self.uais.clear()
            self.terms.clear()
        self.uais |= new.uais
        self.terms |= new.terms

    def spoken_of(self, people: Iterable[Known], new: "Places") -> tuple[set[str], dict[Term, str]]:
        """Schools and words in people's entries of which nobody knows yet whether they are there."""
        uais: set[str] = set()
        held: list[Affiliation] = []
        for known in people:
            if known.uai:
                uais.add(known.uai)
            for affiliation in known.affiliations:
                held.append(affiliation)
                if affiliation.uai:
                    uais.add(affiliation.uai)
        terms = {
            place: label
            for place, label in vocabulary_entries.terms_of(held).items()
            if place not in self.terms and place not in new.terms
        }
        return uais - self.uais - new.uais, terms

    def missing(self, tx: Tx, people: Iterable[Known]) -> tuple[set[str], dict[Term, str]]:
        """Those that are not there."""
        uais, terms = self.spoken_of(people, Places())
        changes = _term_changes(tx, terms, overwrite=False)
        return bulk_people.missing_schools(tx, uais) if uais else set(), {place: terms[place] for place in changes}

    def ensure(self, tx: Tx, people: Iterable[Known], new: "Places") -> list[Change]:
        """Make the places that people's entries speak of; what was made, as changes of the run."""
        uais, terms = self.spoken_of(people, new)
        changes = []
        missing = bulk_people.missing_schools(tx, uais) if uais else set()
        if missing:
            schools.ensure(tx, missing)
            changes += [Change(0, 0, SCHOOL, 0, "", _school_text(Facts(uai))) for uai in sorted(missing)]
        if terms:
            changes += _write_terms(tx, terms, _term_changes(tx, terms, overwrite=False))
        new.uais |= uais
        new.terms |= terms.keys()
        return changes


def write(tx: Tx, run_id: int, school_records: Sequence[SchoolRecord], term_records: Sequence[TermRecord]) -> int:
    """Schools and words as their records say; how many are new or otherwise."""
    wanted, changes = _school_changes(tx, school_records)
    schools.upsert(tx, wanted)
    terms = _terms_of(term_records)
    changes += _write_terms(tx, terms, _term_changes(tx, terms, overwrite=True))
    if changes:
        imports.record(tx, run_id, changes)
        imports.add_counts(tx, run_id, {"places": len(changes)})
    return len(changes)


def wanted(
    tx: Tx, school_records: Sequence[SchoolRecord], term_records: Sequence[TermRecord]
) -> tuple[list[Facts], dict[Term, str]]:
    """What `write` would make or change, as it would be."""
    facts, _ = _school_changes(tx, school_records)
    terms = _terms_of(term_records)
    return facts, {place: after for place, (_, after) in _term_changes(tx, terms, overwrite=True).items()}


def count_changes(tx: Tx, school_records: Sequence[SchoolRecord], term_records: Sequence[TermRecord]) -> int:
    """How many would be."""
    _, changes = _school_changes(tx, school_records)
    return len(changes) + len(_term_changes(tx, _terms_of(term_records), overwrite=True))


def _terms_of(records: Sequence[TermRecord]) -> dict[Term, str]:
    return vocabulary_entries.terms_of(
        Affiliation(record.kind, record.code, record.uai, record.label) for record in records
    )


def _term_changes(tx: Tx, terms: dict[Term, str], *, overwrite: bool) -> dict[Term, tuple[str | None, str]]:
    """Words that are new, or get this name: what they were called before (None: nothing), and will be."""
    known = bulk_people.term_labels(tx, {uai for _, uai, _ in terms}) if terms else {}
    changes: dict[Term, tuple[str | None, str]] = {}
    for place, label in sorted(terms.items()):
        before = known.get(place)
        if before is None or (label and before != label and (overwrite or not before)):
            changes[place] = (before, label)
    return changes


def _write_terms(tx: Tx, terms: dict[Term, str], changes: dict[Term, tuple[str | None, str]]) -> list[Change]:
    for place, (before, label) in changes.items():
        if before:
            vocabulary_entries.rename(tx, *place, label)
    if changes:
        vocabulary_entries.ensure_many(tx, {place: terms[place] for place in changes})
    return [_term(place, before, label) for place, (before, label) in changes.items()]


def _school_changes(tx: Tx, records: Sequence[SchoolRecord]) -> tuple[list[Facts], list[Change]]:
    """Schools that are new or otherwise; what a record leaves out stays as it is."""
    known = {school.uai: school.facts for school in schools.listing(tx)} if records else {}
    changes: list[Change] = []
    wanted: list[Facts] = []
    for record in records:
        before = known.get(record.uai)
        facts = _merged(record, before or Facts(record.uai))
        if facts == before:
            continue
        known[record.uai] = facts
        wanted.append(facts)
        old = _school_text(before) if before is not None else ""
        changes.append(Change(0, record.line, SCHOOL, 0, old, _school_text(facts)))
    return wanted, changes


def _merged(record: SchoolRecord, before: Facts) -> Facts:
    def said(new: str | None, old: str) -> str:
        return old if new is None else " ".join(new.split())

    return Facts(
        record.uai,
        said(record.name, before.name),
        said(record.kind, before.kind),
        said(record.contract, before.contract),
        said(record.address, before.address),
        said(record.postcode, before.postcode),
        said(record.town, before.town),
        said(record.telephone, before.telephone),
        said(record.source_key, before.source_key),
    )


def _school_text(facts: Facts) -> str:
    names = Facts.__dataclass_fields__
    return json.dumps({name: getattr(facts, name) for name in names}, ensure_ascii=False)


def _term(place: Term, before: str | None, label: str) -> Change:
    kind, uai, code = place
    named = {"kind": kind.value, "uai": uai, "code": code}
    old = "" if before is None else json.dumps({**named, "label": before}, ensure_ascii=False)
    return Change(0, 0, TERM, 0, old, json.dumps({**named, "label": label}, ensure_ascii=False))
