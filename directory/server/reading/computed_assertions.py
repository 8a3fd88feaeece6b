"""What assertions about computed attributes ask of people: labels, posts, numbers, times, names of entries. Pure.

Every condition is wider than its assertion, never narrower (`directory.server.reading.narrowing`).
"""

from directory.entries.person_attributes import AFFILIATIONS, EXTRA, PERSON_CLASSES
from directory.entries.place_entries import STRUCTURE_CLASSES, TERM_CLASSES
from directory.entries.tree import TERMS, Kind, Tree, account_of
from directory.schema import names, schema
from directory.schema.schema import AttributeType
from mailserver.model.errors import BadSyntax
from mailserver.model.identity import Role, Tie
from mailserver.store.people.search.conditions import (
    All,
    AtLeast,
    AtMost,
    AtSchool,
    Condition,
    Contains,
    Equals,
    Everything,
    Field,
    Nothing,
    Present,
    Some,
    Tied,
    at_school,
)

LABEL = "{uai}"
ALWAYS = {
    Kind.PERSON: PERSON_CLASSES,
    Kind.STRUCTURE: STRUCTURE_CLASSES,
    **dict.fromkeys(TERMS, TERM_CLASSES),
}
"""Object classes that every entry of a kind has."""
_LOCATED = {"acadClass": Tie.CLASS, "acadGroup": Tie.GROUP}
CODED = {"acadFunction": Tie.FUNCTION, "acadDisciplineCode": Tie.DISCIPLINE}
_LABELLED = frozenset({"supannEtablissement", "supannEntiteAffectation"})
_NUMBERED = {"acadAccountId": Field.ACCOUNT_ID}
_TIMED = {
    "createTimestamp": Field.CREATED,
    "modifyTimestamp": Field.MODIFIED,
    "schacExpiryDate": Field.EXPIRES,
}
_AFFILIATED = frozenset({"eduPersonAffiliation", "eduPersonPrimaryAffiliation", "eduPersonScopedAffiliation"})


# ---------------------------------------------------------------------- equality


def equals(known: AttributeType, text: str, tree: Tree) -> Condition:
    """Of people, an equality about an attribute without a column of its own."""
    name, value = known.name, names.fold(text)
    if name in _AFFILIATED:
        return _roles(name, value)
    if name in _LOCATED:
        uai, somewhere, code = value.partition("$")
        return Tied(_LOCATED[name], code, uai) if somewhere else Tied(_LOCATED[name], value)
    if name in CODED:
        return Tied(CODED[name], value) if value else Nothing()
    if name == "acadPost":
        return _post(value)
    if name in _LABELLED:
        return at_school(value.removeprefix(LABEL)) if value.startswith(LABEL) else Nothing()
    match name:
        case "acadUAI":
            return at_school(value)
        case "supannEntiteAffectationPrincipale":
            return Equals(Field.UAI, value.removeprefix(LABEL)) if value.startswith(LABEL) else Nothing()
        case "eduPersonPrincipalName":
            return Equals(Field.LOGIN, value.rpartition("@")[0])
        case "supannListeRouge":
            return Equals(Field.HIDDEN, "1" if text == "TRUE" else "0")
        case "entryDN" | "entryUUID":
            return _entry_named(name, text, tree)
    if name in EXTRA:
        return Present(Field.EXTRA)
    field = _NUMBERED.get(name)
    if field is not None:
        number = schema.comparable(known, text)
        return Nothing() if not isinstance(number, int) else _number(field, number)
    return _time(known, text)


def _roles(name: str, value: str) -> Condition:
    """The roles of an affiliation."""
    affiliation = value.rpartition("@")[0] if name == "eduPersonScopedAffiliation" else value
    held = {
        role: affiliations[:1] if name == "eduPersonPrimaryAffiliation" else affiliations
        for role, affiliations in AFFILIATIONS.items()
    }
    found = [Equals(Field.ROLE, role.value) for role, affiliations in held.items() if affiliation in affiliations]
    return Some(tuple(found)) if found else Nothing()


def exact_role(known: AttributeType, text: str) -> Condition | None:
    """The condition that holds exactly where an equality about roles does; None when it is about something else."""
    value = names.fold(text)
    if known.name == "employeeType" and value in tuple(Role):
        return Equals(Field.ROLE, value)
    if known.name in _AFFILIATED - {"eduPersonScopedAffiliation"}:
        found = _roles(known.name, value)
        return found if isinstance(found, Some) else None
    return None


def _post(value: str) -> Condition:
    uai, _, rest = value.partition("$")
    kind, _, code = rest.partition("$")
    return Tied(Tie(kind), code, uai) if kind in (Tie.FUNCTION, Tie.DISCIPLINE, Tie.SCHOOL) else Nothing()


def _entry_named(name: str, text: str, tree: Tree) -> Condition:
    if name == "entryUUID":
        account_id = account_of(text)
        # Only entries that do not know their account's number have another kind of UUID: none of ours.
        return _number(Field.ACCOUNT_ID, account_id) if account_id else Nothing()
    try:
        place = tree.locate(text)
    except BadSyntax:
        return Nothing()
    return Equals(Field.LOGIN, place.key) if place is not None and place.kind is Kind.PERSON else Nothing()


def _number(field: Field, number: int) -> Condition:
    return Equals(field, str(number)) if 0 <= number < 10**18 else Nothing()


def _time(known: AttributeType, text: str) -> Condition:
    field = _TIMED.get(known.name)
    if field is None:
        return Everything()
    moment = schema.comparable(known, text)
    return _number(field, int(moment)) if isinstance(moment, float) and moment >= 0 else Nothing()


# ---------------------------------------------------------------------- substrings, order, presence


def contains(known: AttributeType, initial: str, middle: tuple[str, ...], final: str) -> Condition:
    """Of people, a substring assertion; the pieces are folded."""
    name = known.name
    if name in _LOCATED:
        uai, somewhere, code = initial.partition("$")
        if somewhere and uai:
            return Tied(_LOCATED[name], code, uai, prefix=True)
        return Tied(_LOCATED[name])
    if name in CODED:
        return Tied(CODED[name], initial, prefix=True)
    if name == "acadPost":
        return Some(tuple(Tied(kind) for kind in (Tie.FUNCTION, Tie.DISCIPLINE, Tie.SCHOOL)))
    if name == "acadUAI":
        return AtSchool(Contains(Field.UAI, initial, middle, final))
    if name in _LABELLED or name == "supannEntiteAffectationPrincipale":
        if not initial.startswith(LABEL):
            return Everything() if LABEL.startswith(initial) else Nothing()
        return AtSchool(Contains(Field.UAI, initial.removeprefix(LABEL), middle, final))
    if name in EXTRA:
        return Present(Field.EXTRA)
    return Everything()


def ordered(known: AttributeType, text: str | None, at_least: bool) -> Condition:
    """Of people, `>=` or `<=`: of numbers and times only."""
    field = _NUMBERED.get(known.name) or _TIMED.get(known.name)
    if field is None:
        return Present(Field.EXTRA) if known.name in EXTRA else Everything()
    bound = schema.comparable(known, text) if text is not None else None
    if not isinstance(bound, int | float):
        return Nothing()
    # Entries show whole seconds, so a fraction may be left off a lower bound and off an upper one alike.
    number = max(int(bound), 0)
    if number >= 10**18:
        return Nothing() if at_least else Everything()
    if bound < 0 and not at_least:
        return Nothing()
    return AtLeast(field, str(number)) if at_least else AtMost(field, str(number))


def present(known: AttributeType) -> Condition:
    """Of people, whether an attribute has a value."""
    name = known.name
    if name in EXTRA:
        return Present(Field.EXTRA)
    if name in _LOCATED or name in CODED:
        return Tied((_LOCATED | CODED)[name])
    match name:
        case "schacExpiryDate":
            return Present(Field.EXPIRES)
        case "acadDiscipline":
            return Present(Field.DISCIPLINE)
        case "supannCivilite":
            return Present(Field.TITLE)
        case "o" | "supannEntiteAffectationPrincipale":
            return Present(Field.UAI)
    return Everything()


# ---------------------------------------------------------------------- terms


def term_equals(known: AttributeType, text: str, kind: Kind) -> Condition:
    """Of classes and groups, an equality about what names them."""
    if kind not in (Kind.CLASS, Kind.SUBGROUP) or known.name not in _LOCATED:
        return Everything()
    uai, _, code = names.fold(text).partition("$")
    return All((Equals(Field.UAI, uai), Equals(Field.CODE, code)))


def term_contains(known: AttributeType, initial: str, kind: Kind) -> Condition:
    """And a substring assertion, by how it begins."""
    if kind not in (Kind.CLASS, Kind.SUBGROUP) or known.name not in _LOCATED:
        return Everything()
    uai, somewhere, code = initial.partition("$")
    return All((Equals(Field.UAI, uai), Contains(Field.CODE, code))) if somewhere else Contains(Field.UAI, uai)
