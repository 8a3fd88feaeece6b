"""Lists as entries: few enough to be kept in memory, their members read only when somebody may see them.

Before a list's members are read, what is already known of it (name, address, or that a wanted member is
in it) must not contradict the filter: an academy has thousands of lists, and a question is mostly about one.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from directory.entries.tree import Entry, Group, Kind, Tree
from directory.schema.schema import DN_MATCH
from directory.server.reading import narrowing
from directory.server.reading.matching import decode
from directory.server.wire import filters
from directory.server.wire.filters import Filter
from mailserver.model.errors import BadSyntax
from mailserver.model.folding import fold_login, search_key
from mailserver.model.identity import ListKind, Writers
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.people import claims, people
from mailserver.store.people.mailing_lists import lists
from mailserver.store.people.search.conditions import Condition, Field
from mailserver.store.record.notices import DIRECTORY


@dataclass(frozen=True, slots=True)
class _Known:
    """A list without its members, and the keys by which filters are narrowed."""

    entry: lists.ListEntry
    keys: narrowing.Keys


class Groups:
    """The branch ou=groups, read from the store."""

    def __init__(self, store: Store, tree: Tree) -> None:
        self._store = store
        self._tree = tree
        self._lists: list[_Known] | None = None
        self._heard = 0
        self.close = store.changes.subscribe("account", DIRECTORY, self._forget)

    def _forget(self) -> None:
        """What was read before this news, and is still on its way, is not kept (`_heard`)."""
        self._heard += 1
        self._lists = None

    async def at(self, key: str, members: bool) -> Entry | None:
        """The list of this name."""
        address = self._tree.group_address(key)
        found = next((group.entry for group in await self._all() if group.entry.address == address), None)
        return await self._entry(found, members) if found is not None else None

    async def walk(
        self, wanted: Filter, condition: Condition, members: bool, after: int
    ) -> AsyncGenerator[tuple[int, Entry], None]:
        """Lists that may match, from an index on, each with the index to resume at."""
        everything = await self._all()
        holding = await self._holding(wanted) if members else None
        may_match = narrowing.predicate(condition)
        for index in range(after, len(everything)):
            one = everything[index]
            if (holding is None or one.entry.address in holding) and may_match(one.keys):
                yield index + 1, await self._entry(one.entry, members)

    async def any(self) -> bool:
        """Whether there is a list at all."""
        return bool(await self._all())

    async def _all(self) -> list[_Known]:
        known, heard = self._lists, self._heard
        if known is None:
            known = [self._know(entry) for entry in await self._store.read(lists.listing)]
            if heard == self._heard:
                self._lists = known
        return known

    def _know(self, entry: lists.ListEntry) -> _Known:
        held = {
            Field.LOGIN: self._tree.group_name(entry.address),
            Field.ADDRESS: entry.address,
            Field.NAME: entry.name,
            Field.UAI: entry.uai,
        }
        return _Known(entry, {field: search_key(text) for field, text in held.items()})

    async def _holding(self, wanted: Filter) -> set[str] | None:
        """Addresses of the lists that have a member the filter insists on; None when it insists on none."""
        names = required_members(wanted)
        if names is None:
            return None
        places = []
        for name in names:
            try:
                places.append(self._tree.locate(name))
            except BadSyntax:
                continue  # no value is equal to what is not a name
        logins = [place.key for place in places if place is not None and place.kind is Kind.PERSON]
        groups = [
            self._tree.group_address(place.key) for place in places if place is not None and place.kind is Kind.GROUP
        ]
        return set(await self._store.read(_containing, logins, groups))

    async def _entry(self, one: lists.ListEntry, members: bool) -> Entry:
        if members:
            group = await self._store.read(group_of, self._tree, one)
        else:
            group = Group(one.address, one.name, uai=one.uai, box=one.kind is ListKind.FUNCTION)
        return self._tree.group(group, one.created, one.modified)


def required_members(wanted: Filter) -> frozenset[str] | None:
    """Names of which one must be a member for the filter to be true; None when none need be."""
    match wanted:
        case filters.Equality(attribute, value) if attribute.lower() in ("member", "2.5.4.31"):
            text = decode(value)
            return frozenset() if text is None or DN_MATCH.read(text) is None else frozenset({text})
        case filters.And(items):
            return next((found for found in map(required_members, items) if found is not None), None)
        case filters.Or(items):
            found = [required_members(item) for item in items]
            if not found or None in found:
                return None
            return frozenset().union(*(names for names in found if names is not None))
        case _:
            return None


def group_of(tx: Tx, tree: Tree, entry: lists.ListEntry) -> Group:
    """A list with its members: people and lists by name, whom the directory does not know by address."""
    box = entry.kind is ListKind.FUNCTION
    addresses = lists.members(tx, entry.address)
    owners = [fold_login(owner) for owner in lists.owners(tx, entry)]
    found = people.logins(tx, [*addresses, *owners])
    inner = lists.existing(tx, [address for address in addresses if address not in found])
    named = [tree.person_dn(found[address]) for address in addresses if address in found]
    named += [tree.group_dn(address) for address in addresses if address in inner]
    owned = [tree.person_dn(found[owner]) for owner in owners if owner in found]
    return Group(
        entry.address,
        entry.name,
        tuple(dict.fromkeys(named)),
        tuple(address for address in addresses if address not in found and address not in inner),
        owned[0] if owned else "",
        tuple(owned[1:]),
        uai=entry.uai,
        box=box,
        query=entry.query,
        writers="" if entry.writers is Writers.ANYONE else entry.writers.value,
        moderated=entry.moderated,
        hidden_members=entry.hidden_members,
        holders=tuple(f"{member}${rights}" for member, rights in lists.holders(tx, entry.address)) if box else (),
    )


def _containing(tx: Tx, logins: Sequence[str], groups: Sequence[str]) -> list[str]:
    """Addresses of the lists that hold one of these people, under any of their addresses, or lists."""
    held = list(groups)
    for login in logins:
        entry = people.find(tx, login)
        if entry is not None:
            held += claims.live_names(tx, entry.account_id)
    return lists.containing(tx, held) if held else []
