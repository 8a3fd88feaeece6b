"""People as entries: which attribute holds what, both ways, and what an administrator may add. Pure.

NUMEN, INE, birth date and password have no attribute at all: what is not in the tree cannot be read from it.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from directory.entries.person_attributes import (
    CODED,
    EXTRA,
    LOCATED,
    USER,
    Attributes,
    Facts,
    all_values,
    full_name,
    schools_of,
)
from directory.schema import schema
from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import code_key, fold_login
from mailserver.model.identity import Affiliation, Role, Tie, shown_name

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
    """In the order of `store.people.affiliations.canonical`; an entry knows no labels."""
    expires: str = ""
    """When the account closes, as Generalized Time."""
    extra: Attributes = field(default_factory=dict, hash=False)
    """What the administrator added (`EXTRA`)."""
    display_name: str = ""
    """Empty: follows from the names, as do `common_names`."""
    common_names: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What people see (`shown_name`); the identifier of those who have no name."""
        return shown_name(self.given_name, self.surname, self.display_name) or self.login


# ---------------------------------------------------------------------- writing


def filled(values: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Without empty values: LDAP has none."""
    kept = {name: tuple([value for value in found if value]) for name, found in values.items()}
    return {name: found for name, found in kept.items() if found}


def facts_of(person: Person, dn: str = "", created: int = 0, modified: int = 0) -> Facts:
    """What the entry of a person is made of. The times are seconds since the epoch; 0: not known."""
    ties = tuple([(affiliation.kind.value, affiliation.uai, affiliation.code) for affiliation in person.affiliations])
    return Facts(
        account_id=person.account_id,
        login=person.login,
        address=person.address,
        given_name=person.given_name,
        surname=person.surname,
        role=person.role.value,
        uai=person.uai,
        discipline=person.discipline,
        hidden=int(person.hidden),
        state=person.state,
        created=created,
        modified=modified,
        title=person.title,
        display_name=person.display_name,
        common_names="\n".join(person.common_names),
        aliases=person.aliases,
        expires=person.expires,
        extra=person.extra,
        school=person.school,
        ties=ties,
        schools=schools_of(person.uai, ties),
        scope=person.address.rpartition("@")[2],
        dn=dn,
    )


def person_attributes(person: Person) -> dict[str, Sequence[str]]:
    """What we write of a person; `read_person` is its inverse, labels of affiliations apart."""
    return all_values(facts_of(person), USER)


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
    follows = full_name(given, surname or whole, login)
    display_name, common_names = first(attributes, "displayName"), tuple(filter(None, attributes.get("cn", ())))
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
        display_name=display_name if display_name != follows else "",
        common_names=common_names if common_names != (follows,) else (),
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
    """The inverse of `person_attributes.tied`; a code that no post places is held nowhere in particular."""
    kept: set[tuple[Tie, str, str]] = set()
    for kind, name in LOCATED.items():
        for value in attributes.get(name, ()):
            uai, placed_somewhere, code = value.partition("$")
            kept.add((kind, uai.upper(), code_key(code)) if placed_somewhere else (kind, "", code_key(value)))
    for value in attributes.get("acadPost", ()):
        uai, _, rest = value.partition("$")
        word, _, code = rest.partition("$")
        if word in (Tie.FUNCTION, Tie.DISCIPLINE, Tie.SCHOOL) and code:
            kept.add((Tie(word), uai.upper(), code_key(code)))
    for kind, name in CODED.items():
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
        elif is_secret(value):
            raise Refused(Reason.INVALID, f"{name}: this looks like a NUMEN or an INE, which are secrets")


def is_secret(value: str) -> bool:
    """True for text that has the shape of a NUMEN or an INE, or one in it."""
    return bool(_SECRET.search(value) or _SECRET.fullmatch(re.sub(r"[\s.-]+", "", value)))


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
