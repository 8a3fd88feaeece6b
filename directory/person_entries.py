"""People as entries: which attribute holds what, both ways, and what an administrator may add. Pure.

NUMEN, INE, birth date and password have no attribute at all: what is not in the tree cannot be read from it.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from directory import schema
from mailserver.errors import Reason, Refused
from mailserver.folding import code_key, fold_login
from mailserver.identity import Affiliation, Role, Tie

Attributes = Mapping[str, Sequence[str]]
"""Attribute name, as the schema spells it, to values. Octets are held as `schema.as_text` gives them."""

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
MAX_EXTRA_VALUES = 50
MAX_EXTRA_VALUE = 1024
"""Characters of one value."""
MAX_PHOTO = 16 * 1024
"""Octets: five hundred entries of one page must fit in memory."""
MAX_EXTRA = 32 * 1024
"""Octets of everything."""
_SECRET = re.compile(
    r"(?<![0-9A-Z])(?:[0-9]{2}[A-Z][0-9]{7}[A-Z]{3}|[0-9]{9}[A-Z]{2}|[0-9]{10}[A-Z])(?![0-9A-Z])", re.IGNORECASE
)
"""The shapes of a NUMEN and of an INE: they are secrets, and an entry is read by everybody."""

AFFILIATIONS: dict[Role, tuple[str, ...]] = {
    Role.TEACHER: ("faculty", "employee", "member"),
    Role.STAFF: ("staff", "employee", "member"),
    Role.SECRETARIAT: ("staff", "employee", "member"),
    Role.ADMIN: ("staff", "employee", "member"),
    Role.PUPIL: ("student", "member"),
}
"""eduPersonAffiliation of each role, the primary one first."""
_CODED = {Tie.FUNCTION: "acadFunction", Tie.DISCIPLINE: "acadDisciplineCode"}
_LOCATED = {Tie.CLASS: "acadClass", Tie.GROUP: "acadGroup"}


@dataclass(frozen=True, slots=True)
class Person:
    """What an entry of a person says."""

    login: str
    given_name: str
    surname: str
    address: str
    aliases: tuple[str, ...] = ()
    role: Role = Role.STAFF
    account_id: int = 0
    """0: the entry does not say."""
    uai: str = ""
    discipline: str = ""
    school: str = ""
    state: str = ""
    title: str = ""
    hidden: bool = False
    affiliations: tuple[Affiliation, ...] = ()
    """In the order of `store.affiliations.canonical`; an entry knows no labels."""
    expires: str = ""
    """When the account closes, as Generalized Time."""
    extra: Attributes = field(default_factory=dict, hash=False)
    """What the administrator added (`EXTRA`)."""

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.surname}".strip() or self.login


# ---------------------------------------------------------------------- writing


def filled(values: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Without empty values: LDAP has none."""
    kept = {name: tuple([value for value in found if value]) for name, found in values.items()}
    return {name: found for name, found in kept.items() if found}


def _one(value: str) -> tuple[str, ...]:
    return (value,) if value else ()


def _scoped(person: Person) -> tuple[str, ...]:
    return _in_scope(person.role, person.address.rpartition("@")[2])


@lru_cache(maxsize=256)
def _in_scope(role: Role, scope: str) -> tuple[str, ...]:
    return tuple(f"{one}@{scope}" for one in AFFILIATIONS[role])


@lru_cache(maxsize=4096)
def _label(uai: str) -> str:
    return f"{{UAI}}{uai}"


def _labelled(person: Person) -> tuple[str, ...]:
    return tuple([_label(uai) for uai in _schools(person)])


_NONE: tuple[str, ...] = ()
_YES, _NO = ("TRUE",), ("FALSE",)
_ROLE = {role: (role.value,) for role in Role}
_PRIMARY = {role: affiliations[:1] for role, affiliations in AFFILIATIONS.items()}
_EXTRA_NAMES = frozenset(EXTRA)
_TIED = frozenset({"acadFunction", "acadClass", "acadGroup", "acadDisciplineCode", "acadPost"})
_COMPUTED: dict[str, Callable[[Person], tuple[str, ...]]] = {
    "uid": lambda person: (person.login,),
    "cn": lambda person: (person.name,),
    "sn": lambda person: (person.surname or person.name,),
    "givenName": lambda person: _one(person.given_name),
    "displayName": lambda person: (person.name,),
    "mail": lambda person: (person.address, *person.aliases),
    "acadAddress": lambda person: (person.address,),
    "employeeType": lambda person: _ROLE[person.role],
    "o": lambda person: _one(person.school),
    "acadUAI": lambda person: _schools(person),
    "acadDiscipline": lambda person: _one(person.discipline),
    "acadAccountId": lambda person: (str(person.account_id),) if person.account_id else _NONE,
    "acadState": lambda person: _one(person.state),
    "eduPersonPrincipalName": lambda person: (f"{person.login}@{person.address.rpartition('@')[2]}",),
    "eduPersonAffiliation": lambda person: AFFILIATIONS[person.role],
    "eduPersonPrimaryAffiliation": lambda person: _PRIMARY[person.role],
    "eduPersonScopedAffiliation": _scoped,
    "supannAliasLogin": lambda person: (person.login,),
    "supannCivilite": lambda person: (person.title,) if schema.is_printable(person.title) else _NONE,
    "supannListeRouge": lambda person: _YES if person.hidden else _NO,
    "supannEtablissement": _labelled,
    "supannEntiteAffectation": _labelled,
    "supannEntiteAffectationPrincipale": lambda person: (_label(person.uai),) if person.uai else _NONE,
    "schacExpiryDate": lambda person: _one(person.expires),
}
"""What an entry says beside affiliations and what the administrator added."""
COMPUTED = frozenset(_COMPUTED)


def values_of(person: Person, name: str) -> Sequence[str]:
    """The values of one attribute of a person's entry; none when it has none."""
    computed = _COMPUTED.get(name)
    if computed is not None:
        return computed(person)
    if name in _TIED:
        return _ties(person.affiliations).get(name, _NONE)
    if name in _EXTRA_NAMES and person.extra:
        return person.extra.get(name, _NONE)
    return _NONE


def person_attributes(person: Person) -> dict[str, Sequence[str]]:
    """What we write of a person; `read_person` is its inverse, labels of affiliations apart."""
    held: dict[str, Sequence[str]] = {}
    for name, computed in _COMPUTED.items():
        values = computed(person)
        if values:
            held[name] = values
    if person.affiliations:
        held |= _ties(person.affiliations)
    if person.extra:
        held |= {name: values for name, values in person.extra.items() if name in _EXTRA_NAMES and values}
    return held


def person_classes(person: Person) -> tuple[str, ...]:
    """The object classes of a person's entry."""
    return (*PERSON_CLASSES, EXPIRING_CLASS) if person.expires else PERSON_CLASSES


def _schools(person: Person) -> tuple[str, ...]:
    """Every school, the main one first."""
    main = _one(person.uai)
    further = {one.uai for one in person.affiliations if one.uai and one.uai != person.uai}
    return (*main, *sorted(further)) if further else main


def located(uai: str, code: str) -> str:
    """A class or group as entries name it: `0210006T$4B`."""
    return f"{uai}${code}"


def _ties(affiliations: Iterable[Affiliation]) -> dict[str, Sequence[str]]:
    """A function is found by its code wherever it is held; `acadPost` says where."""
    found: dict[str, dict[str, None]] = {}
    for one in affiliations:
        name = _LOCATED.get(one.kind)
        if name is not None:
            found.setdefault(name, {})[located(one.uai, one.code)] = None
            continue
        found.setdefault("acadPost", {})[f"{one.uai}${one.kind.value}${one.code}"] = None
        if one.kind in _CODED:
            found.setdefault(_CODED[one.kind], {})[one.code] = None
    return {name: tuple(values) for name, values in found.items()}


# ---------------------------------------------------------------------- reading

# Words that other directories use for our populations (eduPersonAffiliation, employeeType in French), in the order
# in which they tell: whoever teaches is an employee too.
_ROLES = {
    **{role.value: role for role in (Role.ADMIN, Role.SECRETARIAT, Role.PUPIL, Role.TEACHER)},
    "administrator": Role.ADMIN,
    "secretary": Role.SECRETARIAT,
    "student": Role.PUPIL,
    "eleve": Role.PUPIL,
    "élève": Role.PUPIL,
    "faculty": Role.TEACHER,
    "enseignant": Role.TEACHER,
    "staff": Role.STAFF,
    "employee": Role.STAFF,
}
_KNOWN = (
    *("uid", "cn", "sn", "givenName", "displayName", "mail", "acadAddress", "employeeType"),
    *("eduPersonPrimaryAffiliation", "eduPersonAffiliation", "o", "acadUAI", "acadDiscipline", "acadAccountId"),
    *("supannCivilite", "supannListeRouge", "supannEntiteAffectationPrincipale", "schacExpiryDate"),
    *("acadFunction", "acadDisciplineCode", "acadClass", "acadGroup", "acadPost"),
)
PERSON_ATTRIBUTES = (*_KNOWN, *(name for name in EXTRA if name != "jpegPhoto"))
"""What `read_person` looks at: ask for no more. Photographs stay where they are."""


def first(attributes: Attributes, *wanted: str) -> str:
    """The first value that one of these attributes has."""
    return next((value for name in wanted for value in attributes.get(name, ()) if value), "")


def read_person(attributes: Attributes) -> Person | None:
    """A person out of an entry of any directory; None when it names no identifier or no address."""
    login = first(attributes, "uid")
    found = [address for address in attributes.get("mail", ()) if "@" in address]
    primary = first(attributes, "acadAddress")
    address = primary if "@" in primary else next(iter(found), "")
    if not fold_login(login) or not fold_login(address):
        return None
    surname, given = first(attributes, "sn"), first(attributes, "givenName")
    whole = first(attributes, "displayName", "cn")
    if not given and whole.casefold().endswith(f" {surname.casefold()}"):
        given = whole[: -len(surname) - 1]
    number = first(attributes, "acadAccountId")
    return Person(
        login=login,
        given_name=given,
        surname=surname or whole,
        address=address,
        aliases=tuple(alias for alias in found if alias.casefold() != address.casefold()),
        role=_role(attributes),
        account_id=int(number) if number.isascii() and number.isdecimal() and len(number) < 19 else 0,
        uai=_main_school(attributes),
        discipline=first(attributes, "acadDiscipline"),
        school=first(attributes, "o"),
        title=first(attributes, "supannCivilite"),
        hidden=first(attributes, "supannListeRouge") == "TRUE",
        affiliations=_read_ties(attributes),
        expires=first(attributes, "schacExpiryDate"),
        extra={name: tuple(attributes[name]) for name in EXTRA if attributes.get(name)},
    )


def _role(attributes: Attributes) -> Role:
    for name in ("employeeType", "eduPersonPrimaryAffiliation", "eduPersonAffiliation"):
        words = {word.casefold() for word in attributes.get(name, ())}
        found = next((role for word, role in _ROLES.items() if word in words), None)
        if found is not None:
            return found
    return Role.STAFF


def _main_school(attributes: Attributes) -> str:
    label = first(attributes, "supannEntiteAffectationPrincipale")
    if label.upper().startswith("{UAI}"):
        return label[5:]
    # Whoever says whether a person is hidden says which school is the main one, if there is one.
    return "" if "supannListeRouge" in attributes else first(attributes, "acadUAI")


def _read_ties(attributes: Attributes) -> tuple[Affiliation, ...]:
    """The inverse of `_ties`; a code that no post places is held nowhere in particular."""
    kept: set[tuple[Tie, str, str]] = set()
    for kind, name in _LOCATED.items():
        for value in attributes.get(name, ()):
            uai, placed_somewhere, code = value.partition("$")
            kept.add((kind, uai.upper(), code_key(code)) if placed_somewhere else (kind, "", code_key(value)))
    for value in attributes.get("acadPost", ()):
        uai, _, rest = value.partition("$")
        word, _, code = rest.partition("$")
        if word in (Tie.FUNCTION, Tie.DISCIPLINE, Tie.SCHOOL) and code:
            kept.add((Tie(word), uai.upper(), code_key(code)))
    for kind, name in _CODED.items():
        placed = {code for tie, _, code in kept if tie is kind}
        kept |= {(kind, "", code) for code in map(code_key, attributes.get(name, ())) if code not in placed}
    return tuple(Affiliation(kind, code, uai) for kind, uai, code in sorted(kept) if code)


# ---------------------------------------------------------------------- what the administrator added


def load_extra(text: str) -> dict[str, tuple[str, ...]]:
    """Further attributes as `person.extra` keeps them."""
    if not text:
        return {}
    held: dict[str, list[str]] = json.loads(text)
    return {name: tuple([_unpacked(name, value) for value in values]) for name, values in held.items()}


def dump_extra(attributes: Attributes) -> str:
    """Further attributes as JSON for `person.extra`. Raises Refused(INVALID | LIMIT) naming the attribute."""
    kept: dict[str, list[str]] = {}
    for name in sorted(attributes):
        values = attributes[name]
        if not values:
            continue
        if name not in EXTRA:
            raise Refused(Reason.INVALID, f"{name}: not an attribute that an entry may be given")
        _check(name, values)
        kept[name] = [_packed(name, value) for value in values]
    text = json.dumps(kept, ensure_ascii=False, separators=(",", ":")) if kept else ""
    if len(text.encode("utf-8")) > MAX_EXTRA:
        raise Refused(Reason.LIMIT, f"an entry has at most {MAX_EXTRA} octets of further attributes")
    return text


def _check(name: str, values: Sequence[str]) -> None:
    known = schema.BY_NAME[name.lower()]
    if len(values) > (1 if known.single or name == "jpegPhoto" else MAX_EXTRA_VALUES):
        raise Refused(Reason.LIMIT, f"{name}: too many values")
    for value in values:
        if name == "jpegPhoto":
            if not 0 < len(schema.as_octets(value)) <= MAX_PHOTO:
                raise Refused(Reason.LIMIT, f"{name}: a photograph has at most {MAX_PHOTO} octets")
        elif len(value) > MAX_EXTRA_VALUE:
            raise Refused(Reason.LIMIT, f"{name}: a value has at most {MAX_EXTRA_VALUE} characters")
        elif not value.strip() or (known.rule is not None and known.rule.read(value) is None) or not _is_text(value):
            raise Refused(Reason.INVALID, f"{name}: not a value of this attribute")
        elif _SECRET.search(value) or _SECRET.fullmatch(re.sub(r"[\s.-]+", "", value)):
            raise Refused(Reason.INVALID, f"{name}: this looks like a NUMEN or an INE, which are secrets")


def _is_text(value: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" or char == "\0" for char in value)


def _packed(name: str, value: str) -> str:
    return base64.b64encode(schema.as_octets(value)).decode("ascii") if name == "jpegPhoto" else value


def _unpacked(name: str, value: str) -> str:
    if name != "jpegPhoto":
        return value
    try:
        return schema.as_text(base64.b64decode(value, validate=True))
    except binascii.Error:
        return ""
