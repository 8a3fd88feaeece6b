"""Functional boxes of a school: who holds them, and their hand-over from one person to the next.

A box is handed over by who manages it: a holder with the word `manage`, an owner of its list, an administrator. To be
of the school's secretariat is not enough, or it could read the head's mail by giving itself the head's box.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from directory.lists import rosters
from directory.lists.rosters import ListSettings
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import ListKind, Principal, Role
from mailserver.store.engine.statements import Tx
from mailserver.store.mail.access import boxes
from mailserver.store.people import people
from mailserver.store.people.mailing_lists import lists
from mailserver.store.people.mailing_lists.lists import ListEntry
from mailserver.store.record.audit import Origin

MANAGE = "manage"


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody who holds a box. `account_id` 0: the address leads to nobody any more."""

    address: str
    name: str
    words: tuple[str, ...]
    account_id: int
    may_be_removed: bool
    """Not somebody who reaches further than this school."""


@dataclass(frozen=True, slots=True)
class Box:
    """A functional box of the school."""

    entry: ListEntry
    holders: tuple[Holder, ...]
    may_hand_over: bool
    managers: tuple[str, ...]
    """Whom to ask for it: the names of who manages the box, or owns its list."""


def of_school(tx: Tx, viewer: Principal, uai: str, members: Collection[int]) -> tuple[list[Box], list[ListEntry]]:
    """The boxes and the lists of a school, by address. `members`: its people whom the viewer looks after."""
    mine = [entry for entry in lists.listing(tx) if entry.uai == uai]
    found = [_box(tx, viewer, entry, members) for entry in mine if entry.kind is ListKind.FUNCTION]
    return found, [entry for entry in mine if entry.kind is not ListKind.FUNCTION]


def hand_over(
    tx: Tx,
    list_settings: ListSettings,
    viewer: Principal,
    place: tuple[str, str],
    change: tuple[int, Sequence[str]],
    members: Mapping[int, Principal],
    origin: Origin,
) -> None:
    """Give the box `place` (UAI, address) to somebody (an account id, 0: to nobody new) and take it from others (their
    addresses). `members`: people of the school who may hold a box, by account.

    Raises Refused(NOT_FOUND), FORBIDDEN for who does not manage the box or would take it from somebody of elsewhere,
    INVALID when nobody would hold it any more.
    """
    uai, address = place
    account_id, removed = change
    entry = lists.get(tx, address)
    if entry is None or entry.kind is not ListKind.FUNCTION or entry.uai != uai:
        raise Refused(Reason.NOT_FOUND)
    box = _box(tx, viewer, entry, members.keys())
    if not box.may_hand_over:
        raise Refused(Reason.FORBIDDEN)
    by_address = {holder.address: holder for holder in box.holders}
    gone = [by_address[address] for address in removed if address in by_address]
    if any(not holder.may_be_removed for holder in gone):
        raise Refused(Reason.FORBIDDEN)
    wanted: dict[str, Collection[str]] = {}
    if account_id:
        person = members.get(account_id)
        if person is None or person.role is Role.PUPIL:
            raise Refused(Reason.NOT_FOUND)
        # Whoever takes over from somebody who managed the box manages it; who holds it already does no less.
        own = [holder for holder in box.holders if holder.account_id == account_id]
        words = {word for holder in (*gone, *own) for word in holder.words} | set(boxes.USUAL.split())
        wanted[person.address] = words
    accounts = {holder.account_id for holder in gone} - {0}
    if not wanted and all(holder in gone or holder.account_id in accounts for holder in box.holders):
        raise Refused(Reason.INVALID, "somebody has to hold the box")
    kept = [
        holder.address for holder in gone if holder.address not in {list_settings.fold(address) for address in wanted}
    ]
    rosters.hold(tx, list_settings, entry.address, wanted, kept, origin)


def _box(tx: Tx, viewer: Principal, entry: ListEntry, members: Collection[int]) -> Box:
    holders = [_holder(tx, address, words, members) for address, words in lists.holders(tx, entry.address)]
    manages = any(holder.account_id == viewer.account_id and MANAGE in holder.words for holder in holders)
    owners = lists.owners(tx, entry)
    owns = any(map(viewer.owns, owners))
    named = [holder.name for holder in holders if holder.account_id and MANAGE in holder.words]
    named += [person.name for address in owners if (person := people.find(tx, address)) is not None]
    return Box(entry, tuple(holders), viewer.role is Role.ADMIN or manages or owns, tuple(dict.fromkeys(named)))


def _holder(tx: Tx, address: str, words: str, members: Collection[int]) -> Holder:
    person = people.find(tx, address)
    if person is None:
        return Holder(address, "", tuple(words.split()), 0, may_be_removed=True)
    return Holder(address, person.name, tuple(words.split()), person.account_id, person.account_id in members)
