"""Who reads the archive of a list: asked at each look, of who is in it at that moment.

Owners always do, so that they can take something out of it. An administrator is no reader by that: who makes
themselves an owner is on record. Members of a list within the list are its members, as where they receive; the mail of
a functional box is read there.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from directory.lists import membership
from directory.lists.list_expansion import MAX_LISTS, MAX_NESTING
from directory.lists.rosters import ListSettings
from mailserver.model import visibility
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Archive, ListKind, Population, Principal
from mailserver.store.account import rules
from mailserver.store.engine.statements import Tx
from mailserver.store.mail.posts import archived_posts
from mailserver.store.people import affiliations
from mailserver.store.people.mailing_lists import lists, outside_members
from mailserver.store.people.mailing_lists.lists import ListEntry
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.web.archive_view import ArchiveView
from mailserver.texts.causes import Cause

OPEN = (Archive.MEMBERS, Archive.ACADEMY)
"""Archives that others than owners read."""


@dataclass(frozen=True, slots=True)
class OpenArchive:
    """An archive that somebody may read."""

    entry: ListEntry
    view: ArchiveView
    """What of it they are shown."""
    is_owner: bool = False
    """They may take something out of it."""


def opened(tx: Tx, list_settings: ListSettings, person: Principal, address: str) -> OpenArchive | None:
    """The archive of a list, if this person may read it now; None: there is none for them."""
    entry = lists.get(tx, list_settings.fold(address))
    if entry is None or entry.kind is ListKind.FUNCTION:
        return None
    if any(map(person.owns, lists.owners(tx, entry))):
        return OpenArchive(entry, ArchiveView(entry.address), is_owner=True)
    if entry.archive not in OPEN:
        return None
    view = ArchiveView(entry.address, Archive.MEMBERS, person.account_id, _kept_from(tx, person.role.population))
    if _is_member(tx, list_settings, entry, person):
        return OpenArchive(entry, view)
    if entry.archive is not Archive.ACADEMY:
        return None
    ties = affiliations.of(tx, [person.account_id]).get(person.account_id, ())
    return OpenArchive(entry, replace(view, circle=Archive.ACADEMY, viewer=visibility.viewer(person, ties)))


def opened_outside(tx: Tx, list_settings: ListSettings, member_id: int) -> OpenArchive | None:
    """The archive of a member outside, if they may read it now; None: there is none for them."""
    found = outside_members.get(tx, member_id)
    if found is None or found.reason is outside_members.Reason.LEFT:
        return None
    entry = lists.get(tx, found.list)
    if entry is None or entry.archive not in OPEN or not _are_in(tx, list_settings, entry, [found.member]):
        return None
    kept_from = _kept_from(tx, Population.OUTSIDE)
    view = ArchiveView(entry.address, Archive.MEMBERS, kept_from=kept_from, is_outside=True)
    return OpenArchive(entry, view)


def _kept_from(tx: Tx, population: Population) -> frozenset[Population]:
    """Populations whose mail a reader of this one does not get."""
    table = rules.table(tx)
    return frozenset(one for one in Population if not table.allows(one, population))


def take_out(tx: Tx, address: str, number: int, origin: Origin) -> None:
    """A message is in the archive no more; its copies elsewhere stay. Whoever calls has made sure that they may.

    Raises Refused(NOT_FOUND).
    """
    if not archived_posts.remove(tx, address, number):
        raise Refused(Reason.NOT_FOUND)
    audit.record(tx, origin, Action.LIST_CHANGED, 0, Cause("list-archive-removed", address=address, number=number))


def clear(tx: Tx, address: str, origin: Origin) -> int:
    """All of its messages are in the archive no more; how many."""
    count = archived_posts.disown(tx, address)
    audit.record(tx, origin, Action.LIST_CHANGED, 0, Cause("list-archive-cleared", address=address, count=count))
    return count


def _is_member(tx: Tx, list_settings: ListSettings, entry: ListEntry, person: Principal) -> bool:
    """Whether they are found by it, or by a list within it."""
    if _are_in(tx, list_settings, entry, [f"{person.login}@{list_settings.domain}", person.address, *person.aliases]):
        return True
    within = list(_within(tx, entry))
    if any(one.kind is ListKind.LIVING and membership.finds(tx, one.query, person.account_id) for one in within):
        return True
    if not list_settings.standing:
        return False
    # Lists of schools and classes are no rows: only those that find them are looked for among members.
    standing = [one.address for one in membership.standing(tx, list_settings, person)]
    return bool(standing) and _are_in(tx, list_settings, entry, standing)


def _are_in(tx: Tx, list_settings: ListSettings, entry: ListEntry, addresses: Iterable[str]) -> bool:
    """Whether one of these addresses is a member of it or of a list within it."""
    wanted = {one for address in addresses for one in _spellings(list_settings, address)}
    containing = set(lists.containing(tx, sorted(wanted)))
    return bool(containing) and any(one.address in containing for one in _within(tx, entry))


def _spellings(list_settings: ListSettings, address: str) -> Iterable[str]:
    """As it may stand in a list: in any of our domains, which are one for people."""
    folded = list_settings.fold(address)
    local = folded.rpartition("@")[0]
    return (
        (folded, *(f"{local}@{domain}" for domain in list_settings.domains))
        if list_settings.is_local(folded)
        else (folded,)
    )


def _within(tx: Tx, entry: ListEntry) -> Iterable[ListEntry]:
    """The list and those within it, each once, as far as delivery goes. A functional box is none of them."""
    seen = {entry.address}
    level = [entry]
    for _ in range(MAX_NESTING):
        below: list[ListEntry] = []
        for one in level:
            yield one
            if one.kind is not ListKind.MANUAL:
                continue
            for inner in lists.within(tx, one.address):
                if inner.address not in seen and len(seen) < MAX_LISTS and inner.kind is not ListKind.FUNCTION:
                    seen.add(inner.address)
                    below.append(inner)
        level = below
