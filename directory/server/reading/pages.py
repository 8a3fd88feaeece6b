"""People out of the store, a page at a time: which accounts, and what their entries are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from directory.entries.person_attributes import Facts, TieRow, generalized_time, schools_of
from directory.entries.tree import Attributes, Tree, load_extra
from mailserver.model import visibility
from mailserver.store.engine.statements import Row, Tx
from mailserver.store.people import listing, schools
from mailserver.store.people.search.conditions import All, Condition, Equals, Everything, Field, Some

FIRST_PAGE = 100
"""People in the first page: most searches want a handful."""
PAGE = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """People whom a search looks for. `seen`: the condition with what the viewer may see."""

    condition: Condition
    sight: visibility.Viewer
    seen: Condition
    ties: bool
    tree: Tree
    schools: Mapping[str, schools.School]

    def facts(self, tx: Tx, rows: Sequence[Row]) -> list[Facts]:
        """What the entries of these rows are made of."""
        held = listing.ties(tx, rows) if self.ties else {}
        return [
            facts_of_row(row, self.schools, tuple(held[row[0]]) if row[0] in held else (), self.tree) for row in rows
        ]


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """A page. `chosen`: accounts that remain to be looked at; None: anybody may be."""

    found: Sequence[Facts]
    last: bool
    chosen: Sequence[int] | None = None


_KEYS = frozenset({Field.LOGIN, Field.ADDRESS, Field.ACCOUNT_ID})
"""Each value is one person's."""
FEW = 8
"""Alternatives of a condition that are looked up at once."""


def names_few(condition: Condition) -> bool:
    """Whether a condition names the few people it may hold of, so that reading them takes no time to speak of."""
    match condition:
        case Equals(field):
            return field in _KEYS
        case All(parts):
            return any(map(names_few, parts))
        case Some(parts):
            return len(parts) <= FEW and all(isinstance(part, Equals) and part.field in _KEYS for part in parts)
    return False


def first_page(tx: Tx, wanted: Wanted, limit: int, after: int) -> PeoplePage:
    """People beyond an account: at most `limit`, or PAGE of those whom an index names."""
    chosen = None if isinstance(wanted.condition, Everything) else listing.chosen(tx, wanted.condition)
    if chosen is None:
        return everybodys_page(tx, wanted, limit, after)
    if after:
        chosen = [account_id for account_id in chosen if account_id > after]
    return chosen_page(tx, wanted, chosen[:PAGE], chosen[PAGE:])


def chosen_page(tx: Tx, wanted: Wanted, ids: Sequence[int], chosen: Sequence[int]) -> PeoplePage:
    """Those of some accounts who are seen; `chosen` remain."""
    rows = listing.among(tx, ids, wanted.sight) if ids else []
    return PeoplePage(wanted.facts(tx, rows), not chosen, chosen)


def everybodys_page(tx: Tx, wanted: Wanted, limit: int, after: int) -> PeoplePage:
    """The next people of whom the condition holds, by looking at everybody."""
    rows = listing.following(tx, wanted.seen, after, limit)
    return PeoplePage(wanted.facts(tx, rows), len(rows) < limit)


def facts_of_row(row: Row, known: Mapping[str, schools.School], ties: tuple[TieRow, ...], tree: Tree) -> Facts:
    """A row of `store.people.listing` as what an entry is made of."""
    aliases, close_at, extra = row[listing.ALIASES :]
    uai = row[listing.UAI]
    return Facts._make(
        (
            *row[: listing.ALIASES],
            aliases.split(),
            generalized_time(close_at) if close_at else "",
            load_extra(extra) if extra else _NO_EXTRA,
            known[uai].name if uai in known else "",
            ties,
            schools_of(uai, ties) if ties or not uai else (uai,),
            row[listing.ADDRESS].rpartition("@")[2],
            tree.person_dn(row[listing.LOGIN]),
        )
    )


_NO_EXTRA: Attributes = {}
