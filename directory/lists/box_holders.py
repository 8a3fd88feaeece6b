"""Who holds a functional box: people of this house, each once."""

from collections.abc import Collection, Sequence

from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import fold_login
from mailserver.store.engine.statements import Tx
from mailserver.store.mail.access import boxes
from mailserver.store.people import people
from mailserver.store.people.mailing_lists import lists


def check(tx: Tx, addresses: Sequence[str]) -> None:
    """Only people of this house hold a functional box: its mail is read where it lies, and nobody is sent a copy.

    Raises Refused(INVALID) naming the first who is none.
    """
    known = people.logins(tx, [fold_login(address) for address in addresses])
    for address in addresses:
        if fold_login(address) not in known:
            raise Refused(Reason.INVALID, f"{address}: only people of this house hold a functional box")


def edit(tx: Tx, entry: lists.ListEntry, add: Sequence[str], remove: Sequence[str]) -> tuple[int, int]:
    """Put holders in and take others off; how many rows of each. By whichever of their addresses somebody is taken off,
    they do not go on by another. Raises Refused(INVALID | LIMIT)."""
    check(tx, add)
    gone = (*remove, *also_held_as(tx, entry, remove, add))
    removed = lists.remove_members(tx, entry.address, gone) if gone else 0
    held = set(people.logins(tx, lists.members(tx, entry.address)).values())
    added = lists.add_members(tx, entry.address, one_each(tx, add, held)) if add else 0
    if add:
        boxes.give_usual_words(tx, entry.address)
    return added, removed


def also_held_as(tx: Tx, entry: lists.ListEntry, addresses: Collection[str], kept: Collection[str]) -> list[str]:
    """The other addresses, but those that are kept, under which the people of these hold a functional box."""
    if not addresses:
        return []
    members = lists.members(tx, entry.address)
    logins = people.logins(tx, [*members, *map(fold_login, addresses)])
    whose = {logins.get(fold_login(address)) for address in addresses} - {None}
    return [one for one in members if logins.get(one) in whose and one not in kept and one not in addresses]


def one_each(tx: Tx, addresses: Sequence[str], held: Collection[str]) -> list[str]:
    """One address of each person, the first; none of those whose identifiers are `held`."""
    logins = people.logins(tx, [fold_login(address) for address in addresses])
    first: dict[str, str] = {}
    for address in addresses:
        first.setdefault(logins.get(fold_login(address), address), address)
    return [address for login, address in first.items() if login not in held]
