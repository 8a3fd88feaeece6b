"""People's entries as octets: a selection of attributes compiled once, then one pass over each person's facts.

What many people have in common (role, school) is written once and remembered; what is each one's own is put behind
heads of tags and lengths that are made beforehand. Pure: what is remembered follows from the facts it is kept under.
"""

from collections.abc import Callable, Hashable, Iterable
from operator import itemgetter

from directory.entries.person_attributes import EXTRA_NAMES, MADE, TIED, Facts, Made, tied
from directory.server.wire import partial

FEW = frozenset({"role", "scope", "hidden", "state", "title", "discipline", "expires"})
"""Facts that are the same for thousands of people."""
PLACE = frozenset({"uai", "school", "schools"})
"""And those that are the same for everybody of a school."""
MAX_BLOCKS = 2048
"""Remembered at once, of each kind: schools of an academy."""

Render = Callable[[Facts], bytes]


class PersonRendering:
    """The rows of chosen attributes of one person after another."""

    __slots__ = ("_extra", "_own", "_shared", "_tied")

    def __init__(self, names: Iterable[str]) -> None:
        """`names`: attributes that are asked for and may be read."""
        chosen = set(names)
        self._extra = chosen & EXTRA_NAMES
        self._tied = chosen & TIED
        made = {name: attribute for name, attribute in MADE.items() if name in chosen}
        few = {name: attribute for name, attribute in made.items() if FEW.issuperset(attribute.fields)}
        places = {
            name: attribute
            for name, attribute in made.items()
            if name not in few and PLACE.issuperset(attribute.fields)
        }
        self._shared = [_block(group) for group in (few, places) if group]
        own: dict[Made, list[str]] = {}
        for name, attribute in made.items():
            if name not in few and name not in places:
                own.setdefault(attribute, []).append(name)
        self._own = [
            (attribute.of, [(name, partial.heads(name)) for name in group]) for attribute, group in own.items()
        ]

    def rows(self, facts: Facts) -> bytes:
        """The attributes of an entry as PartialAttributes, one after another (RFC 4511 section 4.1.7)."""
        parts = [render(facts) for render in self._shared]
        for of, tables in self._own:
            values = of(facts)
            if len(values) == 1:
                value = values[0].encode("utf-8", "surrogateescape")
                size = len(value)
                for name, heads in tables:
                    if size < len(heads):
                        parts += (heads[size], value)
                    else:
                        parts.append(partial.attribute_row(name, values))
            elif values:
                parts += [partial.attribute_row(name, values) for name, _ in tables]
        if self._tied and facts.ties:
            parts += [partial.common_row(*held) for held in tied(facts.ties).items() if held[0] in self._tied]
        if self._extra and facts.extra:
            parts += [
                partial.attribute_row(name, values)
                for name, values in facts.extra.items()
                if name in self._extra and values
            ]
        return b"".join(parts)


def _block(group: dict[str, Made]) -> Render:
    """Rows that follow from a few facts together, remembered under them."""
    fields = sorted({field for attribute in group.values() for field in attribute.fields})
    key = _key(fields)
    known: dict[Hashable, bytes] = {}

    def render(facts: Facts) -> bytes:
        found = known.get(key(facts))
        if found is None:
            values = ((name, attribute.of(facts)) for name, attribute in group.items())
            found = b"".join([partial.attribute_row(name, held) for name, held in values if held])
            if len(known) >= MAX_BLOCKS:
                known.clear()
            known[key(facts)] = found
        return found

    return render


def _key(fields: list[str]) -> Callable[[Facts], Hashable]:
    if not fields:
        return lambda facts: None
    return itemgetter(*map(Facts._fields.index, fields))
