"""Lists that take mail from outside though a rule keeps people outside from some of their members.

Nobody is reached through them whom the rule protects; but whoever set such a list up expects something else of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from directory.lists import list_expansion
from directory.lists.rosters import ListSettings
from mailserver.delivery.lists.nested_lists import Walk
from mailserver.delivery.lists.reachable_members import shielded
from mailserver.model.identity import Population, Roster, Writers
from mailserver.model.rules import Sender, Way
from mailserver.store.account import populations, rules
from mailserver.store.engine.statements import Tx
from mailserver.store.people.mailing_lists import lists

STRANGER = "somebody@outside.invalid"


@dataclass(frozen=True, slots=True)
class Exposed:
    """A list, and how many of each protected population are its members."""

    address: str
    members: dict[Population, int]


def exposed(tx: Tx, list_settings: ListSettings) -> list[Exposed]:
    """The lists of the embedded directory that let somebody outside in, by address, with whom they must not reach."""
    protected = shielded(rules.table(tx), Population.OUTSIDE)
    if not protected:
        return []
    found = []
    for entry in lists.listing(tx):
        if entry.ended(tx.now) or not _may_be_open(tx, entry, list_settings):
            continue
        accounts = _reached(list_expansion.walk(tx, list_settings, entry.address), list_settings)
        known = populations.of_accounts(tx, accounts)
        members = {one: sum(population is one for population in known.values()) for one in protected}
        if any(members.values()):
            found.append(Exposed(entry.address, {one: count for one, count in members.items() if count}))
    return found


def _may_be_open(tx: Tx, entry: lists.ListEntry, list_settings: ListSettings) -> bool:
    """Spares the members of lists that nobody outside may write to anyway."""
    if entry.writers in (Writers.ANYONE, Writers.MEMBERS):
        return True
    return any(not list_settings.is_local(writer) for writer in lists.named_writers(tx, entry.address))


def _reached(rosters: Sequence[Roster], list_settings: ListSettings) -> set[int]:
    """Everybody whom some address outside reaches through a list, as its policy and those within it say."""
    found: set[int] = set()
    for claimed in _strangers(rosters, list_settings):
        walk = Walk(rosters, Sender.outside(claimed))
        if rosters and walk.way(rosters[0], "") is not Way.CLOSED:
            walk.enter(rosters[0])
            found.update(walk.accounts)
    return found


def _strangers(rosters: Sequence[Roster], list_settings: ListSettings) -> Iterator[str]:
    """Anybody; and the first address outside that each list names, or has among its members."""
    yield STRANGER
    for roster in rosters:
        for group in (sorted(roster.policy.named), roster.others):
            yield from [one for one in group if not list_settings.is_local(one)][:1]
