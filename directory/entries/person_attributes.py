"""Each attribute of a person's entry as a function of a few facts about the person. Pure.

An attribute names the facts it is made of, so whoever writes many entries knows what two people have in common and
writes that once (`directory.server.reading.rendering`).
"""

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

from directory.schema import schema
from mailserver.model.identity import Role, Tie

Attributes = Mapping[str, Sequence[str]]
"""Attribute name, as the schema spells it, to values. Octets are held as `schema.as_text` gives them."""
Values = Sequence[str]
TieRow = tuple[str, str, str]
"""Kind, UAI and code of an affiliation."""

PERSON_CLASSES = (
    *("top", "person", "organizationalPerson", "inetOrgPerson"),
    *("eduPerson", "supannPerson", "acadPerson"),
)
EXPIRING_CLASS = "schacEntryMetadata"
"""Of those whose account closes on a known day."""
EXTRA = (
    *("title", "description", "telephoneNumber", "supannAutreTelephone", "mobile", "homePhone"),
    *("facsimileTelephoneNumber", "roomNumber", "physicalDeliveryOfficeName", "street", "postalCode", "l", "st"),
    *("ou", "businessCategory", "departmentNumber", "initials", "preferredLanguage", "labeledURI", "jpegPhoto"),
    *("seeAlso", "manager", "eduPersonNickname", "eduPersonEntitlement"),
    *("supannActivite", "supannRoleGenerique", "supannRoleEntite"),
)
"""Attributes that the administrator may give an entry beside what the academy knows of the person."""
EXTRA_NAMES = frozenset(EXTRA)
AFFILIATIONS: dict[Role, tuple[str, ...]] = {
    Role.TEACHER: ("faculty", "employee", "member"),
    Role.STAFF: ("staff", "employee", "member"),
    Role.SECRETARIAT: ("staff", "employee", "member"),
    Role.ADMIN: ("staff", "employee", "member"),
    Role.PUPIL: ("student", "member"),
}
"""eduPersonAffiliation of each role, the primary one first."""
CODED = {Tie.FUNCTION: "acadFunction", Tie.DISCIPLINE: "acadDisciplineCode"}
LOCATED = {Tie.CLASS: "acadClass", Tie.GROUP: "acadGroup"}
TIED = frozenset({*CODED.values(), *LOCATED.values(), "acadPost"})
"""Attributes that say where somebody is what."""
SUBSCHEMA = "cn=subschema"

NAMESPACE = uuid.UUID(int=int(schema.ARC.rpartition(".")[2]))
_ACCOUNTS = f"{str(NAMESPACE)[:13]}-8"
"""How the UUIDs of accounts begin: a version 8 UUID is for whoever makes it to lay out (RFC 9562 section 5.8)."""


class Facts(NamedTuple):
    """What the entry of a person is made of. A tuple: an academy is read in seconds."""

    account_id: int
    """0: not known."""
    login: str
    address: str
    given_name: str
    surname: str
    role: str
    uai: str
    discipline: str
    hidden: int
    state: str
    created: int
    """Seconds since the epoch; 0: not known, as for `modified`."""
    modified: int
    title: str
    display_name: str
    """Empty: follows from the names, as do `common_names`."""
    common_names: str
    """One a line."""
    aliases: Sequence[str]
    expires: str
    """Generalized Time, or empty."""
    extra: Attributes
    school: str
    """Name of the main school."""
    ties: tuple[TieRow, ...]
    """In canonical order."""
    schools: tuple[str, ...]
    """UAI of every school, the main one first."""
    scope: str
    """Domain of the address."""
    dn: str

    def values(self, attribute: str) -> Values:
        """The values of one attribute, by its principal name; none when the entry has none."""
        return values_of(self, attribute)


class Made:
    """How an attribute follows from some of the facts."""

    __slots__ = ("fields", "of")

    def __init__(self, values: Callable[..., Values], *fields: str) -> None:
        self.fields = fields
        self.of = _applied(values, [Facts._fields.index(name) for name in fields])
        """Values of the attribute for these facts."""


def _applied(values: Callable[..., Values], places: Sequence[int]) -> Callable[[Facts], Values]:
    if not places:
        return lambda facts: values()
    if len(places) == 1:
        place = places[0]
        return lambda facts: values(facts[place])
    pick = itemgetter(*places)
    return lambda facts: values(*pick(facts))


_NONE: Values = ()
_YES, _NO = ("TRUE",), ("FALSE",)
_PRIMARY = {role: affiliations[:1] for role, affiliations in AFFILIATIONS.items()}
_CLASSES, _EXPIRING = PERSON_CLASSES, (*PERSON_CLASSES, EXPIRING_CLASS)


def full_name(given_name: str, surname: str, login: str) -> str:
    """What people are called; the identifier of those who have no name."""
    return f"{given_name} {surname}".strip() or login


def _one(value: str) -> Values:
    return (value,) if value else _NONE


def _display_name(display_name: str, given_name: str, surname: str, login: str) -> Values:
    return (display_name or full_name(given_name, surname, login),)


def _common_names(common_names: str, given_name: str, surname: str, login: str) -> Values:
    return common_names.split("\n") if common_names else (full_name(given_name, surname, login),)


def _surname(surname: str, given_name: str, login: str) -> Values:
    """The whole name of those who have no surname."""
    return (surname or full_name(given_name, "", login),)


def _time(seconds: int) -> Values:
    return (generalized_time(seconds),) if seconds else _NONE


@lru_cache(maxsize=256)
def _in_scope(role: Role, scope: str) -> Values:
    return tuple(f"{affiliation}@{scope}" for affiliation in AFFILIATIONS[role])


def _label(uai: str) -> str:
    return f"{{UAI}}{uai}"


def _uuid(account_id: int, dn: str) -> Values:
    return (account_uuid(account_id) if account_id else str(uuid.uuid5(NAMESPACE, dn)),)


_NAMES = ("given_name", "surname", "login")
_LOGIN = Made(_one, "login")
_LABELS = Made(lambda schools: tuple([_label(uai) for uai in schools]), "schools")

USER: Mapping[str, Made] = {
    "uid": _LOGIN,
    "cn": Made(_common_names, "common_names", *_NAMES),
    "sn": Made(_surname, "surname", "given_name", "login"),
    "givenName": Made(_one, "given_name"),
    "displayName": Made(_display_name, "display_name", *_NAMES),
    "mail": Made(lambda address, aliases: (address, *aliases), "address", "aliases"),
    "acadAddress": Made(_one, "address"),
    "employeeType": Made(_one, "role"),
    "o": Made(_one, "school"),
    "acadUAI": Made(lambda schools: schools, "schools"),
    "acadDiscipline": Made(_one, "discipline"),
    "acadAccountId": Made(lambda number: (str(number),) if number else _NONE, "account_id"),
    "acadState": Made(_one, "state"),
    "eduPersonPrincipalName": Made(lambda login, scope: (f"{login}@{scope}",), "login", "scope"),
    "eduPersonAffiliation": Made(lambda role: AFFILIATIONS[role], "role"),
    "eduPersonPrimaryAffiliation": Made(lambda role: _PRIMARY[role], "role"),
    "eduPersonScopedAffiliation": Made(_in_scope, "role", "scope"),
    "supannAliasLogin": _LOGIN,
    "supannCivilite": Made(lambda title: (title,) if schema.is_printable(title) else _NONE, "title"),
    "supannListeRouge": Made(lambda hidden: _YES if hidden else _NO, "hidden"),
    "supannEtablissement": _LABELS,
    "supannEntiteAffectation": _LABELS,
    "supannEntiteAffectationPrincipale": Made(lambda uai: (_label(uai),) if uai else _NONE, "uai"),
    "schacExpiryDate": Made(_one, "expires"),
}
"""What an entry says beside affiliations and what the administrator added."""
MADE: Mapping[str, Made] = {
    "objectClass": Made(lambda expires: _EXPIRING if expires else _CLASSES, "expires"),
    **USER,
    "createTimestamp": Made(_time, "created"),
    "modifyTimestamp": Made(_time, "modified"),
    "entryDN": Made(_one, "dn"),
    "entryUUID": Made(_uuid, "account_id", "dn"),
    "structuralObjectClass": Made(lambda: ("inetOrgPerson",)),
    "hasSubordinates": Made(lambda: _NO),
    "subschemaSubentry": Made(lambda: (SUBSCHEMA,)),
}
"""The same with what the server itself says of an entry."""


def values_of(facts: Facts, name: str) -> Values:
    """The values of one attribute of a person's entry; none when it has none."""
    made = MADE.get(name)
    if made is not None:
        return made.of(facts)
    if name in TIED:
        return tied(facts.ties).get(name, _NONE) if facts.ties else _NONE
    return facts.extra.get(name, _NONE) if facts.extra and name in EXTRA_NAMES else _NONE


def all_values(facts: Facts, made: Mapping[str, Made]) -> dict[str, Values]:
    """Every attribute that has a value: those of a table, affiliations, and what the administrator added."""
    held = {name: values for name, made_of in made.items() if (values := made_of.of(facts))}
    if facts.ties:
        held |= tied(facts.ties)
    if facts.extra:
        held |= {name: values for name, values in facts.extra.items() if name in EXTRA_NAMES and values}
    return held


def tied(ties: Sequence[TieRow]) -> dict[str, Values]:
    """A function is found by its code wherever it is held; `acadPost` says where."""
    found: dict[str, dict[str, None]] = {}
    for kind, uai, code in ties:
        name = _LOCATED_NAMES.get(kind)
        if name is not None:
            found.setdefault(name, {})[located(uai, code)] = None
            continue
        found.setdefault("acadPost", {})[f"{uai}${kind}${code}"] = None
        coded = _CODED_NAMES.get(kind)
        if coded is not None:
            found.setdefault(coded, {})[code] = None
    return {name: tuple(values) for name, values in found.items()}


_LOCATED_NAMES = {kind.value: name for kind, name in LOCATED.items()}
_CODED_NAMES = {kind.value: name for kind, name in CODED.items()}


def located(uai: str, code: str) -> str:
    """A class or group as entries name it: `0210006T$4B`."""
    return f"{uai}${code}"


def schools_of(uai: str, ties: Sequence[TieRow]) -> tuple[str, ...]:
    """Every school, the main one first."""
    main = (uai,) if uai else ()
    for _, place, _ in ties:
        if place and place != uai:
            return (*main, *sorted({place for _, place, _ in ties if place and place != uai}))
    return main


def account_uuid(account_id: int) -> str:
    """The UUID of an account's entry: it says the number, so that it can be searched."""
    digits = f"{account_id:015x}"
    return f"{_ACCOUNTS}000-8{digits[:3]}-{digits[3:]}"


def account_of(text: str) -> int:
    """The account's number in the UUID of its entry; 0 when it is no such UUID."""
    text = text.lower()
    if len(text) != 36 or not text.startswith(f"{_ACCOUNTS}000-8"):
        return 0
    try:
        return int(text[20:23] + text[24:], 16)
    except ValueError:
        return 0


@lru_cache(maxsize=1024)
def generalized_time(seconds: int) -> str:
    """Seconds since the epoch as Generalized Time (RFC 4517 section 3.3.13)."""
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(seconds))
