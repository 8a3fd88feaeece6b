"""Entries out of the store, in the order of the tree, a page at a time.

People are read by pages in the order of their account id, so that a reader who stops or is slow holds
no transaction and can resume anywhere. Schools and lists are few: they are kept in memory until the
directory says that something in it moved, and their members are read only when somebody may see them.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from directory.server import narrowing
from directory.server.filters import Filter
from directory.tree import Entry, Group, Kind, Person, Place, Tree
from mailserver.folding import fold_login
from mailserver.identity import State
from mailserver.store import lists, people, schools
from mailserver.store.conditions import All, Condition, Equals, Everything, Field, Negation, Nothing, Some
from mailserver.store.transactions import Store, Tx

FIRST_PAGE = 100
"""People in the first page: most searches want a handful."""
PAGE = 500

ORDER = (
    *(Kind.BASE, Kind.ADMIN, Kind.PEOPLE, Kind.PERSON),
    *(Kind.STRUCTURES, Kind.STRUCTURE, Kind.GROUPS, Kind.GROUP),
)
"""The order in which a search walks the tree; a place in it is how a paged search resumes."""

LEAF_KINDS = frozenset(narrowing.CARRIED)


@dataclass(frozen=True, slots=True)
class Position:
    """After which entry a walk goes on: the step in ORDER, and within it the account id or the index."""

    step: int = 0
    after: int = 0


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks. `login` is folded; None and `administrator`: cn=admin; None otherwise: nobody."""

    dn: str = ""
    login: str | None = None
    administrator: bool = False

    @property
    def known(self) -> bool:
        return self.administrator or self.login is not None


NOBODY = Viewer()


class Entries:
    """The tree as entries, read from the store."""

    def __init__(self, store: Store, tree: Tree, academy: str) -> None:
        self._store = store
        self._tree = tree
        self._academy = academy
        self._schools: list[schools.School] | None = None
        self._lists: list[lists.ListEntry] | None = None
        self._close = store.changes.subscribe("account", people.DIRECTORY, self._forget)

    def close(self) -> None:
        self._close()

    def _forget(self) -> None:
        self._schools = self._lists = None

    async def at(self, place: Place, viewer: Viewer) -> Entry | None:
        """The entry that stands at a place, if the viewer may know of it."""
        if place.kind is Kind.PERSON:
            condition = _visible(Equals(Field.LOGIN, place.key), viewer)
            found = [entry async for _, entry in self._people(condition, 0, 1)]
            return found[0] if found and found[0].place == place else None
        if place.kind is Kind.STRUCTURE:
            known = next((s for s in await self._all_schools() if fold_login(s.uai) == place.key), None)
            return self._tree.structure(known.uai, known.name) if known is not None else None
        if place.kind is Kind.GROUP:
            address = self._tree.group_address(place.key)
            group = next((g for g in await self._all_lists() if g.address == address), None)
            return await self._group(group, viewer) if group is not None else None
        return self._tree.fixed(place.kind, self._academy)

    async def walk(
        self, kinds: Sequence[Kind], wanted: Filter, viewer: Viewer, start: Position
    ) -> AsyncGenerator[tuple[Position, Entry], None]:
        """Entries of these kinds that may match, from a position on, each with where to resume after it."""
        for step, kind in enumerate(ORDER):
            if step < start.step or kind not in kinds:
                continue
            after = start.after if step == start.step else 0
            if kind not in narrowing.CARRIED:
                if after == 0:
                    yield Position(step, 1), self._tree.fixed(kind, self._academy)
                continue
            condition = narrowing.narrow(wanted, kind)
            if isinstance(condition, Nothing):
                continue
            if kind is Kind.PERSON:
                async for resume, entry in self._people(_visible(condition, viewer), after, FIRST_PAGE):
                    yield Position(step, resume), entry
            elif kind is Kind.STRUCTURE:
                for index, school in enumerate(await self._all_schools()):
                    if index >= after:
                        yield Position(step, index + 1), self._tree.structure(school.uai, school.name)
            else:
                for index, group in enumerate(await self._all_lists()):
                    if index >= after:
                        yield Position(step, index + 1), await self._group(group, viewer)

    async def _people(self, condition: Condition, after: int, size: int) -> AsyncGenerator[tuple[int, Entry], None]:
        names = {school.uai: school.name for school in await self._all_schools()}
        while True:
            page = await self._store.read(people.matching, condition, size, after)
            for row in page:
                yield row.account_id, self._tree.person(_person(row, names), row.created, row.modified)
            if len(page) < size:
                return
            after, size = page[-1].account_id, PAGE

    async def _all_schools(self) -> list[schools.School]:
        if self._schools is None:
            self._schools = await self._store.read(schools.listing)
        return self._schools

    async def _all_lists(self) -> list[lists.ListEntry]:
        if self._lists is None:
            self._lists = await self._store.read(lists.listing)
        return self._lists

    async def _group(self, entry: lists.ListEntry, viewer: Viewer) -> Entry:
        """A list; its members are for the administrator alone (they may be pupils, or addresses outside)."""
        if not viewer.administrator:
            return self._tree.group(Group(entry.address, entry.name))
        members = await self._store.read(_members, entry)
        logins = [self._tree.person_dn(login) for login in members.logins]
        groups = [self._tree.group_dn(address) for address in members.lists]
        owner = self._tree.person_dn(members.owner) if members.owner else ""
        return self._tree.group(Group(entry.address, entry.name, (*logins, *groups), members.addresses, owner))


@dataclass(frozen=True, slots=True)
class _Members:
    logins: tuple[str, ...]
    lists: tuple[str, ...]
    addresses: tuple[str, ...]
    owner: str


def _members(tx: Tx, entry: lists.ListEntry) -> _Members:
    """Sort a list's members into people, lists and addresses that the directory does not know."""
    addresses = lists.members(tx, entry.address)
    people_found = people.logins(tx, [*addresses, fold_login(entry.owner)])
    groups = {known.address for known in lists.listing(tx)}
    return _Members(
        logins=tuple(dict.fromkeys(people_found[a] for a in addresses if a in people_found)),
        lists=tuple(a for a in addresses if a in groups and a not in people_found),
        addresses=tuple(a for a in addresses if a not in groups and a not in people_found),
        owner=people_found.get(fold_login(entry.owner), ""),
    )


def _visible(condition: Condition, viewer: Viewer) -> Condition:
    """Closed accounts and people who asked to be hidden are seen by the administrator and themselves only."""
    if viewer.administrator:
        return condition
    shown = All((Equals(Field.HIDDEN, "0"), Negation(Equals(Field.STATE, State.CLOSED.value))))
    seen = Some((shown, Equals(Field.LOGIN, viewer.login))) if viewer.login else shown
    return seen if isinstance(condition, Everything) else All((condition, seen))


def _person(row: people.Entry, names: dict[str, str]) -> Person:
    return Person(
        login=row.login,
        given_name=row.given_name,
        surname=row.surname,
        address=row.address,
        aliases=row.aliases,
        role=row.role,
        account_id=row.account_id,
        uai=row.uai,
        discipline=row.discipline,
        school=names.get(row.uai, ""),
        state=row.state.value,
    )
