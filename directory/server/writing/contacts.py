"""Entries of the address book that are nobody's account: what is written is kept as it is, within bounds."""

from collections.abc import Sequence

from directory.entries.person_entries import is_secret
from directory.entries.tree import BRANCHES, Entry, Kind, Place
from directory.schema import names, schema
from directory.server.faults import Fault
from directory.server.wire.messages import Code
from directory.server.writing.desk import Desk, Password, refuse_password
from directory.server.writing.modifying import Values
from directory.server.writing.reading import ACCOUNT_CLASS
from mailserver.model.folding import fold_login
from mailserver.store.people import claims, contacts
from mailserver.store.record import audit
from mailserver.store.record.audit import Action
from mailserver.texts.causes import Cause

_CLASS = "inetOrgPerson"


class Contacts:
    """Writes table `contact_entry`."""

    loose: frozenset[str] = frozenset({"objectClass"})
    """An entry shows the classes that its own imply, too."""
    free: frozenset[str] = frozenset()

    def add(
        self, desk: Desk, place: Place, rdn: Sequence[names.Ava], values: Values, password: Password | None
    ) -> None:
        refuse_password(password)
        _check(desk, values)
        contacts.add(desk.tx, place.key, _written(place, rdn), values)
        _hold(desk, place)
        audit.record(
            desk.tx, desk.origin, Action.CREATED, 0, Cause("entry", dn=desk.tree.contact_dn(_written(place, rdn)))
        )

    def modify(self, desk: Desk, entry: Entry, values: Values, password: Password | None) -> None:
        refuse_password(password)
        _check(desk, values)
        contacts.change(desk.tx, _number(desk, entry), values)
        audit.record(desk.tx, desk.origin, Action.CHANGED, 0, Cause("entry", dn=entry.dn))

    def rename(self, desk: Desk, entry: Entry, place: Place, rdn: Sequence[names.Ava], values: Values) -> None:
        _check(desk, values)
        contacts.rename(desk.tx, _number(desk, entry), place.key, _written(place, rdn), values)
        _release(desk, entry.place)
        _hold(desk, place)
        audit.record(
            desk.tx, desk.origin, Action.CHANGED, 0, Cause("entry-renamed", dn=entry.dn, name=_written(place, rdn))
        )

    def delete(self, desk: Desk, entry: Entry) -> None:
        contacts.remove(desk.tx, _number(desk, entry))
        _release(desk, entry.place)
        audit.record(desk.tx, desk.origin, Action.DELETED, 0, Cause("entry", dn=entry.dn))


def _check(desk: Desk, values: Values) -> None:
    """Raises Fault."""
    classes = {value.lower() for value in values["objectClass"]}
    if ACCOUNT_CLASS.lower() in classes:
        text = "an entry without an account does not become one: delete it, and add the person"
        raise Fault(Code.UNWILLING_TO_PERFORM, text)
    if _CLASS.lower() not in classes:
        raise Fault(Code.OBJECT_CLASS_VIOLATION, f"an entry of the address book is an {_CLASS}")
    for name, held in values.items():
        is_text = schema.BY_NAME[name.lower()].syntax not in schema.BINARY
        if is_text and name != "mail" and any(map(is_secret, held)):
            raise Fault(Code.CONSTRAINT_VIOLATION, f"{name}: this looks like a NUMEN or an INE, which are secrets")
    for login in values.get("uid", ()):
        # Programs look people up by uid: two entries with one would be one person to them.
        if claims.owner(desk.tx, fold_login(login)) not in (None, claims.CONTACT):
            raise Fault(Code.CONSTRAINT_VIOLATION, f"uid: {login[:100]} is or was the identifier of an account")


def _number(desk: Desk, entry: Entry) -> int:
    found = contacts.get(desk.tx, entry.place.key)
    if found is None:
        raise Fault(Code.NO_SUCH_OBJECT)
    return found.id


def _written(place: Place, rdn: Sequence[names.Ava]) -> str:
    """The name below the base, as the client spelled it."""
    return f"{names.write((tuple(rdn),))},{names.write(names.parse(place.key)[1:])}"


def _hold(desk: Desk, place: Place) -> None:
    """While an entry in ou=people is named by a uid, nobody is issued it: two entries would have one name."""
    login = _login(place)
    if login:
        claims.lock(desk.tx)
        claims.hold_for_contact(desk.tx, login)


def _release(desk: Desk, place: Place) -> None:
    login = _login(place)
    if login:
        claims.release_contact(desk.tx, login)


def _login(place: Place) -> str:
    relative, *above = names.parse(place.key)
    in_people = names.comparable(tuple(above)) == ((("ou", BRANCHES[Kind.PEOPLE]),),)
    return relative[0][1] if in_people and len(relative) == 1 and relative[0][0] == "uid" else ""
