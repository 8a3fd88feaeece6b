"""Matching rules and syntaxes: how values of attributes are compared (RFC 4517)."""

import datetime
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from directory.schema import names
from mailserver.model.errors import BadSyntax

Comparable = str | int | float | names.Name


@dataclass(frozen=True, slots=True)
class Rule:
    """A matching rule (RFC 4517 section 4): `read` gives a value's comparable form, or None if it has none."""

    oid: str
    name: str
    syntax: str
    read: Callable[[str], Comparable | None]


IDENTIFIERS: dict[str, str] = {}
"""Names of everything the schema defines, to their numbers: `directory.schema.schema` fills it."""

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


_PRINTABLE = re.compile(r"[A-Za-z0-9 '()+,./:=?\-]+")


def is_printable(text: str) -> bool:
    """Whether a text is a Printable String (RFC 4517 section 3.2), as telephone numbers must be."""
    return _PRINTABLE.fullmatch(text) is not None


def _telephone(text: str) -> str | None:
    """A Printable String without spaces and hyphens (RFC 4517 section 4.2.29)."""
    return text.lower().replace(" ", "").replace("-", "") if is_printable(text) else None


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
    if folded in IDENTIFIERS:
        return IDENTIFIERS[folded]
    return folded if _OID.fullmatch(folded) else None


_SYNTAX = "1.3.6.1.4.1.1466.115.121.1."
STRING, IA5, DN, OID, INTEGER = (_SYNTAX + number for number in ("15", "26", "12", "38", "27"))
TIME, OCTETS, TELEPHONE, BOOLEAN, JPEG = (_SYNTAX + number for number in ("24", "40", "50", "7", "28"))
PRINTABLE = _SYNTAX + "44"
POSTAL, FAX, ATTRIBUTE_TYPE, CLASS, MATCHING_RULE, SYNTAX = (
    _SYNTAX + number for number in ("41", "22", "3", "37", "30", "54")
)
SUBSTRING = _SYNTAX + "58"
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
    PRINTABLE: "Printable String",
    POSTAL: "Postal Address",
    FAX: "Facsimile Telephone Number",
    ATTRIBUTE_TYPE: "Attribute Type Description",
    CLASS: "Object Class Description",
    MATCHING_RULE: "Matching Rule Description",
    SYNTAX: "LDAP Syntax Description",
    SUBSTRING: "Substring Assertion",
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
