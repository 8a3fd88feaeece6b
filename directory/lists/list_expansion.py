"""Who receives what is sent to a list of the embedded directory: list by list, or every address."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from directory.lists import virtual_lists
from directory.lists.rosters import ListSettings
from mailserver.model import selection
from mailserver.model.errors import BadSyntax
from mailserver.model.identity import ListKind, MailingList, Policy, Roster, Writers
from mailserver.model.selection import Selection
from mailserver.store.engine.statements import Tx
from mailserver.store.people.mailing_lists import lists
from mailserver.store.people.search import selecting

MAX_NESTING = 8
"""Lists within lists."""
MAX_RECEIVERS = 500_000
"""People that one message to a list may come to."""
MAX_LISTS = 500
"""Lists within one list, however deep."""


@dataclass(slots=True)
class _Walk:
    """Lists still to be entered, each once: lists that contain one another come to an end."""

    entered: set[str] = field(default_factory=set)
    rosters: list[Roster] = field(default_factory=list)


def walk(tx: Tx, list_settings: ListSettings, address: str) -> list[Roster]:
    """A list and every list within it, each once, with its own members as they are now; empty: no such list.

    Deeper than MAX_NESTING or more than MAX_LISTS is cut there. A list holds at most one member more than
    MAX_RECEIVERS: whoever delivers sees that it is too large.
    """
    done = _Walk()
    level: Iterable[str] = (list_settings.fold(address),)
    for _ in range(MAX_NESTING):
        below: list[str] = []
        for current in level:
            if current in done.entered or len(done.rosters) >= MAX_LISTS:
                continue
            done.entered.add(current)
            roster = _roster(tx, list_settings, current)
            if roster is not None:
                done.rosters.append(roster)
                below += roster.inner
        level = below
    return done.rosters


def _roster(tx: Tx, list_settings: ListSettings, address: str) -> Roster | None:
    entry = lists.get(tx, address)
    if entry is None:
        return _standing(tx, list_settings, address)
    owners, policy = lists.owners(tx, entry), lists.policy(tx, entry)
    if entry.kind is ListKind.LIVING:
        who = _parsed(entry.query)
        found = selecting.receivers(tx, who, list_settings.quota, MAX_RECEIVERS + 1)
        absent: set[int] = set()
        if policy.writers is Writers.MEMBERS:
            absent = set(selecting.members(tx, who, MAX_RECEIVERS)).difference(found)
        return Roster(entry.address, entry.name, owners, policy, tuple(found), absent=tuple(absent))
    addresses = [list_settings.fold(member) for member in lists.members(tx, entry.address)]
    ours = [address for address in addresses if list_settings.is_local(address)]
    inner = lists.existing(tx, ours)
    accounts, known, away = selecting.holders(
        tx, [address for address in ours if address not in inner], list_settings.quota
    )
    left = [address for address in addresses if address not in known and address not in inner]
    if list_settings.standing:
        inner |= {
            address
            for address in left
            if list_settings.is_local(address) and virtual_lists.find(tx, address.rpartition("@")[0]) is not None
        }
    return Roster(
        entry.address,
        entry.name,
        owners,
        policy,
        tuple(accounts),
        tuple(address for address in addresses if address in inner),
        tuple(address for address in left if address not in inner),
        tuple(away),
        entry.kind,
        entry.box_id,
    )


def _standing(tx: Tx, list_settings: ListSettings, address: str) -> Roster | None:
    local, _, domain = address.rpartition("@")
    if not list_settings.standing or domain != list_settings.domain:
        return None
    found = virtual_lists.find(tx, local)
    if found is None:
        return None
    name, who = found
    accounts = selecting.receivers(tx, who, list_settings.quota, MAX_RECEIVERS + 1)
    return Roster(address, name, (), Policy(list_settings.standing_writers, hidden_members=True), tuple(accounts))


def _parsed(query: str) -> Selection:
    """A stored query; one that this version cannot read finds nobody."""
    try:
        return selection.parse(query)
    except BadSyntax:
        return selection.AnyOf(())


def expand(tx: Tx, address: str, list_settings: ListSettings | None = None) -> MailingList | None:
    """A list with the addresses it comes to: members that are lists are replaced by theirs, people found by a
    query stand with their address."""
    where = list_settings or ListSettings((address.rpartition("@")[2],), standing=False)
    entry = lists.get(tx, where.fold(address))
    receivers: dict[str, None] = {}
    entered: set[str] = set()
    level: list[str] = [where.fold(address)]
    head: tuple[str, str, tuple[str, ...]] | None = None
    for _ in range(MAX_NESTING):
        below: list[str] = []
        for current in level:
            if current in entered or len(entered) >= MAX_LISTS:
                continue
            entered.add(current)
            found = _addresses(tx, where, current)
            if found is None:
                if head is not None and len(receivers) < MAX_RECEIVERS:
                    receivers[current] = None
                continue
            head = head or (current, found.name, found.owners)
            for member in found.others:
                if len(receivers) < MAX_RECEIVERS:
                    receivers[member] = None
            below += found.inner
        level = below
    if head is None:
        return None
    return MailingList(head[0], head[1], tuple(receivers), entry.owner if entry else "", head[2])


def _addresses(tx: Tx, list_settings: ListSettings, address: str) -> Roster | None:
    """A list with its own members as addresses (`others`), the lists within it apart."""
    entry = lists.get(tx, address)
    if entry is None:
        found = (
            virtual_lists.find(tx, address.rpartition("@")[0])
            if list_settings.standing and list_settings.is_local(address)
            else None
        )
        if found is None:
            return None
        return Roster(address, found[0], others=_found(tx, found[1]))
    owners = lists.owners(tx, entry)
    if entry.kind is ListKind.LIVING:
        return Roster(entry.address, entry.name, owners, others=_found(tx, _parsed(entry.query)))
    addresses = lists.members(tx, entry.address)
    folded: Mapping[str, str] = {address: list_settings.fold(address) for address in addresses}
    inner = lists.existing(tx, list(folded.values()))
    if list_settings.standing:
        inner |= {
            address
            for address in folded.values()
            if list_settings.is_local(address) and virtual_lists.find(tx, address.rpartition("@")[0])
        }
    return Roster(
        entry.address,
        entry.name,
        owners,
        inner=tuple(address for address in folded.values() if address in inner),
        others=tuple(address for address in addresses if folded[address] not in inner),
    )


def _found(tx: Tx, who: Selection) -> tuple[str, ...]:
    return tuple(person.address for person in selecting.found(tx, who, MAX_RECEIVERS))
