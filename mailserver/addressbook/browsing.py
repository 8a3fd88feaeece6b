"""The academy's directory as an address book: by name, establishment, discipline and function, a page at a time.

Nobody learns of anybody whom `mailserver.model.visibility` hides from them. Where the directory is an LDAP server of
somebody else's, it is searched by name only: its entries are not in our store.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.model import visibility
from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import search_key
from mailserver.model.identity import Affiliation, Directory, Principal, Role, Tie
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.people import affiliations, people, schools, vocabulary_entries
from mailserver.store.people.people import Entry, Place
from mailserver.store.people.schools import School
from mailserver.store.people.search.conditions import (
    All,
    Condition,
    Contains,
    Equals,
    Field,
    Nothing,
    Some,
    Tied,
    at_school,
    named,
    visible,
)

MAX_WORDS = 8
MAX_TEXT = 100
MAX_SCHOOLS = 30
"""Establishments that one text may mean."""
MAX_TERMS = 50


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; empty: everybody."""

    text: str = ""
    school: str = ""
    """Part of an establishment's name or town, or its UAI."""
    discipline: str = ""
    function: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the directory, as far as an address book tells."""

    principal: Principal
    schools: tuple[str, ...]
    """Names of the establishments, the main one first."""
    functions: tuple[str, ...]
    disciplines: tuple[str, ...]
    classes: tuple[str, ...] = ()
    """Of a pupil."""

    @property
    def detail(self) -> str:
        """What tells them from others of the same name."""
        return ", ".join((*self.disciplines, *self.functions, *self.classes)[:3])


@dataclass(frozen=True, slots=True)
class Found:
    """A page of people, in alphabetical order."""

    people: tuple[Person, ...]
    more: bool
    schools: tuple[School, ...] = ()
    """What the establishment's text was taken for."""
    too_wide: bool = False
    """It fits more establishments than are looked at."""


class Browsing:
    """One per process. `ours`: the directory is the embedded one."""

    def __init__(self, store: Store, directory: Directory, *, ours: bool, quota: int) -> None:
        self._store = store
        self._directory = directory
        self._quota = quota
        self.ours = ours

    async def page(self, viewer: Principal, wanted: Wanted, size: int, after: int = 0, letter: str = "") -> Found:
        """People after somebody's place in the alphabet (`after`, an account id), or from a letter on.

        Raises Temporary.
        """
        if not self.ours:
            found = await self._directory.search(wanted.text, size + 1, viewer) if wanted.text.strip() else ()
            people_found = tuple(Person(principal, (), (), _some(principal.discipline)) for principal in found[:size])
            return Found(people_found, len(found) > size)
        return await self._store.read_slow(viewer.account_id, self._page, viewer, wanted, size, after, letter)

    async def person(self, viewer: Principal, address: str) -> Person:
        """Somebody by address. Raises Refused(NOT_FOUND) also for whom the viewer may not know of; Temporary."""
        if not self.ours:
            for principal in await self._directory.search(address, 20, viewer):
                if principal.owns(address):
                    return Person(principal, (), (), _some(principal.discipline))
            raise Refused(Reason.NOT_FOUND)
        return await self._store.read(self._person, viewer, address)

    async def terms(self) -> tuple[list[str], list[str]]:
        """Disciplines and functions that there are, for a list of proposals."""
        return await self._store.read(_terms) if self.ours else ([], [])

    def _page(self, tx: Tx, viewer: Principal, wanted: Wanted, size: int, after: int, letter: str) -> Found:
        places, too_wide = _schools(tx, wanted.school)
        condition = _condition(tx, viewer, wanted, [place.uai for place in places])
        place = _place(tx, after, letter)
        entries = people.by_name(tx, condition, size + 1, place)
        return Found(tuple(self._people(tx, entries[:size])), len(entries) > size, tuple(places), too_wide)

    def _person(self, tx: Tx, viewer: Principal, address: str) -> Person:
        who = _viewer(tx, viewer)
        found = people.matching(tx, All((visible(who), Equals(Field.ADDRESS, address))), 1)
        if not found:
            raise Refused(Reason.NOT_FOUND)
        return self._people(tx, found)[0]

    def _people(self, tx: Tx, entries: Sequence[Entry]) -> list[Person]:
        ties = affiliations.of(tx, [entry.account_id for entry in entries])
        names: dict[str, str] = {}
        shown = []
        for entry in entries:
            here = ties.get(entry.account_id, ())
            uais = dict.fromkeys(filter(None, (entry.uai, *(tie.uai for tie in here if tie.kind is Tie.SCHOOL))))
            for uai in uais:
                if uai not in names:
                    school = schools.get(tx, uai)
                    names[uai] = school.name if school is not None and school.name else uai
            labels = {kind: _labels(tx, kind, [tie for tie in here if tie.kind is kind]) for kind in Tie}
            disciplines = labels[Tie.DISCIPLINE] or _some(entry.discipline)
            is_pupil = entry.role is Role.PUPIL
            shown.append(
                Person(
                    entry.principal(self._quota),
                    tuple(names[uai] for uai in uais),
                    labels[Tie.FUNCTION],
                    disciplines,
                    labels[Tie.CLASS] if is_pupil else (),
                )
            )
        return shown


def _condition(tx: Tx, viewer: Principal, wanted: Wanted, uais: Sequence[str]) -> Condition:
    parts: list[Condition] = [visible(_viewer(tx, viewer))]
    words = wanted.text[:MAX_TEXT].split()[:MAX_WORDS]
    parts += (Some((named(word), Contains(Field.LOGIN, initial=word))) for word in words)
    if wanted.school.strip():
        parts.append(Some(tuple(map(at_school, uais))) if uais else Nothing())
    if wanted.discipline.strip():
        tied = _tied(tx, Tie.DISCIPLINE, wanted.discipline)
        parts.append(Some((*tied, Contains(Field.DISCIPLINE, middle=(wanted.discipline.strip()[:MAX_TEXT],)))))
    if wanted.function.strip():
        parts.append(Some(_tied(tx, Tie.FUNCTION, wanted.function)))
    return All(tuple(parts))


def _viewer(tx: Tx, viewer: Principal) -> visibility.Viewer:
    return visibility.viewer(viewer, affiliations.of(tx, [viewer.account_id]).get(viewer.account_id, ()))


def _schools(tx: Tx, text: str) -> tuple[list[School], bool]:
    """The establishments that a text may mean: every word in the name, the town or the UAI."""
    words = search_key(text[:MAX_TEXT]).split()[:MAX_WORDS]
    if not words:
        return [], False
    found = []
    for school in schools.listing(tx):
        key = search_key(f"{school.name} {school.town} {school.uai}")
        if all(word in key for word in words):
            found.append(school)
    return found[:MAX_SCHOOLS], len(found) > MAX_SCHOOLS


def _tied(tx: Tx, kind: Tie, text: str) -> tuple[Condition, ...]:
    key = search_key(text[:MAX_TEXT])
    terms = (term for term in vocabulary_entries.listing(tx, kind) if key in search_key(f"{term.label} {term.code}"))
    return tuple(Tied(kind, code) for code in dict.fromkeys(term.code for term in terms))[:MAX_TERMS]


def _labels(tx: Tx, kind: Tie, ties: Sequence[Affiliation]) -> tuple[str, ...]:
    found = []
    for tie in ties:
        term = None if tie.label else vocabulary_entries.get(tx, kind, tie.uai, tie.code)
        found.append(tie.label or (term.name if term is not None else tie.code))
    return tuple(dict.fromkeys(found))


def _place(tx: Tx, after: int, letter: str) -> Place | None:
    if after:
        return people.place_of(tx, after)
    key = search_key(letter[:1])
    return (key, "", 0) if key else None


def _some(text: str) -> tuple[str, ...]:
    return (text,) if text else ()


def _terms(tx: Tx) -> tuple[list[str], list[str]]:
    named = ({term.name for term in vocabulary_entries.listing(tx, kind)} for kind in (Tie.DISCIPLINE, Tie.FUNCTION))
    disciplines, functions = (sorted(names, key=search_key)[:500] for names in named)
    return disciplines, functions
