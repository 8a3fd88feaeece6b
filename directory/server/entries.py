"""Entries out of the store, in the order of the tree, a page at a time.

People are read by pages in the order of their account id, so that a reader who stops or is slow holds
no transaction and can resume anywhere. Schools and lists are few: they are kept in memory until the
directory says that something in it moved, and their members are read only when somebody may see them.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from directory import names
from directory.server import narrowing
from directory.server.filters import Filter
from directory.server.groups import Groups
from directory.tree import Entry, Kind, Person, Place, Tree
from mailserver.identity import State
from mailserver.store import people, schools
from mailserver.store.conditions import All, Condition, Equals, Everything, Field, Negation, Nothing, Some
from mailserver.store.transactions import Store

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
        self._groups = Groups(store, tree)
        self._schools: dict[str, schools.School] | None = None
        self._unsubscribe = store.changes.subscribe("account", people.DIRECTORY, self._forget)

    def close(self) -> None:
        self._unsubscribe()
        self._groups.close()

    def _forget(self) -> None:
        self._schools = None

    async def at(self, place: Place, viewer: Viewer) -> Entry | None:
        """The entry that stands at a place, if the viewer may know of it."""
        if place.kind is Kind.PERSON:
            condition = _visible(Equals(Field.LOGIN, place.key), viewer)
            rows = await self._store.read(people.matching, condition, 1)
            return await self._person(rows[0]) if rows and names.fold(rows[0].login) == place.key else None
        if place.kind is Kind.STRUCTURE:
            known = (await self._all_schools()).get(place.key.upper())
            return self._tree.structure(known.uai, known.name) if known is not None else None
        if place.kind is Kind.GROUP:
            # Who is in a list is for the administrator alone: members may be pupils, or addresses outside.
            return await self._groups.at(place.key, viewer.administrator)
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
                async for resume, entry in self._people(_visible(condition, viewer), after):
                    yield Position(step, resume), entry
            elif kind is Kind.STRUCTURE:
                for index, school in enumerate((await self._all_schools()).values()):
                    if index >= after:
                        yield Position(step, index + 1), self._tree.structure(school.uai, school.name)
            else:
                groups = self._groups.walk(wanted, condition, viewer.administrator, after)
                async for resume, entry in groups:
                    yield Position(step, resume), entry

    async def _people(self, condition: Condition, after: int) -> AsyncGenerator[tuple[int, Entry], None]:
        size = FIRST_PAGE
        while True:
            page = await self._store.read(people.matching, condition, size, after)
            for row in page:
                yield row.account_id, await self._person(row)
            if len(page) < size:
                return
            after, size = page[-1].account_id, PAGE

    async def _person(self, row: people.Entry) -> Entry:
        school = (await self._all_schools()).get(row.uai)
        return self._tree.person(_person(row, school.name if school is not None else ""), row.created, row.modified)

    async def _all_schools(self) -> dict[str, schools.School]:
        """Schools by UAI, in order."""
        if self._schools is None:
            self._schools = {one.uai: one for one in await self._store.read(schools.listing)}
        return self._schools


def _visible(condition: Condition, viewer: Viewer) -> Condition:
    """Closed accounts and people who asked to be hidden are seen by the administrator and themselves only."""
    if viewer.administrator:
        return condition
    shown = All((Equals(Field.HIDDEN, "0"), Negation(Equals(Field.STATE, State.CLOSED.value))))
    seen = Some((shown, Equals(Field.LOGIN, viewer.login))) if viewer.login else shown
    return seen if isinstance(condition, Everything) else All((condition, seen))


def _person(row: people.Entry, school: str) -> Person:
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
        school=school,
        state=row.state.value,
    )
