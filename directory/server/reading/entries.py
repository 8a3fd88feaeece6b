"""Entries out of the store, in the order of the tree, a page at a time.

People are read by pages in the order of their account id, so that a reader who stops or is slow holds
no transaction and can resume anywhere; so are contacts and the academy's terms. Schools and lists are few: they
are kept in memory until the directory says that something in it moved, and the members of lists are read only
when somebody may see them.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass

from directory.entries.person_attributes import Facts
from directory.entries.person_view import PersonAttributes
from directory.entries.tree import (
    BRANCHES,
    LEAVES,
    TERMS,
    Entry,
    Kind,
    Person,
    Place,
    Tree,
    generalized_time,
    load_extra,
)
from directory.schema import names
from directory.server.reading import narrowing
from directory.server.reading.groups import Groups
from directory.server.reading.narrowing import Surroundings
from directory.server.reading.pages import FIRST_PAGE, PAGE, Wanted, chosen_page, everybodys_page, first_page, names_few
from directory.server.wire.filters import Filter
from mailserver.foundation.settings import Web
from mailserver.model import visibility
from mailserver.model.folding import search_key
from mailserver.model.identity import Affiliation
from mailserver.store.engine.statements import Tx
from mailserver.store.engine.transactions import Store
from mailserver.store.people import affiliations, contacts, people, schools, vocabulary_entries
from mailserver.store.people.search.conditions import Condition, Equals, Everything, Field, Nothing, both, visible

ORDER = (
    *(Kind.BASE, Kind.ADMIN, Kind.PEOPLE, Kind.PERSON, Kind.CONTACTS, Kind.CONTACT),
    *(Kind.STRUCTURES, Kind.STRUCTURE, Kind.CLASS, Kind.SUBGROUP, Kind.GROUPS, Kind.GROUP),
    *(Kind.DISCIPLINES, Kind.DISCIPLINE, Kind.FUNCTIONS, Kind.FUNCTION),
)
"""The order in which a search walks the tree; a place in it is how a paged search resumes."""

LEAF_KINDS = frozenset({*LEAVES.values(), Kind.CLASS, Kind.SUBGROUP})


@dataclass(frozen=True, slots=True)
class Position:
    """After which entry a walk goes on: the step in ORDER, and within it the id or index, or a term's place."""

    step: int = 0
    after: int = 0
    key: str = ""


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


@dataclass(frozen=True, slots=True)
class Walk:
    """What a search walks through. `above`: only what stands below this place; `ties`: affiliations are wanted."""

    kinds: Sequence[Kind]
    wanted: Filter
    viewer: Viewer
    above: Place
    ties: bool = True
    most: int = 0
    """Entries that will be looked at, at most, if all of them match; 0: any number."""


@dataclass(frozen=True, slots=True)
class People:
    """A page of people, in order, each at a position of its own in this step."""

    step: int
    own: int
    """The viewer's account; 0: somebody without one."""
    found: Sequence[Facts]


Found = AsyncGenerator[tuple[Position, Entry] | People, None]


class Entries:
    """The tree as entries, read from the store."""

    def __init__(self, store: Store, tree: Tree, web: Web) -> None:
        self._store = store
        self._tree = tree
        self._web = web
        self._groups = Groups(store, tree)
        self._schools: _Schools | None = None
        self._eyes: dict[str, visibility.Viewer] = {}
        self._standing: dict[Kind, Entry] = {}
        self._heard = 0
        self._unsubscribe = store.changes.subscribe("account", people.DIRECTORY, self._forget)

    def close(self) -> None:
        self._unsubscribe()
        self._groups.close()

    def _forget(self) -> None:
        """What was read before this news, and is still on its way, is not kept (`_heard`)."""
        self._heard += 1
        self._schools = None
        self._eyes.clear()
        self._standing.clear()

    # ------------------------------------------------------------------ one entry

    async def at(self, place: Place, viewer: Viewer) -> Entry | None:
        """The entry that stands at a place, if the viewer may know of it."""
        match place.kind:
            case Kind.PERSON:
                return await self._person_at(place, viewer)
            case Kind.CONTACT:
                return await self._contact_at(place.key)
            case Kind.STRUCTURE:
                known = await self._all_schools()
                return known.entry(self._tree, place.key.upper())
            case Kind.GROUP:
                # Who is in a list is for the administrator alone: members may be pupils, or addresses outside.
                return await self._groups.at(place.key, viewer.administrator)
            case kind if kind in TERMS:
                uai, somewhere, code = place.key.partition("$")
                at = (uai, code) if somewhere else ("", place.key)
                term = await self._store.read(vocabulary_entries.get, TERMS[kind], *at)
                return self._tree.term(term) if term is not None else None
        return await self._fixed(place.kind)

    async def _person_at(self, place: Place, viewer: Viewer) -> Entry | None:
        condition = Equals(Field.LOGIN, place.key)
        sight, known = await self._sight(viewer), await self._all_schools()
        wanted = Wanted(condition, sight, condition, True, self._tree, known.by_uai)
        page = await self._store.read_inline(first_page, wanted, 1, 0)
        if page.found and names.fold(page.found[0].login) == place.key:
            return Entry(page.found[0].dn, place, PersonAttributes(page.found[0]))
        return await self._contact_at(f"uid={names.escape(place.key)},ou={BRANCHES[Kind.PEOPLE]}")

    async def _contact_at(self, key: str) -> Entry | None:
        found = await self._store.read(contacts.get, key)
        if found is None:
            return None
        return self._tree.contact(found.rdn, found.attributes, found.created, found.modified)

    async def _fixed(self, kind: Kind) -> Entry:
        """A branch has subordinates when something stands in it, whoever may see it."""
        known = self._standing.get(kind)
        if known is not None:
            return known
        heard, leaf = self._heard, LEAVES.get(kind)
        if leaf is Kind.STRUCTURE:
            held = bool((await self._all_schools()).by_uai)
        elif leaf is Kind.GROUP:
            held = await self._groups.any()
        else:
            held = leaf is None or await self._store.read(_holds_any, leaf)
        entry = self._tree.fixed(kind, self._web.academy, held)
        if heard == self._heard:
            self._standing[kind] = entry
        return entry

    async def _sight(self, viewer: Viewer) -> visibility.Viewer:
        """Whom the viewer may see: as their role and schools are now."""
        if viewer.administrator:
            return visibility.ADMINISTRATOR
        if viewer.login is None:
            return visibility.NOBODY
        known = self._eyes.get(viewer.login)
        if known is None:
            heard = self._heard
            known = await self._store.read(_viewer, viewer.login)
            if heard == self._heard:
                self._eyes[viewer.login] = known
        return known

    async def nearest(self, dn: str, viewer: Viewer) -> str:
        """The lowest entry above a name where nothing stands, of those that the viewer may know of: `matchedDN`
        (RFC 4511 section 4.1.9)."""
        place = self._tree.locate(names.write(names.parse(dn)[1:]))
        above = await self.at(place, viewer) if place is not None else None
        return above.dn if above is not None else self._tree.nearest(dn)

    # ------------------------------------------------------------------ many

    async def walk(self, walk: Walk, start: Position) -> Found:
        """Entries of the kinds that may match, from a position on, each with where to resume after it."""
        reader = None if walk.viewer.administrator else walk.viewer.login or ""
        around = Surroundings(self._tree, (await self._all_schools()).keys, reader)
        possible = narrowing.kinds_of(walk.wanted)
        for step, kind in enumerate(ORDER):
            if step < start.step or kind not in possible or kind not in walk.kinds:
                continue
            position = start if step == start.step else Position(step)
            if kind is Kind.CONTACT and not (await self._all_schools()).contacts:
                continue
            condition = narrowing.narrow(walk.wanted, kind, around)
            if isinstance(condition, Nothing):
                continue
            if kind not in LEAF_KINDS:
                if position.after == 0:
                    yield Position(step, 1), await self._fixed(kind)
                continue
            async for found in self._leaves(kind, condition, walk, position):
                yield found

    def _leaves(self, kind: Kind, condition: Condition, walk: Walk, start: Position) -> Found:
        match kind:
            case Kind.PERSON:
                return self._people(condition, walk, start)
            case Kind.CONTACT:
                return self._contacts(condition, walk, start)
            case Kind.STRUCTURE:
                return self._structures(condition, start)
            case Kind.GROUP:
                return self._lists(condition, walk, start)
            case _:
                return self._terms(kind, condition, walk, start)

    async def _people(self, condition: Condition, walk: Walk, start: Position) -> Found:
        sight = await self._sight(walk.viewer)
        known = await self._all_schools()
        seen = both(condition, visible(sight))
        search = Wanted(condition, sight, seen, walk.ties, self._tree, known.by_uai)
        # Where everybody is wanted, one more than will be sent says whether there is more.
        left = walk.most + 1 if walk.most and isinstance(seen, Everything) else None
        size = min(PAGE, left) if left else FIRST_PAGE
        read = self._store.read_inline if names_few(condition) else self._store.read
        page = await read(first_page, search, size, start.after)
        while True:
            if page.found:
                yield People(start.step, sight.account_id, page.found)
            if page.last:
                return
            if page.chosen is not None:
                ids, chosen = page.chosen[:PAGE], page.chosen[PAGE:]
                page = await self._store.read(chosen_page, search, ids, chosen)
            else:
                left = left - size if left and left > size else None
                size = min(PAGE, left or PAGE)
                page = await self._store.read(everybodys_page, search, size, page.found[-1].account_id)

    async def _contacts(self, condition: Condition, walk: Walk, start: Position) -> Found:
        branch = BRANCHES.get(walk.above.kind)
        after = start.after
        while True:
            page = await self._store.read(contacts.matching, condition, PAGE, after)
            for contact in page:
                if branch is None or contact.key.endswith(f",ou={branch}"):
                    entry = self._tree.contact(contact.rdn, contact.attributes, contact.created, contact.modified)
                    yield Position(start.step, contact.id), entry
            if len(page) < PAGE:
                return
            after = page[-1].id

    async def _structures(self, condition: Condition, start: Position) -> Found:
        known = await self._all_schools()
        may_match = narrowing.predicate(condition)
        for index, uai in enumerate(known.by_uai):
            if index >= start.after and may_match({Field.UAI: search_key(uai), Field.NAME: known.keys[uai]}):
                entry = known.entry(self._tree, uai)
                if entry is not None:
                    yield Position(start.step, index + 1), entry

    async def _lists(self, condition: Condition, walk: Walk, start: Position) -> Found:
        groups = self._groups.walk(walk.wanted, condition, walk.viewer.administrator, start.after)
        async for resume, entry in groups:
            yield Position(start.step, resume), entry

    async def _terms(self, kind: Kind, condition: Condition, walk: Walk, start: Position) -> Found:
        if walk.above.kind is Kind.STRUCTURE:
            condition = both(condition, Equals(Field.UAI, walk.above.key))
        uai, _, code = start.key.partition("$")
        while True:
            page = await self._store.read(vocabulary_entries.matching, TERMS[kind], condition, PAGE, (uai, code))
            for term in page:
                yield Position(start.step, 0, f"{term.uai}${term.code}"), self._tree.term(term)
            if len(page) < PAGE:
                return
            uai, code = page[-1].uai, page[-1].code

    async def _all_schools(self) -> "_Schools":
        known, heard = self._schools, self._heard
        if known is None:
            known = await self._store.read(_read_schools)
            if heard == self._heard:
                self._schools = known
        return known


@dataclass(frozen=True, slots=True)
class _Schools:
    """What is kept in memory: schools by UAI, in order; their folded names; those that have classes or groups."""

    by_uai: Mapping[str, schools.School]
    keys: Mapping[str, str]
    with_terms: frozenset[str]
    contacts: bool
    """Whether there is an entry of the address book at all: mostly there is none."""

    def entry(self, tree: Tree, uai: str) -> Entry | None:
        school = self.by_uai.get(uai)
        if school is None:
            return None
        return tree.structure(school.facts, school.created, school.modified, uai in self.with_terms)


def _read_schools(tx: Tx) -> _Schools:
    found = {school.uai: school for school in schools.listing(tx)}
    keys = {uai: search_key(school.name) for uai, school in found.items()}
    return _Schools(found, keys, frozenset(schools.with_terms(tx)), bool(contacts.matching(tx, Everything(), 1)))


def _holds_any(tx: Tx, leaf: Kind) -> bool:
    """Whether there is an entry of a kind."""
    if leaf is Kind.CONTACT:
        return contacts.any_below(tx, BRANCHES[Kind.CONTACTS])
    if leaf is Kind.PERSON:
        return bool(people.matching(tx, Everything(), 1))
    return bool(vocabulary_entries.matching(tx, TERMS[leaf], Equals(Field.UAI, ""), 1))


def _viewer(tx: Tx, login: str) -> visibility.Viewer:
    entry = people.find(tx, login)
    if entry is None:
        return visibility.NOBODY
    ties = affiliations.of(tx, (entry.account_id,)).get(entry.account_id, ())
    return visibility.Viewer(entry.account_id, entry.role, visibility.schools_of(entry.uai, ties))


def person_of(row: people.Entry, school: str, ties: tuple[Affiliation, ...]) -> Person:
    """A row of the store as an entry speaks of it."""
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
        title=row.title,
        hidden=row.hidden,
        affiliations=ties,
        expires=generalized_time(row.expires) if row.expires else "",
        extra=load_extra(row.extra) if row.extra else {},
        display_name=row.display_name,
        common_names=row.common_names,
    )
