"""The shape of the tree: where entries stand, what they are made of, and who may read which part.

    BASE                                  the academy (dcObject, organization)
    ├── ou=people       uid=edupont       inetOrgPerson + acadPerson
    ├── ou=structures   ou=0210006T       organizationalUnit + acadStructure
    ├── ou=groups       cn=profs.maths    groupOfNames + acadList (organizationalRole without members here)
    └── cn=admin                          the administrator: binds, owns no mail

`Person` and `Group` are the two kinds that cross between entries and the rest of the service; the
functions here are the only place that knows which attribute holds what. NUMEN, INE, birth date and
password have no attribute at all: what is not in the tree cannot be read from it.
"""

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from directory import names, schema
from mailserver.errors import BadSyntax
from mailserver.folding import fold_login
from mailserver.identity import Role

Attributes = Mapping[str, Sequence[str]]
"""Attribute name, as the schema spells it, to values."""

PUBLIC = frozenset(
    {
        *("objectClass", "uid", "cn", "sn", "givenName", "displayName", "mail", "o", "ou", "dc"),
        *("employeeType", "acadUAI", "acadDiscipline", "acadAddress", "description"),
        *("entryDN", "entryUUID", "structuralObjectClass", "hasSubordinates", "subschemaSubentry"),
    }
)
"""The address book: what everybody who is logged in may read."""
OWN = PUBLIC | {"acadAccountId", "acadState", "createTimestamp", "modifyTimestamp"}
"""What a person may read of their own entry."""

PERSON_CLASSES = ("top", "person", "organizationalPerson", "inetOrgPerson", "acadPerson")
STRUCTURE_CLASSES = ("top", "organizationalUnit", "acadStructure")
GROUP_CLASSES = ("top", "groupOfNames", "acadList")
ROLE_CLASSES = ("top", "organizationalRole", "acadList")
"""A list without members in the tree: groupOfNames may not be empty (RFC 4519 section 3.5)."""


class Kind(Enum):
    """What stands at a place of the tree."""

    BASE = auto()
    PEOPLE = auto()
    STRUCTURES = auto()
    GROUPS = auto()
    ADMIN = auto()
    PERSON = auto()
    STRUCTURE = auto()
    GROUP = auto()


BRANCHES = {Kind.PEOPLE: "people", Kind.STRUCTURES: "structures", Kind.GROUPS: "groups"}
LEAVES = {Kind.PEOPLE: Kind.PERSON, Kind.STRUCTURES: Kind.STRUCTURE, Kind.GROUPS: Kind.GROUP}
_LEAF_NAMES = {Kind.PEOPLE: "uid", Kind.STRUCTURES: "ou", Kind.GROUPS: "cn"}


@dataclass(frozen=True, slots=True)
class Place:
    """A name inside the tree; `key` is the login, UAI or list name of a leaf, folded."""

    kind: Kind
    key: str = ""


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


@dataclass(frozen=True, slots=True)
class Group:
    """What an entry of a list says."""

    address: str
    name: str
    people: tuple[str, ...] = ()
    """Distinguished names of members and, where the directory uses them, of groups within the group."""
    addresses: tuple[str, ...] = ()
    """Members given by address."""
    owner: str = ""
    """A distinguished name."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry whole, operational attributes included."""

    dn: str
    place: Place
    attributes: Attributes


class Tree:
    """The names of one academy's tree."""

    def __init__(self, base: str, domain: str) -> None:
        """Raises BadSyntax when the base is not a distinguished name."""
        self.base = base
        self.domain = domain
        self._base = names.comparable(names.parse(base))
        self.admin_dn = f"cn=admin,{base}"
        self.subschema_dn = "cn=subschema"

    def branch_dn(self, branch: Kind) -> str:
        return f"ou={BRANCHES[branch]},{self.base}"

    def person_dn(self, login: str) -> str:
        return f"uid={names.escape(login)},{self.branch_dn(Kind.PEOPLE)}"

    def structure_dn(self, uai: str) -> str:
        return f"ou={names.escape(uai)},{self.branch_dn(Kind.STRUCTURES)}"

    def group_dn(self, address: str) -> str:
        return f"cn={names.escape(self.group_name(address))},{self.branch_dn(Kind.GROUPS)}"

    def group_name(self, address: str) -> str:
        """A list of our own domain is named by its local part, any other by its whole address."""
        return address.removesuffix(f"@{self.domain}")

    def group_address(self, name: str) -> str:
        return name if "@" in name else f"{name}@{self.domain}"

    def locate(self, dn: str) -> Place | None:
        """Where a name stands, or None when nothing of the tree's shape can stand there.

        Raises BadSyntax when it is not a distinguished name.
        """
        return self._place(names.comparable(names.parse(dn)))

    def _place(self, name: names.Name) -> Place | None:
        depth = len(name) - len(self._base)
        if depth < 0 or name[depth:] != self._base:
            return None
        if depth == 0:
            return Place(Kind.BASE)
        if any(len(relative) != 1 for relative in name[:depth]):
            return None
        if depth == 1:
            if name[0] == (("cn", "admin"),):
                return Place(Kind.ADMIN)
            return next((Place(kind) for kind, ou in BRANCHES.items() if name[0] == (("ou", ou),)), None)
        branch = self._place(name[1:])
        if depth > 2 or branch is None or branch.kind not in LEAVES:
            return None
        kind, key = name[0][0]
        return Place(LEAVES[branch.kind], key) if kind == _LEAF_NAMES[branch.kind] else None

    def nearest(self, dn: str) -> str:
        """The lowest branch above a name where nothing stands: `matchedDN` (RFC 4511 section 4.1.9)."""
        name = names.comparable(names.parse(dn))
        while name:
            name = name[1:]
            place = self._place(name)
            if place is not None and place.kind in BRANCHES:
                return self.branch_dn(place.kind)
            if place is not None and place.kind is Kind.BASE:
                return self.base
        return ""

    # ------------------------------------------------------------------ entries

    def fixed(self, kind: Kind, academy: str) -> Entry:
        """The entries that stand in every tree: base, branches, administrator."""
        values: Attributes
        if kind is Kind.BASE:
            label = names.parse(self.base)[0][0][1]
            values = {"dc": (label,), "o": (academy,)}
            return self._entry(
                self.base, Place(kind), "organization", ("top", "dcObject", "organization"), values, True
            )
        if kind is Kind.ADMIN:
            values = {"cn": ("admin",), "description": ("LDAP administrator",)}
            classes = ("top", "organizationalRole")
            return self._entry(self.admin_dn, Place(kind), "organizationalRole", classes, values)
        values = {"ou": (BRANCHES[kind],)}
        classes = ("top", "organizationalUnit")
        return self._entry(self.branch_dn(kind), Place(kind), "organizationalUnit", classes, values, True)

    def person(self, person: Person, created: int = 0, modified: int = 0) -> Entry:
        """The times are seconds since the epoch; 0: not known."""
        dn = self.person_dn(person.login)
        place = Place(Kind.PERSON, names.fold(person.login))
        values = person_attributes(person)
        if created:
            values["createTimestamp"] = (generalized_time(created),)
        if modified:
            values["modifyTimestamp"] = (generalized_time(modified),)
        return self._entry(dn, place, "inetOrgPerson", PERSON_CLASSES, values)

    def structure(self, uai: str, name: str) -> Entry:
        values = {"ou": (uai,), "acadUAI": (uai,)}
        if name:
            values["displayName"] = (name,)
        place = Place(Kind.STRUCTURE, names.fold(uai))
        return self._entry(self.structure_dn(uai), place, "organizationalUnit", STRUCTURE_CLASSES, values)

    def group(self, group: Group) -> Entry:
        key = self.group_name(group.address)
        structural, classes = "groupOfNames", GROUP_CLASSES
        if not group.people:
            structural, classes = "organizationalRole", ROLE_CLASSES
        values = {"cn": (key,), **group_attributes(group)}
        return self._entry(
            self.group_dn(group.address), Place(Kind.GROUP, names.fold(key)), structural, classes, values
        )

    def _entry(
        self,
        dn: str,
        place: Place,
        structural: str,
        classes: tuple[str, ...],
        values: Attributes,
        subordinates: bool = False,
    ) -> Entry:
        operational = {
            "entryDN": (dn,),
            # Stable for the life of the name; identifiers and addresses are never given twice.
            "entryUUID": (str(uuid.uuid5(_NAMESPACE, dn)),),
            "structuralObjectClass": (structural,),
            "hasSubordinates": ("TRUE" if subordinates else "FALSE",),
            "subschemaSubentry": (self.subschema_dn,),
        }
        return Entry(dn, place, {"objectClass": classes, **values, **operational})


_NAMESPACE = uuid.UUID(int=int(schema.ARC.rpartition(".")[2]))


def generalized_time(seconds: int) -> str:
    """Seconds since the epoch as Generalized Time (RFC 4517 section 3.3.13)."""
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(seconds))


def _filled(values: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Without empty values: LDAP has none."""
    kept = {name: tuple([value for value in found if value]) for name, found in values.items()}
    return {name: found for name, found in kept.items() if found}


def person_attributes(person: Person) -> dict[str, tuple[str, ...]]:
    """What we write of a person; `read_person` is its inverse."""
    name = f"{person.given_name} {person.surname}".strip() or person.login
    return _filled(
        {
            "uid": (person.login,),
            "cn": (name,),
            "sn": (person.surname or name,),
            "givenName": (person.given_name,),
            "displayName": (name,),
            "mail": (person.address, *person.aliases),
            "acadAddress": (person.address,),
            "employeeType": (person.role.value,),
            "o": (person.school,),
            "acadUAI": (person.uai,),
            "acadDiscipline": (person.discipline,),
            "acadAccountId": (str(person.account_id) if person.account_id else "",),
            "acadState": (person.state,),
        }
    )


def group_attributes(group: Group) -> dict[str, tuple[str, ...]]:
    """What we write of a list besides its name."""
    return _filled(
        {
            "displayName": (group.name,),
            "mail": (group.address,),
            "member": group.people,
            "acadMemberAddress": group.addresses,
            "owner": (group.owner,),
        }
    )


# Words that other directories use for our populations (eduPersonAffiliation, employeeType in French).
_ROLES = {
    **{role.value: role for role in Role},
    "student": Role.PUPIL,
    "eleve": Role.PUPIL,
    "élève": Role.PUPIL,
    "faculty": Role.TEACHER,
    "enseignant": Role.TEACHER,
    "employee": Role.STAFF,
    "secretary": Role.SECRETARIAT,
    "administrator": Role.ADMIN,
}
PERSON_ATTRIBUTES = (
    *("uid", "cn", "sn", "givenName", "displayName", "mail", "acadAddress", "employeeType"),
    *("eduPersonAffiliation", "o", "acadUAI", "acadDiscipline", "acadAccountId"),
)
"""What `read_person` looks at: ask for no more."""
GROUP_ATTRIBUTES = (
    *("cn", "displayName", "mail", "member", "uniqueMember", "memberUid", "acadMemberAddress"),
    *("mgrpRFC822MailMember", "rfc822MailMember", "owner"),
)
"""What `read_group` looks at: ours, and the usual ways of other directories."""


def _first(attributes: Attributes, *wanted: str) -> str:
    return next((value for name in wanted for value in attributes.get(name, ()) if value), "")


def read_person(attributes: Attributes) -> Person | None:
    """A person out of an entry of any directory; None when it names no identifier or no address."""
    login = _first(attributes, "uid")
    found = [address for address in attributes.get("mail", ()) if "@" in address]
    primary = _first(attributes, "acadAddress")
    address = primary if "@" in primary else next(iter(found), "")
    if not fold_login(login) or not fold_login(address):
        return None
    surname, given = _first(attributes, "sn"), _first(attributes, "givenName")
    whole = _first(attributes, "displayName", "cn")
    if not given and whole.casefold().endswith(f" {surname.casefold()}"):
        given = whole[: -len(surname) - 1]
    number = _first(attributes, "acadAccountId")
    affiliations = (*attributes.get("employeeType", ()), *attributes.get("eduPersonAffiliation", ()))
    roles = [_ROLES[word.casefold()] for word in affiliations if word.casefold() in _ROLES]
    return Person(
        login=login,
        given_name=given,
        surname=surname or whole,
        address=address,
        aliases=tuple(alias for alias in found if alias.casefold() != address.casefold()),
        role=roles[0] if roles else Role.STAFF,
        account_id=int(number) if number.isascii() and number.isdecimal() and len(number) < 19 else 0,
        uai=_first(attributes, "acadUAI"),
        discipline=_first(attributes, "acadDiscipline"),
        school=_first(attributes, "o"),
    )


def read_group(attributes: Attributes) -> Group | None:
    """A list out of an entry of any directory; None when it has no address."""
    address = _first(attributes, "mail")
    if "@" not in address:
        return None
    by_address = [
        member.removeprefix("mailto:")
        for name in ("acadMemberAddress", "mgrpRFC822MailMember", "rfc822MailMember")
        for member in attributes.get(name, ())
    ]
    return Group(
        address=address,
        name=_first(attributes, "displayName", "cn"),
        people=(*attributes.get("member", ()), *attributes.get("uniqueMember", ())),
        addresses=(*by_address, *attributes.get("memberUid", ())),
        owner=_first(attributes, "owner"),
    )


def readable(entry: Entry, login: str | None) -> frozenset[str] | None:
    """Attributes that a viewer may read; None: all. `login` is the person's, folded; None: the administrator."""
    if login is None:
        return None
    return OWN if entry.place == Place(Kind.PERSON, login) else PUBLIC


def uid_of(dn: str) -> str:
    """The login that a distinguished name spells out, or empty when its leaf is not a `uid`."""
    try:
        name = names.parse(dn)
    except BadSyntax:
        return ""
    return next((value for kind, value in name[0] if kind == "uid"), "") if name else ""
