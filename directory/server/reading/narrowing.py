"""From a filter to a condition that the database answers through its indexes.

The condition is wider than the filter, never narrower: whatever it lets through is looked at again by
`directory.server.reading.matching`, which alone decides. So an attribute without a column simply narrows nothing, and
the folding of the columns (which also drops accents) need only be coarser than the matching rules' own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from directory.entries.tree import CARRIED, CLASSES, OWN, PUBLIC, Kind, Tree
from directory.schema import names, schema
from directory.schema.schema import AttributeType
from directory.server.reading import computed_assertions
from directory.server.reading.matching import contains, decode
from directory.server.wire import filters
from directory.server.wire.filters import Filter
from mailserver.model.folding import search_key, strip_marks
from mailserver.store.people.search.conditions import (
    All,
    Condition,
    Contains,
    Equals,
    Everything,
    Field,
    Negation,
    Nothing,
    Some,
)

MAX_SCHOOLS = 100
"""Schools of one name that a condition lists."""

_FIELDS: Mapping[Kind, Mapping[str, Field]] = {
    Kind.PERSON: {
        "uid": Field.LOGIN,
        "supannAliasLogin": Field.LOGIN,
        "mail": Field.ADDRESS,
        "acadAddress": Field.ADDRESS,
        "sn": Field.SURNAME,
        "givenName": Field.GIVEN_NAME,
        "cn": Field.NAME,
        "displayName": Field.NAME,
        "employeeType": Field.ROLE,
        "acadDiscipline": Field.DISCIPLINE,
        "acadState": Field.STATE,
        "supannCivilite": Field.TITLE,
    },
    Kind.CONTACT: {
        "uid": Field.LOGIN,
        "mail": Field.ADDRESS,
        "sn": Field.SURNAME,
        "givenName": Field.GIVEN_NAME,
        "cn": Field.NAME,
        "displayName": Field.NAME,
    },
    Kind.STRUCTURE: {
        "ou": Field.UAI,
        "acadUAI": Field.UAI,
        "supannCodeEntite": Field.UAI,
        "displayName": Field.NAME,
    },
    Kind.GROUP: {"cn": Field.LOGIN, "mail": Field.ADDRESS, "displayName": Field.NAME, "acadUAI": Field.UAI},
    Kind.CLASS: {"acadUAI": Field.UAI, "description": Field.NAME},
    Kind.SUBGROUP: {"acadUAI": Field.UAI, "description": Field.NAME},
    Kind.DISCIPLINE: {"acadDisciplineCode": Field.CODE, "description": Field.NAME},
    Kind.FUNCTION: {"acadFunction": Field.CODE, "description": Field.NAME},
}
"""The column, or the key in memory, that holds an attribute of a kind of entries."""
_SHOWN = frozenset({"cn", "displayName"})
"""Attributes of people that follow from their names unless the administrator gave them."""
_ASCII = frozenset({Field.LOGIN, Field.ROLE, Field.STATE, Field.UAI, Field.TITLE})
"""Columns that hold no accents, but keep those of what they are compared with."""

Keys = Mapping[Field, str]
"""What is known of something in memory, each under `mailserver.model.folding.search_key`."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a filter on people may speak of besides people: the tree's names, and schools by their names."""

    tree: Tree
    schools: Mapping[str, str]
    """The folded name of each UAI."""
    reader: str | None = None
    """Whose login, folded, decides what is read of people; None: everything is. What somebody may not read of others
    chooses nobody but themselves, so that neither time nor the size of a page tells of it."""


_EVERY = frozenset(Kind)
_CARRIERS = {
    known.name: frozenset(
        kind
        for kind in Kind
        if kind not in CARRIED or any(attribute.name in CARRIED[kind] for attribute in schema.kinds(known))
    )
    for known in schema.ATTRIBUTES
}


def kinds_of(wanted: Filter) -> frozenset[Kind]:
    """Kinds of entries for which a filter may be true, by the attributes alone that they carry."""
    match wanted:
        case filters.And(items):
            return _EVERY.intersection(*map(kinds_of, items))
        case filters.Or(items):
            return frozenset().union(*map(kinds_of, items))
        case filters.Not() | filters.Extensible():
            return _EVERY
        case _:
            known = schema.attribute(wanted.attribute)
            return _CARRIERS[known.name] if known is not None else frozenset()


def narrow(wanted: Filter, kind: Kind, around: Surroundings) -> Condition:
    """A condition that holds of every entry of this kind for which the filter is true."""
    match wanted:
        case filters.And(items):
            return _both([narrow(item, kind, around) for item in items])
        case filters.Or(items):
            return _either([narrow(item, kind, around) for item in items])
        case filters.Not(item):
            return _refuted(item, kind, around)
        case filters.Extensible():
            return _extensible(wanted, kind, around)
        case _:
            return _assertion(wanted, kind, around)


def _refuted(wanted: Filter, kind: Kind, around: Surroundings) -> Condition:
    """A condition that holds of every entry for which the filter is false."""
    match wanted:
        case filters.And(items):
            return _either([_refuted(item, kind, around) for item in items])
        case filters.Or(items):
            return _both([_refuted(item, kind, around) for item in items])
        case filters.Not(item):
            return narrow(item, kind, around)
        case filters.Equality(attribute, octets):
            known, text = schema.attribute(attribute), decode(octets)
            if known is None or text is None or ";" in attribute:
                return Everything()
            if known.name == "objectClass" and _is_always_class(text, kind):
                return Nothing()
            role = computed_assertions.exact_role(known, text) if kind is Kind.PERSON else None
            return Negation(role) if role is not None else Everything()
        case filters.Present(attribute):
            known = schema.attribute(attribute)
            always = known is not None and known.name == "objectClass" and ";" not in attribute
            return Nothing() if always else Everything()
        case _:
            return Everything()


def _both(conditions: list[Condition]) -> Condition:
    kept = tuple(condition for condition in conditions if not isinstance(condition, Everything))
    if any(isinstance(condition, Nothing) for condition in kept):
        return Nothing()
    if len(kept) == 1:
        return kept[0]
    return All(kept) if kept else Everything()


def _either(conditions: list[Condition]) -> Condition:
    kept = tuple(dict.fromkeys(condition for condition in conditions if not isinstance(condition, Nothing)))
    if any(isinstance(condition, Everything) for condition in kept):
        return Everything()
    if len(kept) == 1:
        return kept[0]
    return Some(kept) if kept else Nothing()


Assertion = (
    filters.Equality
    | filters.Approximate
    | filters.Substrings
    | filters.GreaterOrEqual
    | filters.LessOrEqual
    | filters.Present
)


def _assertion(wanted: Assertion, kind: Kind, around: Surroundings) -> Condition:
    """What an assertion about an attribute asks of the entries that may carry it or one of its subtypes."""
    known = schema.attribute(wanted.attribute)
    if known is None:
        return Nothing()  # undefined, hence never true
    return _either(
        [_readable(member, kind, around) or _about(member, wanted, kind, around) for member in _members(known, kind)]
    )


def _readable(known: AttributeType, kind: Kind, around: Surroundings) -> Condition | None:
    """Of whom alone an assertion about an attribute can be true that the reader may not read of others; None: any."""
    if kind is not Kind.PERSON or around.reader is None or known.name in PUBLIC:
        return None
    return Equals(Field.LOGIN, around.reader) if known.name in OWN else Nothing()


def _members(known: AttributeType, kind: Kind) -> list[AttributeType]:
    carried = CARRIED.get(kind)
    return [member for member in schema.kinds(known) if carried is None or member.name in carried]


def _about(known: AttributeType, wanted: Assertion, kind: Kind, around: Surroundings) -> Condition:
    match wanted:
        case filters.Equality(_, octets) if known.name == "objectClass":
            return _class(decode(octets), kind)
        case filters.Equality(_, octets):
            return _equals(known, decode(octets), kind, around)
        case filters.Approximate(_, octets):
            return _approximate(known, decode(octets), kind)
        case filters.Substrings():
            return _contains(known, wanted, kind, around)
        case filters.GreaterOrEqual(_, octets) | filters.LessOrEqual(_, octets):
            if kind is not Kind.PERSON:
                return Everything()
            return computed_assertions.ordered(known, decode(octets), isinstance(wanted, filters.GreaterOrEqual))
        case filters.Present():
            return computed_assertions.present(known) if kind is Kind.PERSON else Everything()


def _class(wanted: str | None, kind: Kind) -> Condition:
    if wanted is None:
        return Nothing()
    known = CLASSES.get(kind)
    found = schema.OID_MATCH.read(wanted)
    if found is None:
        return Nothing()
    return Everything() if known is None or found in {schema.OID_MATCH.read(name) for name in known} else Nothing()


def _is_always_class(wanted: str, kind: Kind) -> bool:
    """Whether every entry of a kind has a class."""
    always = computed_assertions.ALWAYS.get(kind, ("top",))
    return schema.OID_MATCH.read(wanted) in {schema.OID_MATCH.read(name) for name in always}


def _equals(known: AttributeType, text: str | None, kind: Kind, around: Surroundings) -> Condition:
    if text is None:
        return Nothing()
    field = _FIELDS.get(kind, {}).get(known.name)
    value = names.fold(text)
    if field is not None:
        return _of_name(known, kind, field, lambda one: Equals(one, value), (value,))
    if kind is Kind.PERSON:
        if known.name == "o":
            return _at_school_named(lambda name: name == search_key(value), around)
        return computed_assertions.equals(known, text, around.tree)
    return computed_assertions.term_equals(known, text, kind)


def _approximate(known: AttributeType, text: str | None, kind: Kind) -> Condition:
    """Accents are forgotten: columns that keep them are asked without."""
    if text is None:
        return Nothing()
    field = _FIELDS.get(kind, {}).get(known.name)
    if field is None:
        return computed_assertions.present(known) if kind is Kind.PERSON else Everything()
    value = names.fold(text)
    if field in _ASCII:
        value = strip_marks(value)
    return _of_name(known, kind, field, lambda one: Equals(one, value), (value,))


def _of_name(
    known: AttributeType, kind: Kind, field: Field, test: Callable[[Field], Condition], pieces: tuple[str, ...]
) -> Condition:
    """A test of a column that holds what it compares with, in pieces, where people's names are kept in two places.

    `sn` is the whole name of those who have no surname, and `cn` and `displayName` are what was given, if anything
    was (`directory.entries.person_attributes`).
    """
    condition = test(field)
    if kind is not Kind.PERSON:
        return condition
    if known.name == "sn":
        return Some((condition, All((Equals(Field.SURNAME, ""), test(Field.NAME)))))
    if known.name in _SHOWN:
        return Some((condition, Contains(Field.SHOWN_NAME, middle=pieces)))
    return condition


def _contains(known: AttributeType, wanted: filters.Substrings, kind: Kind, around: Surroundings) -> Condition:
    pieces = [decode(piece) for piece in (wanted.initial, *wanted.any, wanted.final)]
    if any(piece is None for piece in pieces):
        return Nothing()
    # Spaces at the ends of a piece are left to the matching: without them the condition is only wider.
    initial, *middle, final = [names.fold(piece or "") for piece in pieces]
    field = _FIELDS.get(kind, {}).get(known.name)
    if field is not None:
        held = tuple([piece for piece in (initial, *middle, final) if piece])
        return _of_name(known, kind, field, lambda one: Contains(one, initial, tuple(middle), final), held)
    if kind is not Kind.PERSON:
        return computed_assertions.term_contains(known, initial, kind)
    if known.name == "o":
        keys = search_key(initial), [search_key(piece) for piece in middle], search_key(final)
        return _at_school_named(lambda name: contains(name, *keys), around)
    return computed_assertions.contains(known, initial, tuple(middle), final)


def _at_school_named(holds: Callable[[str], bool], around: Surroundings) -> Condition:
    """`o` is the name of the main school."""
    found = [uai for uai, name in around.schools.items() if name and holds(name)]
    if len(found) > MAX_SCHOOLS:
        return Everything()
    return _either([Equals(Field.UAI, uai) for uai in found])


def _extensible(wanted: filters.Extensible, kind: Kind, around: Surroundings) -> Condition:
    """`attr:caseIgnoreMatch:=value` is an equality; with parts of the name, or without attribute, anything."""
    known = schema.attribute(wanted.attribute) if wanted.attribute else None
    if known is None or wanted.dn_attributes:
        return Everything() if not wanted.attribute or wanted.dn_attributes else Nothing()
    if known.name == "objectClass":
        return Everything()
    text = decode(wanted.value)
    return _either(
        [_readable(member, kind, around) or _equals(member, text, kind, around) for member in _members(known, kind)]
    )


def predicate(condition: Condition) -> Callable[[Keys], bool]:
    """Whether a condition of ours may be true of something that is in memory rather than in a table.

    Compared as the columns are, without accents, so that it stays wider than the filter.
    """
    match condition:
        case All(conditions):
            parts = [predicate(condition) for condition in conditions]
            return lambda keys: all(part(keys) for part in parts)
        case Some(conditions):
            parts = [predicate(condition) for condition in conditions]
            return lambda keys: any(part(keys) for part in parts)
        case Equals(field, value):
            key = search_key(value)
            return lambda keys: keys[field] == key
        case Contains(field, initial, middle, final):
            first, last, pieces = search_key(initial), search_key(final), [search_key(piece) for piece in middle]
            return lambda keys: contains(keys[field], first, pieces, last)
        case Nothing():
            return lambda keys: False
        case _:
            return lambda keys: True
