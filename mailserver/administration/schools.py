"""Schools with how many people and lists each has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mailserver.model.identity import Role
from mailserver.store.engine.statements import Tx
from mailserver.store.people import people, schools
from mailserver.store.people.mailing_lists import lists
from mailserver.store.people.schools import School


@dataclass(frozen=True, slots=True)
class Schools:
    """All of them; the counts by UAI."""

    schools: Sequence[School]
    people: Mapping[str, Mapping[Role, int]]
    lists: Mapping[str, int]


def listing(tx: Tx) -> Schools:
    """On one snapshot."""
    per_school: dict[str, int] = {}
    for entry in lists.listing(tx):
        per_school[entry.uai] = per_school.get(entry.uai, 0) + 1
    return Schools(schools.listing(tx), people.counts_by_school(tx), per_school)
