"""Schools, by their UAI, which is what everything else calls them."""

from collections.abc import Mapping, Sequence

from directory.entries.tree import Entry, Place
from directory.issuing import identifiers
from directory.schema import names
from directory.server.faults import Fault
from directory.server.wire.messages import Code
from directory.server.writing.desk import Desk, Password, refuse_password
from directory.server.writing.modifying import Values
from mailserver.store.people import removals, schools
from mailserver.store.people.schools import Facts
from mailserver.store.record import audit
from mailserver.store.record.audit import Action
from mailserver.texts.causes import Cause


class Schools:
    """Writes table `school`."""

    loose: frozenset[str] = frozenset()
    free: frozenset[str] = frozenset()

    def add(
        self, desk: Desk, place: Place, rdn: Sequence[names.Ava], values: Values, password: Password | None
    ) -> None:
        refuse_password(password)
        uai = _uai(place)
        schools.upsert(desk.tx, [_facts(uai, values)])
        _record(desk, "place-added", uai)

    def modify(self, desk: Desk, entry: Entry, values: Values, password: Password | None) -> None:
        refuse_password(password)
        uai = _uai(entry.place)
        held = schools.get(desk.tx, uai)
        key = held.source_key if held is not None else ""
        schools.upsert(desk.tx, [_facts(uai, values, key)])
        _record(desk, "place-changed", uai)

    def rename(self, desk: Desk, entry: Entry, place: Place, rdn: Sequence[names.Ava], values: Values) -> None:
        old, new = _uai(entry.place), _uai(place)
        if old == new:
            return
        removals.rename_school(desk.tx, old, new)
        _record(desk, "place-renamed", old, name=new)

    def delete(self, desk: Desk, entry: Entry) -> None:
        uai = _uai(entry.place)
        held = removals.held_by_school(desk.tx, uai)
        if held:
            raise Fault(Code.UNWILLING_TO_PERFORM, f"{held} people or lists belong to this school")
        removals.remove_school(desk.tx, uai)
        _record(desk, "place-deleted", uai)


def _uai(place: Place) -> str:
    uai = place.key.upper()
    if not identifiers.is_uai(uai):
        raise Fault(Code.NAMING_VIOLATION, "a school is named by its UAI: seven digits and a letter")
    return uai


def _facts(uai: str, values: Mapping[str, Sequence[str]], source_key: str = "") -> Facts:
    """The inverse of `tree.structure_attributes`."""

    def one(name: str) -> str:
        return next(iter(values.get(name, ())), "")

    return Facts(
        uai,
        one("displayName"),
        one("acadSchoolKind"),
        one("acadContract"),
        one("street"),
        one("postalCode"),
        one("l"),
        one("telephoneNumber"),
        source_key,
    )


def _record(desk: Desk, what: str, uai: str, **values: str) -> None:
    audit.record(desk.tx, desk.origin, Action.CHANGED, 0, Cause(what, kind=("school",), key=uai, **values))
