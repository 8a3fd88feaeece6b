"""The shape of the tree: where entries stand, what they are made of, and who may read which part.

    BASE                                            the academy (dcObject, organization)
    ├── ou=people        uid=edupont                inetOrgPerson + eduPerson + supannPerson + acadPerson
    ├── ou=contacts      cn=…                       inetOrgPerson without an account (in ou=people as well)
    ├── ou=structures    ou=0210006T                organizationalUnit + supannOrg + supannEntite + acadStructure
    │                    └── acadClass=0210006T$4B  acadTerm; groups of a school: acadGroup=…
    ├── ou=groups        cn=profs.maths             groupOfNames + acadList (organizationalRole without members
    │                                               here); functional boxes: + acadFunctionalBox
    ├── ou=disciplines   acadDisciplineCode=L1300   acadTerm
    ├── ou=functions     acadFunction=ENS           acadTerm
    └── cn=admin                                    the administrator: binds, owns no mail

`person_entries` and `place_entries` are the only places that know which attribute holds what.
"""

import uuid
from dataclasses import dataclass
from enum import Enum, auto

from directory.entries.lazy import LateAttributes
from directory.entries.person_attributes import (
    EXPIRING_CLASS,
    EXTRA,
    NAMESPACE,
    PERSON_CLASSES,
    SUBSCHEMA,
    Attributes,
    account_of,
    generalized_time,
)
from directory.entries.person_entries import (
    MAX_EXTRA_VALUE,
    MAX_EXTRA_VALUES,
    MAX_PHOTO,
    PERSON_ATTRIBUTES,
    Person,
    dump_extra,
    facts_of,
    load_extra,
    person_attributes,
    read_person,
)
from directory.entries.person_view import PersonAttributes
from directory.entries.place_entries import (
    BOX_CLASS,
    GROUP_ATTRIBUTES,
    GROUP_CLASSES,
    NAMING,
    ROLE_CLASSES,
    STRUCTURE_CLASSES,
    TERM_CLASSES,
    Group,
    group_attributes,
    group_classes,
    read_group,
    structure_attributes,
    term_attributes,
    term_value,
)
from directory.schema import names, schema
from mailserver.model.errors import BadSyntax
from mailserver.model.identity import Affiliation, Tie
from mailserver.store.people.schools import Facts
from mailserver.store.people.vocabulary_entries import Term

__all__ = [
    "BRANCHES",
    "CARRIED",
    "CLASSES",
    "EXTRA",
    "GROUP_ATTRIBUTES",
    "GROUP_CLASSES",
    "LEAVES",
    "MAX_EXTRA_VALUE",
    "MAX_EXTRA_VALUES",
    "MAX_PHOTO",
    "OWN",
    "PERSON_ATTRIBUTES",
    "PERSON_CLASSES",
    "PUBLIC",
    "ROLE_CLASSES",
    "STRUCTURE_CLASSES",
    "TERMS",
    "TERM_CLASSES",
    "Attributes",
    "Entry",
    "Group",
    "Kind",
    "Person",
    "Place",
    "Tree",
    "account_of",
    "dump_extra",
    "generalized_time",
    "group_attributes",
    "load_extra",
    "person_attributes",
    "read_group",
    "read_person",
    "readable",
    "uid_of",
]

PUBLIC = frozenset(
    {
        *("objectClass", "uid", "cn", "sn", "givenName", "displayName", "mail", "o", "ou", "dc"),
        *("employeeType", "acadUAI", "acadDiscipline", "acadAddress"),
        *("acadFunction", "acadClass", "acadGroup", "acadDisciplineCode", "acadPost"),
        *("acadSchoolKind", "acadContract"),
        *("eduPersonPrincipalName", "eduPersonAffiliation", "eduPersonPrimaryAffiliation"),
        *("eduPersonScopedAffiliation", "supannAliasLogin", "supannCivilite", "supannEtablissement"),
        *("supannEntiteAffectation", "supannEntiteAffectationPrincipale", "supannCodeEntite"),
        *(name for name in EXTRA if name != "homePhone"),
        *("entryDN", "entryUUID", "structuralObjectClass", "hasSubordinates", "subschemaSubentry"),
    }
)
"""The address book: what everybody who is logged in may read."""
OWN = PUBLIC | {
    *("acadAccountId", "acadState", "homePhone", "supannListeRouge", "schacExpiryDate"),
    *("createTimestamp", "modifyTimestamp"),
}
"""What a person may read of their own entry."""
_CONTACT = frozenset(known.name for known in schema.ATTRIBUTES) - {"userPassword"}
"""An entry of the address book that is nobody's account: it is there to be read."""


class Kind(Enum):
    """What stands at a place of the tree."""

    BASE = auto()
    PEOPLE = auto()
    CONTACTS = auto()
    STRUCTURES = auto()
    GROUPS = auto()
    DISCIPLINES = auto()
    FUNCTIONS = auto()
    ADMIN = auto()
    PERSON = auto()
    CONTACT = auto()
    STRUCTURE = auto()
    CLASS = auto()
    SUBGROUP = auto()
    """A group of a school's pupils."""
    GROUP = auto()
    DISCIPLINE = auto()
    FUNCTION = auto()


BRANCHES = {
    Kind.PEOPLE: "people",
    Kind.CONTACTS: "contacts",
    Kind.STRUCTURES: "structures",
    Kind.GROUPS: "groups",
    Kind.DISCIPLINES: "disciplines",
    Kind.FUNCTIONS: "functions",
}
LEAVES = {
    Kind.PEOPLE: Kind.PERSON,
    Kind.CONTACTS: Kind.CONTACT,
    Kind.STRUCTURES: Kind.STRUCTURE,
    Kind.GROUPS: Kind.GROUP,
    Kind.DISCIPLINES: Kind.DISCIPLINE,
    Kind.FUNCTIONS: Kind.FUNCTION,
}
TERMS = {
    Kind.CLASS: Tie.CLASS,
    Kind.SUBGROUP: Tie.GROUP,
    Kind.DISCIPLINE: Tie.DISCIPLINE,
    Kind.FUNCTION: Tie.FUNCTION,
}
"""The kinds whose entries are the academy's vocabulary."""
_KIND_OF = {tie: kind for kind, tie in TERMS.items()}
_LEAF_NAMES = {
    Kind.PEOPLE: "uid",
    Kind.STRUCTURES: "ou",
    Kind.GROUPS: "cn",
    Kind.DISCIPLINES: NAMING[Tie.DISCIPLINE].lower(),
    Kind.FUNCTIONS: NAMING[Tie.FUNCTION].lower(),
}
_BELOW_SCHOOL = {NAMING[Tie.CLASS].lower(): Kind.CLASS, NAMING[Tie.GROUP].lower(): Kind.SUBGROUP}


_OPERATIONAL = frozenset(known.name for known in schema.ATTRIBUTES if known.operational)
_EVERYTHING_OF_A_PERSON = Person(
    *("a", "a", "a", "a@a", ("b",)),
    account_id=1,
    uai="a",
    discipline="a",
    school="a",
    state="a",
    title="M.",
    affiliations=tuple(Affiliation(kind, "a", "a") for kind in Tie),
    expires="a",
    extra=dict.fromkeys(EXTRA, ("a",)),
)
CARRIED: dict[Kind, frozenset[str]] = {
    Kind.BASE: frozenset({"objectClass", "dc", "o"}) | _OPERATIONAL,
    Kind.ADMIN: frozenset({"objectClass", "cn", "description"}) | _OPERATIONAL,
    **{kind: frozenset({"objectClass", "ou"}) | _OPERATIONAL for kind in BRANCHES},
    Kind.PERSON: frozenset(person_attributes(_EVERYTHING_OF_A_PERSON)) | {"objectClass"} | _OPERATIONAL,
    Kind.STRUCTURE: frozenset(structure_attributes(Facts(*["1"] * 9))) | {"objectClass"} | _OPERATIONAL,
    Kind.GROUP: frozenset(
        group_attributes(Group("a", "a", ("a",), ("a",), "a", (), "a", True, "a", "a", True, True, ("a",)))
    )
    | {"objectClass", "cn"}
    | _OPERATIONAL,
    **{
        kind: frozenset(term_attributes(Term(tie, "a", "a", "a", 1, 1))) | {"objectClass"} | _OPERATIONAL
        for kind, tie in TERMS.items()
    },
}
"""Attributes that entries of a kind may have: an assertion about any other is never true of them. A contact may
have any."""
CLASSES: dict[Kind, frozenset[str]] = {
    Kind.BASE: frozenset({"top", "dcObject", "organization"}),
    Kind.ADMIN: frozenset({"top", "organizationalRole"}),
    **dict.fromkeys(BRANCHES, frozenset({"top", "organizationalUnit"})),
    Kind.PERSON: frozenset({*PERSON_CLASSES, EXPIRING_CLASS}),
    Kind.STRUCTURE: frozenset(STRUCTURE_CLASSES),
    Kind.GROUP: frozenset({*GROUP_CLASSES, *ROLE_CLASSES, BOX_CLASS}),
    **dict.fromkeys(TERMS, frozenset(TERM_CLASSES)),
}
"""And the object classes; a contact may have any."""


@dataclass(frozen=True, slots=True)
class Place:
    """A name inside the tree. `key` is what names a leaf, folded: login, UAI, list, term; of a contact, its whole
    name below the base, as `names.write` spells it when it is comparable: `cn=zoé,ou=contacts`."""

    kind: Kind
    key: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry whole, operational attributes included."""

    dn: str
    place: Place
    attributes: Attributes


_BRANCH_OF = {Tie.DISCIPLINE: Kind.DISCIPLINES, Tie.FUNCTION: Kind.FUNCTIONS}


class Tree:
    """The names of one academy's tree."""

    def __init__(self, base: str, domain: str) -> None:
        """Raises BadSyntax when the base is not a distinguished name."""
        self.base = base
        self.domain = domain
        self._base = names.comparable(names.parse(base))
        self._people = f"ou={BRANCHES[Kind.PEOPLE]},{base}"
        self.admin_dn = f"cn=admin,{base}"
        self.subschema_dn = SUBSCHEMA

    def branch_dn(self, branch: Kind) -> str:
        return f"ou={BRANCHES[branch]},{self.base}"

    def person_dn(self, login: str) -> str:
        return f"uid={names.escape(login)},{self._people}"

    def structure_dn(self, uai: str) -> str:
        return f"ou={names.escape(uai)},{self.branch_dn(Kind.STRUCTURES)}"

    def group_dn(self, address: str) -> str:
        return f"cn={names.escape(self.group_name(address))},{self.branch_dn(Kind.GROUPS)}"

    def term_dn(self, kind: Tie, uai: str, code: str) -> str:
        """A class or group stands below its school, a discipline or function in its branch."""
        above = self.structure_dn(uai) if uai else self.branch_dn(_BRANCH_OF[kind])
        return f"{NAMING[kind]}={names.escape(term_value(uai, code))},{above}"

    def contact_dn(self, below: str) -> str:
        """`below` is the name of a contact below the base, as written: `cn=Zoé,ou=contacts`."""
        return f"{below},{self.base}"

    def group_name(self, address: str) -> str:
        """A list of our own domain is named by its local part, any other by its whole address."""
        return address.removesuffix(f"@{self.domain}")

    def group_address(self, name: str) -> str:
        return name if "@" in name else f"{name}@{self.domain}"

    def locate(self, dn: str) -> Place | None:
        """Where a name stands, or None when nothing of the tree's shape can stand there.

        Raises BadSyntax when it is not a distinguished name.
        """
        return self.place(names.comparable(names.parse(dn)))

    def place(self, name: names.Name) -> Place | None:
        """The same of a name that is comparable."""
        depth = len(name) - len(self._base)
        if depth < 0 or name[depth:] != self._base:
            return None
        if depth == 0:
            return Place(Kind.BASE)
        if depth == 2 and self._is_contact(name):
            return Place(Kind.CONTACT, names.write(name[:2]))
        if any(len(relative) != 1 for relative in name[:depth]):
            return None
        if depth == 1:
            if name[0] == (("cn", "admin"),):
                return Place(Kind.ADMIN)
            return next((Place(kind) for kind, ou in BRANCHES.items() if name[0] == (("ou", ou),)), None)
        branch = self.place(name[1:])
        kind, key = name[0][0]
        if branch is not None and branch.kind is Kind.STRUCTURE and kind in _BELOW_SCHOOL:
            return Place(_BELOW_SCHOOL[kind], key) if key.startswith(f"{branch.key}$") else None
        if depth > 2 or branch is None or branch.kind not in _LEAF_NAMES:
            return None
        return Place(LEAVES[branch.kind], key) if kind == _LEAF_NAMES[branch.kind] else None

    def _is_contact(self, name: names.Name) -> bool:
        """In ou=contacts, or in ou=people under another name than a uid."""
        branch = self.place(name[1:])
        if branch is None or branch.kind not in (Kind.CONTACTS, Kind.PEOPLE):
            return False
        return branch.kind is Kind.CONTACTS or [kind for kind, _ in name[0]] != ["uid"]

    def nearest(self, dn: str) -> str:
        """The lowest branch above a name where nothing stands: `matchedDN` (RFC 4511 section 4.1.9)."""
        name = names.comparable(names.parse(dn))
        while name:
            name = name[1:]
            place = self.place(name)
            if place is not None and place.kind in BRANCHES:
                return self.branch_dn(place.kind)
            if place is not None and place.kind is Kind.BASE:
                return self.base
        return ""

    # ------------------------------------------------------------------ entries

    def fixed(self, kind: Kind, academy: str, subordinates: bool = True) -> Entry:
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
        return self._entry(self.branch_dn(kind), Place(kind), "organizationalUnit", classes, values, subordinates)

    def person(self, person: Person, created: int = 0, modified: int = 0) -> Entry:
        """The times are seconds since the epoch; 0: not known. Attributes are computed when somebody looks at them."""
        place = Place(Kind.PERSON, names.fold(person.login))
        dn = self.person_dn(person.login)
        return Entry(dn, place, PersonAttributes(facts_of(person, dn, created, modified)))

    def contact(self, below: str, attributes: Attributes, created: int = 0, modified: int = 0) -> Entry:
        """An entry of the address book; a password, had one got in, is not shown."""
        dn = self.contact_dn(below)
        place = Place(Kind.CONTACT, names.write(names.comparable(names.parse(below))))
        held = {name: values for name, values in attributes.items() if name in _CONTACT and name != "objectClass"}
        classes = schema.with_superiors(attributes.get("objectClass", ("inetOrgPerson",)))
        return self._entry(dn, place, "inetOrgPerson", classes, {**held, **_times(created, modified)})

    def structure(self, facts: Facts, created: int = 0, modified: int = 0, subordinates: bool = False) -> Entry:
        """A school; it has subordinates when classes or groups are known of it."""
        place = Place(Kind.STRUCTURE, names.fold(facts.uai))
        values = {**structure_attributes(facts), **_times(created, modified)}
        dn = self.structure_dn(facts.uai)
        return self._entry(dn, place, "organizationalUnit", STRUCTURE_CLASSES, values, subordinates)

    def term(self, term: Term) -> Entry:
        place = Place(_KIND_OF[term.kind], names.fold(term_value(term.uai, term.code)))
        dn = self.term_dn(term.kind, term.uai, term.code)

        def attributes() -> Attributes:
            values = {**term_attributes(term), **_times(term.created, term.modified)}
            return self._entry(dn, place, "acadTerm", TERM_CLASSES, values).attributes

        return Entry(dn, place, LateAttributes(CARRIED[place.kind], attributes))

    def group(self, group: Group, created: int = 0, modified: int = 0) -> Entry:
        key = self.group_name(group.address)
        structural = "groupOfNames" if group.people else "organizationalRole"
        values = {"cn": (key,), **group_attributes(group), **_times(created, modified)}
        dn, place = self.group_dn(group.address), Place(Kind.GROUP, names.fold(key))
        return self._entry(dn, place, structural, group_classes(group), values)

    def _entry(
        self,
        dn: str,
        place: Place,
        structural: str,
        classes: tuple[str, ...],
        values: Attributes,
        subordinates: bool = False,
        number: str | None = None,
    ) -> Entry:
        operational = {
            "entryDN": (dn,),
            # Stable for the life of the name; identifiers and addresses are never given twice.
            "entryUUID": (number or str(uuid.uuid5(NAMESPACE, dn)),),
            "structuralObjectClass": (structural,),
            "hasSubordinates": ("TRUE" if subordinates else "FALSE",),
            "subschemaSubentry": (self.subschema_dn,),
        }
        return Entry(dn, place, {"objectClass": classes, **values, **operational})


def _times(created: int, modified: int) -> dict[str, tuple[str, ...]]:
    known = {"createTimestamp": created, "modifyTimestamp": modified}
    return {name: (generalized_time(seconds),) for name, seconds in known.items() if seconds}


def readable(entry: Entry, login: str | None) -> frozenset[str] | None:
    """Attributes that a viewer may read; None: all. `login` is the person's, folded; None: the administrator."""
    if login is None:
        return None
    if entry.place.kind is Kind.CONTACT:
        return _CONTACT
    return OWN if entry.place == Place(Kind.PERSON, login) else PUBLIC


def uid_of(dn: str) -> str:
    """The login that a distinguished name spells out, or empty when its leaf is not a `uid`."""
    try:
        name = names.parse(dn)
    except BadSyntax:
        return ""
    return next((value for kind, value in name[0] if kind == "uid"), "") if name else ""
