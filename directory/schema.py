"""Attribute types and object classes of the tree, and the matching rules that compare their values.

One table serves the embedded server's filters, its subschema entry, and the test that holds
deploy/mailserver.schema to it. Our own definitions live under one arc made from a UUID (ITU-T X.667:
2.25.N needs no registration): `.1` attribute types, `.2` object classes. A number, once given, keeps
its meaning for ever.
"""

import datetime
import re
import uuid
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from directory import names
from mailserver.errors import BadSyntax

ARC = "2.25.214369060024592588636620914225914994140"

Comparable = str | int | float | names.Name


@dataclass(frozen=True, slots=True)
class Rule:
    """A matching rule (RFC 4517 section 4): `read` gives a value's comparable form, or None if it has none."""

    oid: str
    name: str
    syntax: str
    read: Callable[[str], Comparable | None]


@dataclass(frozen=True, slots=True)
class AttributeType:
    """`substrings` and `ordering` say whether such assertions apply; `kinds` are its subtypes and itself."""

    oid: str
    names: tuple[str, ...]
    syntax: str
    rule: Rule | None
    substrings: bool = False
    ordering: bool = False
    single: bool = False
    operational: bool = False
    superior: str = ""

    @property
    def name(self) -> str:
        return self.names[0]


@dataclass(frozen=True, slots=True)
class ObjectClass:
    oid: str
    name: str
    kind: str
    superior: str
    must: tuple[str, ...] = ()
    may: tuple[str, ...] = ()


# ---------------------------------------------------------------------------- how values compare

_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,30}")
_OID = re.compile(r"[0-9]+(?:\.[0-9]+)+")
_TIME = re.compile(
    r"(\d{4})(\d\d)(\d\d)(\d\d)(?:(\d\d)(?:(\d\d))?)?(?:[.,](\d{1,9}))?(?:Z|([+-])(\d\d)(\d\d)?)", re.ASCII
)


def _ignore(text: str) -> str | None:
    """A Directory String has one character at least (RFC 4517 section 3.3.6)."""
    return names.fold(text) if text else None


def _exact(text: str) -> str | None:
    return names.prepare(text, fold_case=False).strip(" ") if text else None


def _ascii(text: str) -> str | None:
    return names.fold(text) if text.isascii() else None


def _ascii_exact(text: str) -> str | None:
    return _exact(text) if text.isascii() else None


def _telephone(text: str) -> str | None:
    return text.lower().replace(" ", "").replace("-", "") if text.isascii() else None


def _integer(text: str) -> int | None:
    return int(text) if _INTEGER.fullmatch(text) else None


def _boolean(text: str) -> str | None:
    return text if text in ("TRUE", "FALSE") else None


def _octets(text: str) -> str:
    return text


def _uuid(text: str) -> str | None:
    try:
        return str(uuid.UUID(text)) if len(text) == 36 else None
    except ValueError:
        return None


def _time(text: str) -> float | None:
    """Generalized Time (RFC 4517 section 3.3.13) as seconds since the epoch."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, hours, minutes = found.groups()
    unit = 1 if second else 60 if minute else 3600
    try:
        moment = datetime.datetime(
            int(year), int(month), int(day), int(hour), int(minute or 0), int(second or 0), tzinfo=datetime.UTC
        )
        offset = datetime.timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
        seconds = (moment - offset if sign == "+" else moment + offset).timestamp()
    except (ValueError, OverflowError):
        return None
    return seconds + (float(f"0.{fraction}") * unit if fraction else 0.0)


def _name(text: str) -> names.Name | None:
    try:
        return names.comparable(names.parse(text))
    except BadSyntax:
        return None


def _identifier(text: str) -> str | None:
    """An OID or the name of something this schema knows (RFC 4517 section 4.2.26)."""
    folded = text.strip(" ").lower()
    if folded in _IDENTIFIERS:
        return _IDENTIFIERS[folded]
    return folded if _OID.fullmatch(folded) else None


_SYNTAX = "1.3.6.1.4.1.1466.115.121.1."
STRING, IA5, DN, OID, INTEGER = (_SYNTAX + number for number in ("15", "26", "12", "38", "27"))
TIME, OCTETS, TELEPHONE, BOOLEAN, JPEG = (_SYNTAX + number for number in ("24", "40", "50", "7", "28"))
POSTAL, FAX, ATTRIBUTE_TYPE, CLASS, MATCHING_RULE, SYNTAX = (
    _SYNTAX + number for number in ("41", "22", "3", "37", "30", "54")
)
UUID = "1.3.6.1.1.16.1"

SYNTAXES = {
    STRING: "Directory String",
    IA5: "IA5 String",
    DN: "DN",
    OID: "OID",
    INTEGER: "INTEGER",
    TIME: "Generalized Time",
    OCTETS: "Octet String",
    TELEPHONE: "Telephone Number",
    BOOLEAN: "Boolean",
    JPEG: "JPEG",
    POSTAL: "Postal Address",
    FAX: "Facsimile Telephone Number",
    ATTRIBUTE_TYPE: "Attribute Type Description",
    CLASS: "Object Class Description",
    MATCHING_RULE: "Matching Rule Description",
    SYNTAX: "LDAP Syntax Description",
    UUID: "UUID",
}

CASE_IGNORE = Rule("2.5.13.2", "caseIgnoreMatch", STRING, _ignore)
CASE_EXACT = Rule("2.5.13.5", "caseExactMatch", STRING, _exact)
CASE_IGNORE_IA5 = Rule("1.3.6.1.4.1.1466.109.114.2", "caseIgnoreIA5Match", IA5, _ascii)
CASE_EXACT_IA5 = Rule("1.3.6.1.4.1.1466.109.114.1", "caseExactIA5Match", IA5, _ascii_exact)
DN_MATCH = Rule("2.5.13.1", "distinguishedNameMatch", DN, _name)
OID_MATCH = Rule("2.5.13.0", "objectIdentifierMatch", OID, _identifier)
INTEGER_MATCH = Rule("2.5.13.14", "integerMatch", INTEGER, _integer)
TIME_MATCH = Rule("2.5.13.27", "generalizedTimeMatch", TIME, _time)
OCTETS_MATCH = Rule("2.5.13.17", "octetStringMatch", OCTETS, _octets)
TELEPHONE_MATCH = Rule("2.5.13.20", "telephoneNumberMatch", TELEPHONE, _telephone)
BOOLEAN_MATCH = Rule("2.5.13.13", "booleanMatch", BOOLEAN, _boolean)
UUID_MATCH = Rule("1.3.6.1.1.16.2", "uuidMatch", UUID, _uuid)

RULES = (
    CASE_IGNORE,
    CASE_EXACT,
    CASE_IGNORE_IA5,
    CASE_EXACT_IA5,
    DN_MATCH,
    OID_MATCH,
    INTEGER_MATCH,
    TIME_MATCH,
    OCTETS_MATCH,
    TELEPHONE_MATCH,
    BOOLEAN_MATCH,
    UUID_MATCH,
)
SUBSTRING_RULES = {
    CASE_IGNORE.name: ("2.5.13.4", "caseIgnoreSubstringsMatch"),
    CASE_IGNORE_IA5.name: ("1.3.6.1.4.1.1466.109.114.3", "caseIgnoreIA5SubstringsMatch"),
    CASE_EXACT.name: ("2.5.13.7", "caseExactSubstringsMatch"),
    TELEPHONE_MATCH.name: ("2.5.13.21", "telephoneNumberSubstringsMatch"),
}
ORDERING_RULES = {
    INTEGER_MATCH.name: ("2.5.13.15", "integerOrderingMatch"),
    TIME_MATCH.name: ("2.5.13.28", "generalizedTimeOrderingMatch"),
    UUID_MATCH.name: ("1.3.6.1.1.16.3", "uuidOrderingMatch"),
}

# ---------------------------------------------------------------------------- attribute types


def _string(oid: str, *spellings: str, superior: str = "", single: bool = False) -> AttributeType:
    return AttributeType(oid, spellings, STRING, CASE_IGNORE, True, single=single, superior=superior)


def _ia5(oid: str, *spellings: str, single: bool = False) -> AttributeType:
    return AttributeType(oid, spellings, IA5, CASE_IGNORE_IA5, True, single=single)


def _dn(oid: str, name: str, *, superior: str = "", operational: bool = False) -> AttributeType:
    return AttributeType(oid, (name,), DN, DN_MATCH, single=operational, operational=operational, superior=superior)


def _phone(oid: str, *spellings: str) -> AttributeType:
    return AttributeType(oid, spellings, TELEPHONE, TELEPHONE_MATCH, True)


def _about_server(oid: str, name: str, syntax: str = OID, rule: Rule | None = OID_MATCH) -> AttributeType:
    return AttributeType(oid, (name,), syntax, rule, operational=True)


_COSINE = "0.9.2342.19200300.100.1"
_NETSCAPE = "2.16.840.1.113730.3.1"

ATTRIBUTES = (
    AttributeType("2.5.4.0", ("objectClass",), OID, OID_MATCH),
    _string("2.5.4.41", "name"),
    _string("2.5.4.3", "cn", "commonName", superior="name"),
    _string("2.5.4.4", "sn", "surname", superior="name"),
    _string("2.5.4.42", "givenName", "gn", superior="name"),
    _string("2.5.4.43", "initials", superior="name"),
    _string("2.5.4.7", "l", "localityName", superior="name"),
    _string("2.5.4.8", "st", "stateOrProvinceName", superior="name"),
    _string("2.5.4.10", "o", "organizationName", superior="name"),
    _string("2.5.4.11", "ou", "organizationalUnitName", superior="name"),
    _string("2.5.4.12", "title", superior="name"),
    _string("2.5.4.9", "street", "streetAddress"),
    _string("2.5.4.13", "description"),
    _string("2.5.4.15", "businessCategory"),
    _string("2.5.4.17", "postalCode"),
    _string("2.5.4.19", "physicalDeliveryOfficeName"),
    _phone("2.5.4.20", "telephoneNumber"),
    AttributeType("2.5.4.23", ("facsimileTelephoneNumber", "fax"), FAX, None),
    _dn("2.5.4.49", "distinguishedName"),
    _dn("2.5.4.31", "member", superior="distinguishedName"),
    _dn("2.5.4.32", "owner", superior="distinguishedName"),
    _dn("2.5.4.34", "seeAlso", superior="distinguishedName"),
    AttributeType("2.5.4.35", ("userPassword",), OCTETS, OCTETS_MATCH),
    _string(f"{_COSINE}.1", "uid", "userid"),
    _ia5(f"{_COSINE}.3", "mail", "rfc822Mailbox"),
    _string(f"{_COSINE}.6", "roomNumber"),
    _dn(f"{_COSINE}.10", "manager"),
    _phone(f"{_COSINE}.20", "homePhone", "homeTelephoneNumber"),
    _ia5(f"{_COSINE}.25", "dc", "domainComponent", single=True),
    _phone(f"{_COSINE}.41", "mobile", "mobileTelephoneNumber"),
    _string(f"{_NETSCAPE}.1", "carLicense"),
    _string(f"{_NETSCAPE}.2", "departmentNumber"),
    _string(f"{_NETSCAPE}.3", "employeeNumber", single=True),
    _string(f"{_NETSCAPE}.4", "employeeType"),
    _string(f"{_NETSCAPE}.39", "preferredLanguage", single=True),
    _string(f"{_NETSCAPE}.241", "displayName", single=True),
    AttributeType("1.3.6.1.4.1.250.1.57", ("labeledURI",), STRING, CASE_EXACT),
    AttributeType(f"{_COSINE}.60", ("jpegPhoto",), JPEG, None),
    AttributeType(f"{ARC}.1.1", ("acadAccountId",), INTEGER, INTEGER_MATCH, ordering=True, single=True),
    _ia5(f"{ARC}.1.2", "acadAddress", single=True),
    _string(f"{ARC}.1.3", "acadUAI"),
    _string(f"{ARC}.1.4", "acadDiscipline"),
    _string(f"{ARC}.1.5", "acadState", single=True),
    _ia5(f"{ARC}.1.6", "acadMemberAddress"),
    # Operational (RFC 4512 sections 3.4, 4.2, 5.1).
    _dn("1.3.6.1.1.20", "entryDN", operational=True),
    AttributeType("1.3.6.1.1.16.4", ("entryUUID",), UUID, UUID_MATCH, ordering=True, single=True, operational=True),
    AttributeType("2.5.21.9", ("structuralObjectClass",), OID, OID_MATCH, single=True, operational=True),
    AttributeType("2.5.18.9", ("hasSubordinates",), BOOLEAN, BOOLEAN_MATCH, single=True, operational=True),
    AttributeType("2.5.18.1", ("createTimestamp",), TIME, TIME_MATCH, ordering=True, single=True, operational=True),
    AttributeType("2.5.18.2", ("modifyTimestamp",), TIME, TIME_MATCH, ordering=True, single=True, operational=True),
    _dn("2.5.18.10", "subschemaSubentry", operational=True),
    _about_server("2.5.21.4", "matchingRules", MATCHING_RULE, None),
    _about_server("2.5.21.5", "attributeTypes", ATTRIBUTE_TYPE, None),
    _about_server("2.5.21.6", "objectClasses", CLASS, None),
    _about_server("1.3.6.1.4.1.1466.101.120.16", "ldapSyntaxes", SYNTAX, None),
    _about_server("1.3.6.1.4.1.1466.101.120.5", "namingContexts", DN, DN_MATCH),
    _about_server("1.3.6.1.4.1.1466.101.120.13", "supportedControl"),
    _about_server("1.3.6.1.4.1.1466.101.120.7", "supportedExtension"),
    _about_server("1.3.6.1.4.1.4203.1.3.5", "supportedFeatures"),
    _about_server("1.3.6.1.4.1.1466.101.120.15", "supportedLDAPVersion", INTEGER, INTEGER_MATCH),
    _about_server("1.3.6.1.4.1.1466.101.120.14", "supportedSASLMechanisms", STRING, CASE_IGNORE),
    _about_server("1.3.6.1.1.4", "vendorName", STRING, CASE_EXACT),
    _about_server("1.3.6.1.1.5", "vendorVersion", STRING, CASE_EXACT),
)

# ---------------------------------------------------------------------------- object classes

_PERSON_MAY = ("userPassword", "telephoneNumber", "seeAlso", "description")
_PLACE_MAY = ("street", "postalCode", "physicalDeliveryOfficeName", "st", "l")

CLASSES = (
    ObjectClass("2.5.6.0", "top", "ABSTRACT", "", ("objectClass",)),
    ObjectClass("1.3.6.1.4.1.1466.344", "dcObject", "AUXILIARY", "top", ("dc",)),
    ObjectClass("2.5.6.4", "organization", "STRUCTURAL", "top", ("o",), ("userPassword", "description", *_PLACE_MAY)),
    ObjectClass("2.5.6.5", "organizationalUnit", "STRUCTURAL", "top", ("ou",), ("description", *_PLACE_MAY)),
    ObjectClass("2.5.6.6", "person", "STRUCTURAL", "top", ("sn", "cn"), _PERSON_MAY),
    ObjectClass("2.5.6.7", "organizationalPerson", "STRUCTURAL", "person", (), ("title", "ou", *_PLACE_MAY)),
    ObjectClass("2.5.6.8", "organizationalRole", "STRUCTURAL", "top", ("cn",), ("ou", "description", *_PLACE_MAY)),
    ObjectClass(
        "2.5.6.9",
        "groupOfNames",
        "STRUCTURAL",
        "top",
        ("member", "cn"),
        ("businessCategory", "seeAlso", "owner", "ou", "o", "description"),
    ),
    ObjectClass(
        "2.16.840.1.113730.3.2.2",
        "inetOrgPerson",
        "STRUCTURAL",
        "organizationalPerson",
        (),
        (
            *("businessCategory", "carLicense", "departmentNumber", "displayName", "employeeNumber"),
            *("employeeType", "givenName", "homePhone", "initials", "jpegPhoto", "labeledURI", "mail"),
            *("manager", "mobile", "o", "preferredLanguage", "roomNumber", "uid"),
        ),
    ),
    ObjectClass("2.5.20.1", "subschema", "AUXILIARY", "top"),
    ObjectClass(
        f"{ARC}.2.1",
        "acadPerson",
        "AUXILIARY",
        "top",
        (),
        ("acadAccountId", "acadAddress", "acadUAI", "acadDiscipline", "acadState"),
    ),
    ObjectClass(f"{ARC}.2.2", "acadStructure", "AUXILIARY", "top", ("acadUAI",), ("displayName", "mail")),
    ObjectClass(
        f"{ARC}.2.3",
        "acadList",
        "AUXILIARY",
        "top",
        ("mail",),
        ("acadMemberAddress", "member", "owner", "displayName"),
    ),
)

BY_NAME: dict[str, AttributeType] = {
    spelling.lower(): attribute for attribute in ATTRIBUTES for spelling in (attribute.oid, *attribute.names)
}
RULE_BY_NAME: dict[str, Rule] = {spelling.lower(): rule for rule in RULES for spelling in (rule.oid, rule.name)}
_IDENTIFIERS = {
    spelling.lower(): known.oid
    for known in (*CLASSES, *ATTRIBUTES)
    for spelling in (known.oid, *(known.names if isinstance(known, AttributeType) else (known.name,)))
}


def attribute(description: str) -> AttributeType | None:
    """The attribute type that a description names, options left out; None when we do not know it."""
    return BY_NAME.get(description.partition(";")[0].lower())


def kinds(known: AttributeType) -> tuple[AttributeType, ...]:
    """The type and its subtypes: an assertion about `name` is one about `cn` (RFC 4512 section 2.5.1)."""
    return (known, *(other for other in ATTRIBUTES if other.superior and other.superior == known.name))


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
    others = [*SUBSTRING_RULES.values(), *ORDERING_RULES.values()]
    return equality + [f"( {oid} NAME '{name}' SYNTAX {STRING} )" for oid, name in others]


def describe_syntaxes() -> list[str]:
    """LDAPSyntaxDescriptions (RFC 4512 section 4.1.5)."""
    return [f"( {oid} DESC '{text}' )" for oid, text in SYNTAXES.items()]
