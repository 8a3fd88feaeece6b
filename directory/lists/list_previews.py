"""Who a message to a list comes to, and whom a query finds; of the people, those are named whom the viewer may see."""

from collections.abc import Sequence
from dataclasses import dataclass

from directory.lists import membership
from directory.lists.membership import Outlook
from directory.lists.rosters import ListSettings
from mailserver.model import visibility
from mailserver.model.identity import Principal
from mailserver.model.selection import Selection
from mailserver.model.visibility import Seen
from mailserver.store.engine.statements import Tx
from mailserver.store.people import affiliations, people
from mailserver.store.people.people import Entry
from mailserver.store.people.search import selecting
from mailserver.store.people.search.selecting import Found

MAX_NAMES = 200
"""People who are looked at; those whom the viewer may see are named."""


@dataclass(frozen=True, slots=True)
class Named:
    """Somebody who will receive."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Preview:
    """Whom a query finds now, or whom a list reaches."""

    count: int
    names: tuple[Named, ...]
    hidden: bool
    """Some are not named: there are too many, or the viewer may not see them."""
    outlook: Outlook | None = None
    """Of a list that is there: addresses elsewhere, members that lead nowhere."""


def of_query(tx: Tx, who: Selection, viewer: Principal) -> Preview:
    """Whom a query finds."""
    found = selecting.found(tx, who, MAX_NAMES)
    names = tuple(Named(person.name, person.address) for person in _visible(tx, viewer, found))
    count = selecting.count(tx, who)
    return Preview(count, names, len(names) < count)


def of_list(tx: Tx, list_settings: ListSettings, address: str, viewer: Principal) -> Preview:
    """Whom a list reaches, the lists within it included."""
    outlook = membership.outlook(tx, list_settings, address)
    entries = people.by_accounts(tx, outlook.accounts[:MAX_NAMES])
    shown = sorted(_visible(tx, viewer, list(entries.values())), key=lambda one: (one.surname, one.given_name))
    names = tuple(Named(person.name, person.address) for person in shown)
    return Preview(outlook.count, names, len(names) < len(outlook.accounts), outlook)


def some_names(tx: Tx, accounts: Sequence[int], viewer: Principal, most: int) -> list[str]:
    """The names of the first few of these people, as far as somebody may see them."""
    entries = people.by_accounts(tx, accounts[:MAX_NAMES])
    shown = sorted(_visible(tx, viewer, list(entries.values())), key=lambda one: (one.surname, one.given_name))
    return [person.name for person in shown[:most]]


def _visible(tx: Tx, viewer: Principal, found: Sequence[Found | Entry]) -> list[Found | Entry]:
    ties = affiliations.of(tx, [viewer.account_id, *(person.account_id for person in found)])
    who = visibility.viewer(viewer, ties.get(viewer.account_id, ()))
    return [
        person
        for person in found
        if visibility.sees(
            who,
            Seen(
                person.account_id,
                person.role,
                visibility.schools_of(person.uai, ties.get(person.account_id, ())),
                hidden=person.hidden,
            ),
        )
    ]
