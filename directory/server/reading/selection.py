"""Which attributes of an entry a client wants, and an entry as its viewer may see it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from directory.entries.person_attributes import Facts, values_of
from directory.entries.tree import Entry
from directory.schema import schema
from directory.server.reading.rendering import PersonRendering, Render
from directory.server.wire import filters
from directory.server.wire.partial import attribute_rows

MAX_KEPT = 2048
"""Characters of a selection that is kept for the next search."""

TIES = frozenset(
    {
        *("acadUAI", "acadFunction", "acadClass", "acadGroup", "acadDisciplineCode", "acadPost"),
        *("supannEtablissement", "supannEntiteAffectation"),
    }
)
"""Attributes that say where people are what: they are read only when somebody asks for them."""


@dataclass(frozen=True, slots=True)
class View:
    """An entry as a viewer sees it."""

    entry: Entry
    readable: frozenset[str] | None

    @property
    def dn(self) -> str:
        return self.entry.dn

    def values(self, attribute: str) -> Sequence[str]:
        if self.readable is not None and attribute not in self.readable:
            return ()
        return self.entry.attributes.get(attribute, ())


class PersonView:
    """The same of a person whose entry has not been put together."""

    __slots__ = ("_facts", "_readable")

    def __init__(self, facts: Facts, readable: frozenset[str] | None) -> None:
        self._facts = facts
        self._readable = readable

    @property
    def dn(self) -> str:
        return self._facts.dn

    def values(self, attribute: str) -> Sequence[str]:
        if self._readable is not None and attribute not in self._readable:
            return ()
        return values_of(self._facts, attribute)


class Selection:
    """Which attributes the client wants (RFC 4511 section 4.5.1.8, RFC 3673)."""

    def __init__(self, wanted: Sequence[str]) -> None:
        self._user = not wanted or "*" in wanted
        self._operational = "+" in wanted
        named = (schema.attribute(name) for name in wanted if ";" not in name)
        self._named = frozenset(kind.name for known in named if known is not None for kind in schema.kinds(known))
        self._whole = self._user or self._operational
        self._taken: dict[frozenset[str] | None, frozenset[str]] = {}
        self._people: dict[tuple[frozenset[str] | None, bool], Render] = {}
        self.ties = any(self.takes(name) for name in TIES)
        """Whether affiliations are wanted."""

    def takes(self, name: str) -> bool:
        if name in self._named:
            return True
        return self._whole and (self._operational if schema.BY_NAME[name.lower()].operational else self._user)

    def all_of(self, readable: frozenset[str] | None) -> frozenset[str]:
        """Every attribute that is wanted and may be read."""
        taken = self._taken.get(readable)
        if taken is None:
            known = frozenset(filter(self.takes, _NAMES)) if self._whole else self._named
            taken = self._taken[readable] = known if readable is None else known & readable
        return taken

    def of(self, view: View, types_only: bool) -> Iterator[tuple[str, Sequence[str]]]:
        """The chosen attributes that the viewer may read."""
        if not self._whole:
            for name in self._named:
                held = view.values(name)
                if held:
                    yield name, () if types_only else held
            return
        taken = self.all_of(view.readable)
        for name, values in view.entry.attributes.items():
            if name in taken and values:
                yield name, () if types_only else values

    def of_people(self, readable: frozenset[str] | None, types_only: bool) -> Render:
        """The same for people, as octets: the PartialAttributes of one after another."""
        render = self._people.get((readable, types_only))
        if render is None:
            taken = self.all_of(readable)
            render = _types(taken) if types_only else PersonRendering(taken).rows
            self._people[readable, types_only] = render
        return render


_NAMES = tuple(known.name for known in schema.ATTRIBUTES)


def _types(names: frozenset[str]) -> Render:
    return lambda facts: attribute_rows((name, ()) for name in names if values_of(facts, name))


def selection_of(wanted: tuple[str, ...]) -> Selection:
    """What a list of attributes selects; the commonest lists are kept with what was compiled of them."""
    return _kept(wanted) if sum(map(len, wanted)) <= MAX_KEPT else Selection(wanted)


@lru_cache(maxsize=16)
def _kept(wanted: tuple[str, ...]) -> Selection:
    return Selection(wanted)


def asks_ties(wanted: filters.Filter) -> bool:
    """Whether a filter speaks of affiliations."""
    match wanted:
        case filters.And(items) | filters.Or(items):
            return any(map(asks_ties, items))
        case filters.Not(item):
            return asks_ties(item)
        case filters.Extensible(_, "", _, _):
            return True
    known = schema.attribute(wanted.attribute)
    return known is not None and known.name in TIES
