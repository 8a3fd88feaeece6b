"""Entries as a unit sees them: whole, as the administrator does, inside the transaction that changes them."""

from collections.abc import Mapping, Sequence

from directory.entries.tree import BRANCHES, TERMS, Entry, Kind, Place, Tree
from directory.schema import names, schema
from directory.server.faults import Fault
from directory.server.reading.entries import person_of
from directory.server.reading.groups import group_of
from directory.server.wire.messages import Code
from mailserver.store.account import accounts
from mailserver.store.engine.statements import Tx
from mailserver.store.people import bulk_people, contacts, people, schools, vocabulary_entries
from mailserver.store.people.mailing_lists import lists

FIXED = frozenset({Kind.BASE, Kind.ADMIN, *BRANCHES})
"""What stands in every tree."""
ACCOUNT_CLASS = "acadPerson"
"""The class that makes a person's entry an account."""


def at(tx: Tx, tree: Tree, place: Place) -> Entry | None:
    """The entry at a place."""
    match place.kind:
        case Kind.PERSON:
            return _person(tx, tree, place)
        case Kind.CONTACT:
            return _contact(tx, tree, place.key)
        case Kind.STRUCTURE:
            school = schools.get(tx, place.key)
            return tree.structure(school.facts, school.created, school.modified) if school is not None else None
        case Kind.GROUP:
            entry = lists.get(tx, tree.group_address(place.key))
            return tree.group(group_of(tx, tree, entry), entry.created, entry.modified) if entry is not None else None
        case kind if kind in TERMS:
            uai, code = place_of_term(place)
            term = vocabulary_entries.get(tx, TERMS[kind], uai, code)
            return tree.term(term) if term is not None else None
        case _:
            return tree.fixed(place.kind, "")


def user_attributes(entry: Entry) -> dict[str, tuple[str, ...]]:
    """What of an entry a client may have written, in principle: everything that is not operational."""
    return {
        name: tuple(values) for name, values in entry.attributes.items() if not schema.BY_NAME[name.lower()].operational
    }


def has_children(tx: Tx, place: Place) -> bool:
    """Whether entries stand below."""
    if place.kind is Kind.STRUCTURE:
        uai = place.key.upper()
        return any(vocabulary_entries.listing(tx, kind, uai) for kind in vocabulary_entries.OF_A_SCHOOL)
    return place.kind is Kind.BASE or place.kind in BRANCHES


def nearest(tx: Tx, tree: Tree, dn: str) -> str:
    """The lowest entry above a name where nothing stands: `matchedDN` (RFC 4511 section 4.1.9)."""
    name = names.parse(dn)
    while name:
        name = name[1:]
        place = tree.locate(names.write(name))
        entry = at(tx, tree, place) if place is not None else None
        if entry is not None:
            return entry.dn
    return ""


def kind_for(place: Place, attributes: Mapping[str, Sequence[str]]) -> Place:
    """Where an entry of these classes stands: in ou=people, accounts and entries of the address book have like names.

    Raises Fault(NAMING_VIOLATION).
    """
    if place.kind not in (Kind.PERSON, Kind.CONTACT):
        return place
    is_account = any(value.strip().lower() == ACCOUNT_CLASS.lower() for value in attributes.get("objectClass", ()))
    if is_account and place.kind is Kind.CONTACT:
        raise Fault(Code.NAMING_VIOLATION, "an account is named by its uid, in ou=people")
    if place.kind is Kind.PERSON and not is_account:
        return Place(Kind.CONTACT, contact_key(place))
    return place


def contact_key(place: Place) -> str:
    """Under which an entry of the address book is kept that has the name of a person."""
    return f"uid={names.escape(place.key)},ou={BRANCHES[Kind.PEOPLE]}"


def place_of_term(place: Place) -> tuple[str, str]:
    """School and code of a class, group, discipline or function."""
    uai, dollar, code = place.key.partition("$")
    return (uai.upper(), code) if dollar else ("", place.key)


def person_row(tx: Tx, login: str) -> people.Entry | None:
    """The row of the person with this identifier, whatever the account's state."""
    standing = accounts.by_login(tx, login)
    return people.by_account(tx, standing.id) if standing is not None else None


def _person(tx: Tx, tree: Tree, place: Place) -> Entry | None:
    row = person_row(tx, place.key)
    if row is None:
        return _contact(tx, tree, contact_key(place))
    ties = bulk_people.ties(tx, (row.account_id,)).get(row.account_id, ())
    school = schools.get(tx, row.uai) if row.uai else None
    return tree.person(person_of(row, school.name if school is not None else "", ties), row.created, row.modified)


def _contact(tx: Tx, tree: Tree, key: str) -> Entry | None:
    found = contacts.get(tx, key)
    return tree.contact(found.rdn, found.attributes, found.created, found.modified) if found is not None else None
