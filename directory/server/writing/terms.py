"""Classes and groups of a school, functions and disciplines of the academy: codes with a label."""

from collections.abc import Sequence

from directory.entries.tree import TERMS, Entry, Place
from directory.schema import names
from directory.server.faults import Fault
from directory.server.wire.messages import Code
from directory.server.writing.desk import Desk, Password, refuse_password
from directory.server.writing.modifying import Values
from directory.server.writing.reading import place_of_term
from mailserver.store.people import affiliations, removals, vocabulary_entries
from mailserver.store.record import audit
from mailserver.store.record.audit import Action
from mailserver.texts.causes import Cause


class Terms:
    """Writes table `vocabulary_entry`."""

    loose: frozenset[str] = frozenset()
    free: frozenset[str] = frozenset()

    def add(
        self, desk: Desk, place: Place, rdn: Sequence[names.Ava], values: Values, password: Password | None
    ) -> None:
        refuse_password(password)
        kind = TERMS[place.kind]
        uai, code = place_of_term(place)
        if not code or len(code) > affiliations.MAX_CODE:
            raise Fault(Code.NAMING_VIOLATION, f"a code has 1 to {affiliations.MAX_CODE} characters")
        vocabulary_entries.ensure_many(desk.tx, {(kind, uai, code): _label(values, code)})
        _record(desk, place, "place-added")

    def modify(self, desk: Desk, entry: Entry, values: Values, password: Password | None) -> None:
        refuse_password(password)
        kind = TERMS[entry.place.kind]
        uai, code = place_of_term(entry.place)
        label = _label(values, code)
        vocabulary_entries.rename(desk.tx, kind, uai, code, label)
        removals.relabel_term(desk.tx, kind, uai, code, label)
        _record(desk, entry.place, "place-changed")

    def rename(self, desk: Desk, entry: Entry, place: Place, rdn: Sequence[names.Ava], values: Values) -> None:
        """Whoever is in the class, or holds the function, is in the renamed one."""
        kind = TERMS[entry.place.kind]
        (uai, old), (school, new) = place_of_term(entry.place), place_of_term(place)
        if place.kind is not entry.place.kind or school != uai:
            raise Fault(Code.NAMING_VIOLATION, "a class stays in its school, and what it is")
        if place != entry.place:
            removals.rename_term(desk.tx, kind, uai, old, new)
        _record(desk, entry.place, "place-renamed", name=new)

    def delete(self, desk: Desk, entry: Entry) -> None:
        kind = TERMS[entry.place.kind]
        uai, code = place_of_term(entry.place)
        held = removals.held_by_term(desk.tx, kind, uai, code)
        if held:
            raise Fault(Code.UNWILLING_TO_PERFORM, f"{held} people are in it")
        vocabulary_entries.remove(desk.tx, kind, uai, code)
        _record(desk, entry.place, "place-deleted")


def _label(values: Values, code: str) -> str:
    """What the entry is called, when that is not just its code."""
    label = next(iter(values.get("description", ())), "")
    if len(label) > affiliations.MAX_CODE:
        raise Fault(Code.CONSTRAINT_VIOLATION, f"description: at most {affiliations.MAX_CODE} characters")
    return "" if label.casefold() == code.casefold() else label


def _record(desk: Desk, place: Place, what: str, **values: str) -> None:
    detail = Cause(what, kind=(place.kind.name.lower(),), key=place.key, **values)
    audit.record(desk.tx, desk.origin, Action.CHANGED, 0, detail)
