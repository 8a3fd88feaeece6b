"""Lists, functional boxes, schools, classes and the terms of the academy as entries, and back where needed. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from directory.entries.person_attributes import Attributes, located
from directory.entries.person_entries import filled, first
from directory.schema import schema
from mailserver.model.identity import Tie
from mailserver.store.people.schools import Facts
from mailserver.store.people.vocabulary_entries import Term

STRUCTURE_CLASSES = ("top", "organizationalUnit", "supannOrg", "supannEntite", "acadStructure")
TERM_CLASSES = ("top", "acadTerm")
GROUP_CLASSES = ("top", "groupOfNames", "acadList")
ROLE_CLASSES = ("top", "organizationalRole", "acadList")
"""A list without members in the tree: groupOfNames may not be empty (RFC 4519 section 3.5)."""
BOX_CLASS = "acadFunctionalBox"
"""Beside these, of a functional box."""

NAMING = {
    Tie.CLASS: "acadClass",
    Tie.GROUP: "acadGroup",
    Tie.DISCIPLINE: "acadDisciplineCode",
    Tie.FUNCTION: "acadFunction",
}
"""What names the entry of a term: the same attribute, with the same value, stands in its people's entries."""


@dataclass(frozen=True, slots=True)
class Group:
    """What an entry of a list or of a functional box says."""

    address: str
    name: str
    people: tuple[str, ...] = ()
    """Distinguished names of members and, where the directory uses them, of groups within the group."""
    addresses: tuple[str, ...] = ()
    """Members given by address."""
    owner: str = ""
    """A distinguished name."""
    owners: tuple[str, ...] = ()
    """Further owners."""
    uai: str = ""
    box: bool = False
    """A functional box."""
    query: str = ""
    """What finds the members of a living list."""
    writers: str = ""
    moderated: bool = False
    hidden_members: bool = False
    holders: tuple[str, ...] = ()
    """Who holds a functional box: `address$rights`."""


def group_attributes(group: Group) -> dict[str, tuple[str, ...]]:
    """What we write of a list besides its name."""
    return filled(
        {
            "displayName": (group.name,),
            "mail": (group.address,),
            "member": group.people,
            "acadMemberAddress": group.addresses,
            "owner": (group.owner, *group.owners),
            "acadUAI": (group.uai,),
            "acadListQuery": (group.query,),
            "acadListWriters": (group.writers,),
            "acadListModerated": ("TRUE",) if group.moderated else (),
            "acadListHidden": ("TRUE",) if group.hidden_members else (),
            "acadHolder": group.holders,
        }
    )


def group_classes(group: Group) -> tuple[str, ...]:
    """The object classes of a list's entry."""
    classes = GROUP_CLASSES if group.people else ROLE_CLASSES
    return (*classes, BOX_CLASS) if group.box else classes


GROUP_ATTRIBUTES = (
    *("cn", "displayName", "mail", "member", "uniqueMember", "memberUid", "acadMemberAddress"),
    *("mgrpRFC822MailMember", "rfc822MailMember", "owner"),
)
"""What `read_group` looks at: ours, and the usual ways of other directories."""


def read_group(attributes: Attributes) -> Group | None:
    """A list out of an entry of any directory; None when it has no address."""
    address = first(attributes, "mail")
    if "@" not in address:
        return None
    by_address = [
        member.removeprefix("mailto:")
        for name in ("acadMemberAddress", "mgrpRFC822MailMember", "rfc822MailMember")
        for member in attributes.get(name, ())
    ]
    owners = attributes.get("owner", ())
    return Group(
        address=address,
        name=first(attributes, "displayName", "cn"),
        people=(*attributes.get("member", ()), *attributes.get("uniqueMember", ())),
        addresses=(*by_address, *attributes.get("memberUid", ())),
        owner=next(iter(owners), ""),
        owners=tuple(owners[1:]),
    )


def structure_attributes(facts: Facts) -> dict[str, tuple[str, ...]]:
    """What we write of a school."""
    telephones: Sequence[str] = (facts.telephone,) if schema.is_printable(facts.telephone) else ()
    return filled(
        {
            "ou": (facts.uai,),
            "acadUAI": (facts.uai,),
            "displayName": (facts.name,),
            "acadSchoolKind": (facts.kind,),
            "acadContract": (facts.contract,),
            "street": (facts.address,),
            "postalCode": (facts.postcode,),
            "l": (facts.town,),
            "telephoneNumber": telephones,
            "supannCodeEntite": (facts.uai,),
            "supannEtablissement": (f"{{UAI}}{facts.uai}",),
        }
    )


def term_value(uai: str, code: str) -> str:
    """What names a term, in its own entry and in those of its people."""
    return located(uai, code) if uai else code


def term_attributes(term: Term) -> dict[str, tuple[str, ...]]:
    """What we write of a class, a group, a discipline or a function."""
    return filled(
        {
            NAMING[term.kind]: (term_value(term.uai, term.code),),
            "acadUAI": (term.uai,),
            # Not cn or displayName: address books search those, and classes are no correspondents.
            "description": (term.label,),
        }
    )
