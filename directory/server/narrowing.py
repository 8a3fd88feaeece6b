"""From a filter to a condition that the database answers through its indexes.

The condition is wider than the filter, never narrower: whatever it lets through is looked at again by
`directory.server.matching`, which alone decides. So a NOT, or an attribute without a column, simply
narrows nothing, and the folding of the columns (which also drops accents) need only be coarser than the
matching rules' own.
"""

from collections.abc import Callable, Mapping

from directory import names, schema
from directory.schema import AttributeType
from directory.server import filters
from directory.server.filters import Filter
from directory.server.matching import contains, decode
from directory.tree import (
    GROUP_CLASSES,
    PERSON_CLASSES,
    ROLE_CLASSES,
    STRUCTURE_CLASSES,
    Kind,
    Person,
    person_attributes,
)
from mailserver.folding import search_key
from mailserver.store.conditions import (
    All,
    Condition,
    Contains,
    Equals,
    Everything,
    Field,
    Nothing,
    Some,
)

_OPERATIONAL = frozenset(known.name for known in schema.ATTRIBUTES if known.operational)
_EVERY_PERSON = Person("a", "a", "a", "a", ("b",), account_id=1, uai="a", discipline="a", school="a", state="a")
CARRIED: dict[Kind, frozenset[str]] = {
    Kind.PERSON: frozenset(person_attributes(_EVERY_PERSON)) | {"objectClass"} | _OPERATIONAL,
    Kind.STRUCTURE: frozenset({"objectClass", "ou", "acadUAI", "displayName"}) | _OPERATIONAL,
    Kind.GROUP: frozenset({"objectClass", "cn", "displayName", "mail", "member", "acadMemberAddress", "owner"})
    | _OPERATIONAL,
}
"""Attributes that entries of a kind may have: an assertion about any other is never true of them."""
_CLASSES = {
    Kind.PERSON: set(PERSON_CLASSES),
    Kind.STRUCTURE: set(STRUCTURE_CLASSES),
    Kind.GROUP: {*GROUP_CLASSES, *ROLE_CLASSES},
}
_GROUP_FIELDS = {"cn": Field.LOGIN, "mail": Field.ADDRESS, "displayName": Field.NAME}
_FIELDS = {
    "uid": Field.LOGIN,
    "mail": Field.ADDRESS,
    "acadAddress": Field.ADDRESS,
    "sn": Field.SURNAME,
    "givenName": Field.GIVEN_NAME,
    "cn": Field.NAME,
    "displayName": Field.NAME,
    "employeeType": Field.ROLE,
    "acadUAI": Field.UAI,
    "acadDiscipline": Field.DISCIPLINE,
    "acadState": Field.STATE,
    "acadAccountId": Field.ACCOUNT_ID,
}


Keys = Mapping[Field, str]
"""What is known of something in memory, each under `mailserver.folding.search_key`."""


def narrow(wanted: Filter, kind: Kind) -> Condition:
    """A condition that holds of every entry of this kind for which the filter is true."""
    match wanted:
        case filters.And(items):
            return _both([narrow(item, kind) for item in items])
        case filters.Or(items):
            return _either([narrow(item, kind) for item in items])
        case filters.Not():
            return Everything()
        case filters.Extensible():
            return _extensible(wanted, kind)
        case _:
            return _assertion(wanted, kind)


def _both(conditions: list[Condition]) -> Condition:
    kept = tuple(condition for condition in conditions if not isinstance(condition, Everything))
    if any(isinstance(condition, Nothing) for condition in kept):
        return Nothing()
    return All(kept) if kept else Everything()


def _either(conditions: list[Condition]) -> Condition:
    kept = tuple(condition for condition in conditions if not isinstance(condition, Nothing))
    if any(isinstance(condition, Everything) for condition in kept):
        return Everything()
    return Some(kept) if kept else Nothing()


Assertion = (
    filters.Equality
    | filters.Approximate
    | filters.Substrings
    | filters.GreaterOrEqual
    | filters.LessOrEqual
    | filters.Present
)


def _assertion(wanted: Assertion, kind: Kind) -> Condition:
    """What an assertion about an attribute asks of the entries that may carry it or one of its subtypes."""
    known = schema.attribute(wanted.attribute)
    if known is None:
        return Nothing()  # undefined, hence never true
    members = [member for member in schema.kinds(known) if member.name in CARRIED[kind]]
    return _either([_about(member, wanted, kind) for member in members])


def _about(known: AttributeType, wanted: Assertion, kind: Kind) -> Condition:
    match wanted:
        case filters.Equality(_, octets) if known.name == "objectClass":
            return _class(octets, kind)
        case filters.Equality(_, octets) | filters.Approximate(_, octets):
            return _equals(known, decode(octets), kind)
        case filters.Substrings():
            return _contains(known, wanted, kind)
        case _:
            return Everything()


def _class(octets: bytes, kind: Kind) -> Condition:
    wanted = decode(octets)
    found = None if wanted is None else schema.OID_MATCH.read(wanted)
    known = {schema.OID_MATCH.read(name) for name in _CLASSES[kind]}
    return Everything() if found is not None and found in known else Nothing()


def _equals(known: AttributeType, text: str | None, kind: Kind) -> Condition:
    if text is None:
        return Nothing()
    field = _field(known, kind)
    if field is None:
        return Everything()
    value = names.fold(text)
    return _surname(Equals(field, value), Equals(Field.NAME, value)) if known.name == "sn" else Equals(field, value)


def _field(known: AttributeType, kind: Kind) -> Field | None:
    """The column that holds an attribute of this kind of entry, if one does."""
    return {Kind.PERSON: _FIELDS, Kind.GROUP: _GROUP_FIELDS}.get(kind, {}).get(known.name)


def _surname(by_surname: Condition, by_name: Condition) -> Condition:
    """`sn` is the whole name of those who have no surname (`tree.person_attributes`)."""
    return Some((by_surname, All((Equals(Field.SURNAME, ""), by_name))))


def _contains(known: AttributeType, wanted: filters.Substrings, kind: Kind) -> Condition:
    pieces = [decode(piece) for piece in (wanted.initial, *wanted.any, wanted.final)]
    field = _field(known, kind)
    if field is None or field is Field.ACCOUNT_ID:
        return Everything()
    # Spaces at the ends of a piece are left to the matching: without them the condition is only wider.
    initial, *middle, final = [names.fold(piece or "") for piece in pieces]
    condition = Contains(field, initial, tuple(middle), final)
    if known.name != "sn":
        return condition
    return _surname(condition, Contains(Field.NAME, initial, tuple(middle), final))


def _extensible(wanted: filters.Extensible, kind: Kind) -> Condition:
    """`attr:caseIgnoreMatch:=value` is an equality; with parts of the name, or without attribute, anything."""
    known = schema.attribute(wanted.attribute) if wanted.attribute else None
    if known is None or wanted.dn_attributes:
        return Everything() if not wanted.attribute or wanted.dn_attributes else Nothing()
    members = [member for member in schema.kinds(known) if member.name in CARRIED[kind]]
    if known.name == "objectClass":
        return Everything()
    return _either([_equals(member, decode(wanted.value), kind) for member in members])


def predicate(condition: Condition) -> Callable[[Keys], bool]:
    """Whether a condition of ours may be true of something that is in memory rather than in a table.

    Compared as the columns are, without accents, so that it stays wider than the filter.
    """
    match condition:
        case All(conditions):
            parts = [predicate(one) for one in conditions]
            return lambda keys: all(part(keys) for part in parts)
        case Some(conditions):
            parts = [predicate(one) for one in conditions]
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
