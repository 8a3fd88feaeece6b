"""The schema as a whole: looking its definitions up, and writing them down for clients (RFC 4512 section 4.1).

`definitions` is the one table behind the embedded server's filters, its subschema entry, and the test that
holds deploy/*.schema to it; `matching_rules` says how values compare.
"""

from collections.abc import Hashable, Sequence

from directory.schema.definitions import ARC, ATTRIBUTES, CLASSES, AttributeType, ObjectClass
from directory.schema.matching_rules import (
    BOOLEAN_MATCH,
    CASE_EXACT,
    CASE_EXACT_IA5,
    CASE_IGNORE,
    CASE_IGNORE_IA5,
    DN_MATCH,
    IA5,
    IDENTIFIERS,
    INTEGER,
    INTEGER_MATCH,
    JPEG,
    OCTETS,
    OID_MATCH,
    ORDERING_RULES,
    PRINTABLE,
    RULES,
    STRING,
    SUBSTRING,
    SUBSTRING_RULES,
    SYNTAXES,
    TELEPHONE,
    TELEPHONE_MATCH,
    TIME_MATCH,
    Comparable,
    Rule,
    is_printable,
)

__all__ = [
    "ARC",
    "ATTRIBUTES",
    "BINARY",
    "BOOLEAN_MATCH",
    "BY_NAME",
    "CASE_EXACT",
    "CASE_EXACT_IA5",
    "CASE_IGNORE",
    "CASE_IGNORE_IA5",
    "CLASSES",
    "DN_MATCH",
    "IA5",
    "IDENTIFIERS",
    "INTEGER",
    "INTEGER_MATCH",
    "JPEG",
    "OCTETS",
    "OID_MATCH",
    "ORDERING_RULES",
    "PRINTABLE",
    "RULES",
    "RULE_BY_NAME",
    "STRING",
    "SUBSTRING_RULES",
    "SYNTAXES",
    "TELEPHONE",
    "TELEPHONE_MATCH",
    "TIME_MATCH",
    "AttributeType",
    "Comparable",
    "ObjectClass",
    "Rule",
    "as_octets",
    "as_text",
    "attribute",
    "comparable",
    "describe_attribute",
    "describe_class",
    "describe_rules",
    "describe_syntaxes",
    "is_printable",
    "kinds",
    "with_superiors",
]

BY_NAME: dict[str, AttributeType] = {
    spelling.lower(): attribute for attribute in ATTRIBUTES for spelling in (attribute.oid, *attribute.names)
}
RULE_BY_NAME: dict[str, Rule] = {spelling.lower(): rule for rule in RULES for spelling in (rule.oid, rule.name)}
IDENTIFIERS.update(
    (spelling.lower(), known.oid)
    for known in (*CLASSES, *ATTRIBUTES)
    for spelling in (known.oid, *(known.names if isinstance(known, AttributeType) else (known.name,)))
)
BINARY = frozenset({JPEG, OCTETS})
"""Syntaxes whose values are octets rather than text."""


def as_text(octets: bytes) -> str:
    """A value as we hold it: what is not UTF-8 (a photograph) is kept octet by octet. `as_octets` is its inverse."""
    return octets.decode("utf-8", "surrogateescape")


def as_octets(value: str) -> bytes:
    """A value as it goes over the wire."""
    return value.encode("utf-8", "surrogateescape")


def attribute(description: str) -> AttributeType | None:
    """The attribute type that a description names, options left out; None when we do not know it."""
    return BY_NAME.get(description.partition(";")[0].lower())


_CLASSES = {spelling.lower(): known for known in CLASSES for spelling in (known.name, known.oid)}
_KINDS = {
    known.name: (known, *(other for other in ATTRIBUTES if other.superior and other.superior == known.name))
    for known in ATTRIBUTES
}


def kinds(known: AttributeType) -> tuple[AttributeType, ...]:
    """The type and its subtypes: an assertion about `name` is one about `cn` (RFC 4512 section 2.5.1)."""
    return _KINDS[known.name]


def with_superiors(classes: Sequence[str]) -> tuple[str, ...]:
    """Object classes, and those that they imply, which are of the entry as well (RFC 4512 section 3.3)."""
    found = dict.fromkeys(classes)
    for name in classes:
        known = _CLASSES.get(name.lower())
        while known is not None and known.superior:
            found.setdefault(known.superior)
            known = _CLASSES.get(known.superior.lower())
    return tuple(found)


def comparable(known: AttributeType, value: str) -> Hashable | None:
    """The comparable form of a value under the attribute's own equality rule."""
    return known.rule.read(value) if known.rule is not None else None


def _quoted(spellings: tuple[str, ...]) -> str:
    text = " ".join(f"'{spelling}'" for spelling in spellings)
    return text if len(spellings) == 1 else f"( {text} )"


def _listed(word: str, members: tuple[str, ...]) -> str:
    if not members:
        return ""
    return f" {word} " + (members[0] if len(members) == 1 else f"( {' $ '.join(members)} )")


def describe_attribute(known: AttributeType) -> str:
    """An AttributeTypeDescription (RFC 4512 section 4.1.2)."""
    text = f"( {known.oid} NAME {_quoted(known.names)}"
    if known.superior:
        text += f" SUP {known.superior}"
    if known.rule is not None:
        text += f" EQUALITY {known.rule.name}"
        if known.ordering:
            text += f" ORDERING {ORDERING_RULES[known.rule.name][1]}"
        if known.substrings:
            text += f" SUBSTR {SUBSTRING_RULES[known.rule.name][1]}"
    text += f" SYNTAX {known.syntax}"
    if known.single:
        text += " SINGLE-VALUE"
    if known.operational:
        text += " NO-USER-MODIFICATION USAGE directoryOperation"
    return text + " )"


def describe_class(known: ObjectClass) -> str:
    """An ObjectClassDescription (RFC 4512 section 4.1.1)."""
    superior = f" SUP {known.superior}" if known.superior else ""
    members = _listed("MUST", known.must) + _listed("MAY", known.may)
    return f"( {known.oid} NAME '{known.name}'{superior} {known.kind}{members} )"


def describe_rules() -> list[str]:
    """MatchingRuleDescriptions (RFC 4512 section 4.1.3)."""
    equality = [f"( {rule.oid} NAME '{rule.name}' SYNTAX {rule.syntax} )" for rule in RULES]
    substrings = [f"( {oid} NAME '{name}' SYNTAX {SUBSTRING} )" for oid, name in SUBSTRING_RULES.values()]
    orderings = [
        f"( {oid} NAME '{name}' SYNTAX {RULE_BY_NAME[equal.lower()].syntax} )"
        for equal, (oid, name) in ORDERING_RULES.items()
    ]
    return equality + substrings + orderings


def describe_syntaxes() -> list[str]:
    """LDAPSyntaxDescriptions (RFC 4512 section 4.1.5)."""
    return [f"( {oid} DESC '{text}' )" for oid, text in SYNTAXES.items()]
