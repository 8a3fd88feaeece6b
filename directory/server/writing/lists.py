"""Distribution lists and functional boxes: members and owners are names in the tree, or addresses.

Members that the directory knows are kept by their address and shown by their name. A list of our domain is named
by its local part: its address follows from its name.
"""

from collections.abc import Mapping, Sequence

from directory.entries import tree
from directory.entries.tree import Entry, Kind, Place
from directory.lists import rosters
from directory.lists.rosters import ListChange, NewList
from directory.schema import names
from directory.server.faults import Fault
from directory.server.wire.messages import Code
from directory.server.writing.desk import Desk, Password, refuse_password, touched
from directory.server.writing.modifying import Values
from mailserver.model.address import parse
from mailserver.model.errors import BadSyntax
from mailserver.model.folding import fold_login
from mailserver.model.identity import ListKind, Writers
from mailserver.store.people import bulk_people, claims, people, removals
from mailserver.store.people.mailing_lists import lists
from mailserver.store.record import audit
from mailserver.store.record.audit import Action
from mailserver.texts.causes import Cause

BOX = "acadFunctionalBox"
CLASSES = frozenset(name.lower() for name in (*tree.GROUP_CLASSES, *tree.ROLE_CLASSES, BOX))
RIGHTS = ("read", "write", "manage", "send")
"""Of the holders of a functional box, in the order in which they are kept."""


class Lists:
    """Writes mailing lists, through `rosters`."""

    loose: frozenset[str] = frozenset()
    free = frozenset({"objectClass"})
    """A list with members in the tree is a groupOfNames, one without is not: RFC 4519 section 3.5."""

    def add(
        self, desk: Desk, place: Place, rdn: Sequence[names.Ava], values: Values, password: Password | None
    ) -> None:
        refuse_password(password)
        _check_classes(values)
        holders = _holders(values)
        rosters.make(
            desk.tx,
            desk.list_settings,
            NewList(
                address=_address(desk, place),
                name=_first(values, "displayName"),
                owners=_owners(desk, values),
                members=tuple(dict.fromkeys((*_members(desk, values), *holders))),
                query=_first(values, "acadListQuery"),
                writers=_writers(values) if values.get("acadListWriters") else None,
                moderated=_is_true(values, "acadListModerated"),
                hidden_members=_is_true(values, "acadListHidden"),
                uai=_first(values, "acadUAI"),
                kind=ListKind.FUNCTION if _has_class(values, BOX) else None,
            ),
            desk.origin,
        )
        if holders:
            _hold(desk, _address(desk, place), holders, [])

    def modify(self, desk: Desk, entry: Entry, values: Values, password: Password | None) -> None:
        refuse_password(password)
        changed = touched(entry.attributes, values) & {*entry.attributes, *values}
        if changed & {"objectClass"}:
            raise Fault(Code.OBJECT_CLASS_MODS_PROHIBITED, "what kind of list it is was decided when it was made")
        address = _address(desk, entry.place)
        change = ListChange(
            name=_first(values, "displayName") if "displayName" in changed else None,
            query=_first(values, "acadListQuery") if "acadListQuery" in changed else None,
            writers=_writers(values) if "acadListWriters" in changed else None,
            moderated=_is_true(values, "acadListModerated") if "acadListModerated" in changed else None,
            hidden_members=_is_true(values, "acadListHidden") if "acadListHidden" in changed else None,
            owners=_kept_owners(desk, address, values) if "owner" in changed else None,
            uai=_first(values, "acadUAI") if "acadUAI" in changed else None,
        )
        if change != ListChange():
            rosters.change(desk.tx, desk.list_settings, address, change, desk.origin)
        if changed & {"member", "acadMemberAddress"}:
            _set_members(desk, address, entry, values)
        if "acadHolder" in changed:
            _set_holders(desk, address, values)

    def rename(self, desk: Desk, entry: Entry, place: Place, rdn: Sequence[names.Ava], values: Values) -> None:
        """A list has another address then; the old one stays a function's."""
        old, new = _address(desk, entry.place), _address(desk, place)
        if old == new:
            return
        rosters.check_address(desk.list_settings, new)
        claims.take_for_function(desk.tx, new)
        removals.rename_list(desk.tx, old, new)
        audit.record(desk.tx, desk.origin, Action.LIST_CHANGED, 0, Cause("list-renamed", address=old, name=new))

    def delete(self, desk: Desk, entry: Entry) -> None:
        rosters.delete(desk.tx, _address(desk, entry.place), desk.origin)


def _address(desk: Desk, place: Place) -> str:
    try:
        return fold_login(str(parse(desk.tree.group_address(place.key))))
    except BadSyntax:
        raise Fault(Code.NAMING_VIOLATION, "a list is named by the local part of its address") from None


def _first(values: Mapping[str, Sequence[str]], name: str) -> str:
    return next(iter(values.get(name, ())), "")


def _is_true(values: Values, name: str) -> bool:
    return _first(values, name) == "TRUE"


def _has_class(values: Values, name: str) -> bool:
    return any(value.strip().lower() == name.lower() for value in values.get("objectClass", ()))


def _check_classes(values: Values) -> None:
    if not {value.lower() for value in values["objectClass"]} <= CLASSES:
        raise Fault(Code.OBJECT_CLASS_VIOLATION, "ou=groups holds groupOfNames or organizationalRole with acadList")


def _writers(values: Values) -> Writers:
    word = _first(values, "acadListWriters").lower()
    try:
        return Writers(word) if word else Writers.ANYONE
    except ValueError:
        raise Fault(Code.CONSTRAINT_VIOLATION, f"acadListWriters: one of {', '.join(Writers)}") from None


# ---------------------------------------------------------------------- functional boxes


def _holders(values: Values) -> dict[str, str]:
    """Who holds a functional box, by address, and with which rights. Raises Fault."""
    held: dict[str, str] = {}
    for value in values.get("acadHolder", ()):
        address, _, words = value.rpartition("$")
        rights = words.lower().split()
        if not address or not rights or not set(rights) <= set(RIGHTS):
            text = f"acadHolder: address$rights, of the rights {', '.join(RIGHTS)}"
            raise Fault(Code.CONSTRAINT_VIOLATION, text)
        held[rosters.canonical(address)] = " ".join(word for word in RIGHTS if word in rights)
    if held and not _has_class(values, BOX):
        raise Fault(Code.OBJECT_CLASS_VIOLATION, f"only an {BOX} has holders")
    return held


def _set_holders(desk: Desk, address: str, values: Values) -> None:
    wanted = _holders(values)
    gone = [member for member, _ in lists.holders(desk.tx, address) if member not in wanted]
    _hold(desk, address, wanted, gone)


def _hold(desk: Desk, address: str, wanted: Mapping[str, str], gone: Sequence[str]) -> None:
    """As every other door does, into the same record."""
    words = {member: said.split() for member, said in wanted.items()}
    rosters.hold(desk.tx, desk.list_settings, address, words, gone, desk.origin)


# ---------------------------------------------------------------------- names and addresses


def _named(desk: Desk, attribute: str, dns: Sequence[str]) -> list[str]:
    """The addresses of people and lists; who has no account is a member by address. Raises Fault.

    All at once: a list has thousands of members.
    """
    places = [desk.tree.locate(dn) for dn in dns]
    logins = [place.key for place in places if place is not None and place.kind is Kind.PERSON]
    known = bulk_people.by_logins(desk.tx, logins)
    groups = [desk.tree.group_address(place.key) for place in places if place is not None and place.kind is Kind.GROUP]
    there = lists.existing(desk.tx, groups)
    found = []
    for dn, place in zip(dns, places, strict=True):
        address = ""
        if place is not None and place.kind is Kind.PERSON and place.key in known:
            address = known[place.key].address
        elif place is not None and place.kind is Kind.GROUP and desk.tree.group_address(place.key) in there:
            address = desk.tree.group_address(place.key)
        if not address:
            text = f"{attribute}: {dn[:200]} is neither an account nor a list (acadMemberAddress takes any address)"
            raise Fault(Code.CONSTRAINT_VIOLATION, text)
        found.append(fold_login(address))
    return found


def _members(desk: Desk, values: Values) -> tuple[str, ...]:
    named = _named(desk, "member", values.get("member", ()))
    return tuple(dict.fromkeys([*named, *map(rosters.canonical, values.get("acadMemberAddress", ()))]))


def _owners(desk: Desk, values: Values) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_named(desk, "owner", values.get("owner", ()))))


def _kept_owners(desk: Desk, address: str, values: Values) -> tuple[str, ...]:
    """The owners as written, and those who have no name in the tree: the client could not see them."""
    held = lists.owners(desk.tx, rosters.require(desk.tx, address))
    found = people.logins(desk.tx, [fold_login(address) for address in held])
    unseen = [address for address in held if fold_login(address) not in found]
    return tuple(dict.fromkeys([*_owners(desk, values), *unseen]))


def _set_members(desk: Desk, address: str, entry: Entry, values: Values) -> None:
    """Add and remove what differs; a member is kept under the address under which it was put in.

    Only names that come or go are looked at closely: a list has thousands of others.
    """
    before, after = entry.attributes.get("member", ()), values.get("member", ())
    gone = {_comparable(dn): dn for dn in set(before).difference(after)}
    held_names = set(before)
    fresh = {_comparable(dn): dn for dn in after if dn not in held_names}
    # A name that is only spelled otherwise neither comes nor goes.
    leaving = {dn for key, dn in gone.items() if key not in fresh}
    named = _named(desk, "member", [dn for key, dn in fresh.items() if key not in gone])
    was = set(entry.attributes.get("acadMemberAddress", ()))
    wanted = dict.fromkeys(map(rosters.canonical, values.get("acadMemberAddress", ())))
    held = lists.members(desk.tx, address)
    found = people.logins(desk.tx, held) if leaving else {}
    removed = [
        address
        for address in held
        if (address in was and address not in wanted) or _dn(desk, found, address) in leaving
    ]
    added = [*named, *(address for address in wanted if address not in was)]
    rosters.edit_checked(desk.tx, desk.list_settings, address, added, removed, desk.origin)


def _dn(desk: Desk, found: Mapping[str, str], address: str) -> str:
    """The name by which an address shows among the members."""
    return desk.tree.person_dn(found[address]) if address in found else desk.tree.group_dn(address)


def _comparable(dn: str) -> names.Name:
    return names.comparable(names.parse(dn))
