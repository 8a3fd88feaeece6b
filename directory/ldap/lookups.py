"""Questions to an LDAP server, as plain functions over one connection; every value in a filter is escaped.

Object classes and attributes that differ between servers are asked for side by side: an unknown one makes
its own part of the filter undefined and leaves the rest alone (RFC 4511 section 4.5.1.7).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import ldap3
from ldap3.utils.conv import escape_filter_chars

from directory.entries import tree
from directory.entries.tree import GROUP_ATTRIBUTES, PERSON_ATTRIBUTES, Group, Person
from directory.ldap.pool import NO_SUCH_OBJECT, SIZE_LIMIT, SUCCESS, check
from directory.schema import names
from mailserver.model.errors import BadSyntax, Temporary
from mailserver.store.people.mailing_lists.lists import MAX_MEMBERS

PEOPLE = "(objectClass=person)"
MAX_NESTING = 5
"""Groups within groups."""
MAX_OF_SCHOOL = 10_000
BATCH = 50
"""Members asked for in one search."""

GROUP_CLASSES = frozenset(
    {
        *("groupofnames", "groupofuniquenames", "groupofmembers", "group", "posixgroup", "groupofurls"),
        *("mailgroup", "inetmailgroup", "nismailalias", "acadlist"),
    }
)
"""Entries that stand for their members."""

_SPELLING = {name.lower(): name for name in (*PERSON_ATTRIBUTES, *GROUP_ATTRIBUTES, "objectClass")}


@dataclass(frozen=True, slots=True)
class Found:
    """An entry: its name, and the attributes we know by their usual spelling."""

    dn: str
    attributes: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """A person and where their entry stands."""

    dn: str
    person: Person


def search(
    connection: ldap3.Connection,
    base: str,
    wanted: str,
    attributes: Iterable[str],
    *,
    limit: int = 0,
    scope: Literal["BASE", "SUBTREE"] = "SUBTREE",
) -> list[Found]:
    """Entries that match; at most `limit`. Raises Temporary when the server cannot answer."""
    _, result, response, _ = connection.search(
        base, wanted, scope, attributes=list(attributes), size_limit=limit, time_limit=30
    )
    check(result)
    if result["result"] not in (SUCCESS, SIZE_LIMIT, NO_SUCH_OBJECT):
        raise Temporary(f"The directory answers: {result['description']}")
    entries = [_found(item) for item in response or () if item.get("type") == "searchResEntry"]
    return entries[:limit] if limit else entries


def _found(item: Mapping[str, object]) -> Found:
    raw = item["raw_attributes"]
    assert isinstance(raw, Mapping)
    attributes: dict[str, list[str]] = {}
    for name, values in raw.items():
        known = _SPELLING.get(str(name).partition(";")[0].lower())
        if known is not None:
            attributes.setdefault(known, []).extend(_texts(values))
    return Found(str(item["dn"]), attributes)


def _texts(values: Iterable[bytes]) -> Iterable[str]:
    for value in values:
        try:
            yield value.decode("utf-8")
        except UnicodeDecodeError:
            continue  # a value that is no text is none we ask for


def equals(attribute: str, value: str) -> str:
    """One equality, safe whatever the value holds."""
    return f"({attribute}={escape_filter_chars(value)})"


def either(parts: Iterable[str]) -> str:
    return f"(|{''.join(parts)})"


def _people(found: Iterable[Found]) -> list[KnownPerson]:
    people = ((entry.dn, tree.read_person(entry.attributes)) for entry in found)
    return [KnownPerson(dn, person) for dn, person in people if person is not None]


def find_person(connection: ldap3.Connection, base: str, spellings: Sequence[str], local: str) -> KnownPerson | None:
    """The person with this identifier or address, however it is spelt; or whose identifier is `local`.

    None also when two people answer to it: nobody must read another's mail because of a doubled address.
    """
    parts = [equals(attribute, name) for name in spellings for attribute in ("uid", "mail", "acadAddress")]
    if local:
        parts.append(equals("uid", local))
    found = _people(search(connection, base, f"(&{PEOPLE}{either(parts)})", PERSON_ATTRIBUTES, limit=3))
    exact = [one for one in found if _answers_to(one.person, spellings)]
    chosen = exact or found
    return chosen[0] if len(chosen) == 1 else None


def _answers_to(person: Person, spellings: Sequence[str]) -> bool:
    wanted = {names.fold(name) for name in spellings}
    return any(names.fold(name) in wanted for name in (person.login, person.address, *person.aliases))


def find_holder(connection: ldap3.Connection, base: str, name: str) -> KnownPerson | None:
    """Anybody who has this identifier or address, alone or not."""
    parts = [equals("uid", name), equals("mail", name), equals("acadAddress", name)]
    return next(
        iter(_people(search(connection, base, f"(&{PEOPLE}{either(parts)})", PERSON_ATTRIBUTES, limit=1))), None
    )


def find_numbered(connection: ldap3.Connection, base: str, account_id: int) -> KnownPerson | None:
    """The person whose entry carries our account number."""
    wanted = f"(&{PEOPLE}{equals('acadAccountId', str(account_id))})"
    found = _people(search(connection, base, wanted, PERSON_ATTRIBUTES, limit=2))
    return found[0] if len(found) == 1 else None


def people_where(connection: ldap3.Connection, base: str, parts: Iterable[str]) -> list[KnownPerson]:
    """People of whom any of these conditions holds."""
    return _people(search(connection, base, f"(&{PEOPLE}{either(parts)})", PERSON_ATTRIBUTES))


def search_people(connection: ldap3.Connection, base: str, text: str, limit: int) -> list[KnownPerson]:
    """People of whom every word occurs in a name, the identifier or an address."""
    words = []
    for word in text.split()[:8]:
        piece = escape_filter_chars(word)
        asked = ("cn", "sn", "givenName", "displayName", "uid", "mail")
        words.append(either(f"({attribute}=*{piece}*)" for attribute in asked))
    wanted = f"(&{PEOPLE}(uid=*)(mail=*){''.join(words)})"
    return _people(search(connection, base, wanted, PERSON_ATTRIBUTES, limit=limit))


def of_school(connection: ldap3.Connection, base: str, uai: str) -> list[KnownPerson]:
    """Everybody whose entry names this school."""
    wanted = f"(&{PEOPLE}(uid=*)(mail=*){equals('acadUAI', uai)})"
    return _people(search(connection, base, wanted, PERSON_ATTRIBUTES, limit=MAX_OF_SCHOOL))


def administrators(connection: ldap3.Connection, base: str) -> list[KnownPerson]:
    """People of role admin."""
    wanted = f"(&{PEOPLE}{equals('employeeType', 'admin')})"
    return _people(search(connection, base, wanted, PERSON_ATTRIBUTES, limit=100))


# ---------------------------------------------------------------------------- lists


@dataclass(frozen=True, slots=True)
class Expanded:
    """A list with its members as addresses."""

    address: str
    name: str
    members: tuple[str, ...]
    owner: str


def expand_group(connection: ldap3.Connection, base: str, spellings: Sequence[str]) -> Expanded | None:
    """The list that has this address, its members resolved."""
    wanted = f"(&{either(equals('mail', address) for address in spellings)}(!{PEOPLE}))"
    folded = {names.fold(address) for address in spellings}
    for entry in search(connection, base, wanted, GROUP_ATTRIBUTES, limit=2):
        group = tree.read_group(entry.attributes)
        if group is not None and not folded.isdisjoint(map(names.fold, entry.attributes["mail"])):
            members = _Members(connection, base)
            members.add(group, entry.dn, 0)
            owner = members.address_of(group.owner) if group.owner else ""
            return Expanded(group.address, group.name, tuple(members.addresses), owner)
    return None


class _Members:
    """Addresses of a group's members; groups within it are replaced by theirs, each entered once."""

    def __init__(self, connection: ldap3.Connection, base: str) -> None:
        self._connection = connection
        self._base = base
        self._seen: set[str] = set()
        self.addresses: dict[str, None] = {}

    def add(self, group: Group, dn: str, depth: int) -> None:
        if dn in self._seen or depth > MAX_NESTING:
            return
        self._seen.add(dn)
        lists = self._by_address([member for member in group.addresses if "@" in member])
        uids = self._by_uid([member for member in group.addresses if "@" not in member])
        for member in group.addresses:
            inner = lists.get(names.fold(member))
            if inner is not None:
                self._enter(inner, depth)
            else:
                self._take(member if "@" in member else uids.get(names.fold(member), ""))
        by_uid = {tree.uid_of(member): member for member in group.people}
        found = self._by_uid([uid for uid in by_uid if uid])
        for member in group.people:
            known = found.get(names.fold(tree.uid_of(member)), "")
            if known:
                self._take(known)
            else:
                self._nested(member, depth)

    def _take(self, address: str) -> None:
        if address and len(self.addresses) < MAX_MEMBERS:
            self.addresses[address] = None

    def _by_uid(self, uids: Sequence[str]) -> dict[str, str]:
        """Primary addresses of people by folded identifier, many at a time."""
        found: dict[str, str] = {}
        for start in range(0, len(uids), BATCH):
            wanted = f"(&{PEOPLE}{either(equals('uid', uid) for uid in uids[start : start + BATCH])})"
            for person in _people(search(self._connection, self._base, wanted, PERSON_ATTRIBUTES)):
                found[names.fold(person.person.login)] = person.person.address
        return found

    def _by_address(self, addresses: Sequence[str]) -> dict[str, Found]:
        """Which of these addresses are lists, many at a time."""
        found: dict[str, Found] = {}
        for start in range(0, len(addresses), BATCH):
            asked = either(equals("mail", address) for address in addresses[start : start + BATCH])
            for entry in search(self._connection, self._base, f"(&{asked}(!{PEOPLE}))", GROUP_ATTRIBUTES):
                found.update({names.fold(address): entry for address in entry.attributes.get("mail", ())})
        return found

    def _enter(self, one: Found, depth: int) -> None:
        """Go on with a group within the group, whether or not it has an address of its own."""
        inner = tree.read_group({"mail": ["no@address"], **one.attributes})
        if inner is not None:
            self.add(inner, one.dn, depth + 1)

    def _nested(self, dn: str, depth: int) -> None:
        """A member that is not a person named by a uid: another kind of person's entry, a group, a contact."""
        one = self._entry(dn)
        if one is None:
            return
        if any(name.lower() in GROUP_CLASSES for name in one.attributes.get("objectClass", ())):
            self._enter(one, depth)
        else:
            self._take(self._address(one))

    def _entry(self, dn: str) -> Found | None:
        try:
            names.parse(dn)
        except BadSyntax:
            return None
        attributes = (*PERSON_ATTRIBUTES, *GROUP_ATTRIBUTES, "objectClass")
        found = search(self._connection, dn, "(objectClass=*)", attributes, scope="BASE")
        return found[0] if found else None

    def _address(self, one: Found) -> str:
        person = tree.read_person(one.attributes)
        return person.address if person is not None else next(iter(one.attributes.get("mail", ())), "")

    def address_of(self, dn: str) -> str:
        """The address of the entry with this name, or empty."""
        one = self._entry(dn)
        return self._address(one) if one is not None else ""
