"""Lists as whoever looks after them sees and changes them: owners, and administrators in every owner's stead."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from directory.lists import rosters
from directory.lists.rosters import ListChange, ListSettings
from mailserver.model.identity import Principal, Role
from mailserver.store.engine.statements import Tx
from mailserver.store.mail.posts import archived_posts
from mailserver.store.people.mailing_lists import lists
from mailserver.store.people.mailing_lists.lists import ListEntry
from mailserver.store.queue.held import moderation_queue
from mailserver.store.record.audit import Origin

MAX_LISTED = 500


@dataclass(frozen=True, slots=True)
class OwnedList:
    """A list in an overview."""

    entry: ListEntry
    waiting: int
    """Messages that an owner is to decide about."""
    ended: bool


@dataclass(frozen=True, slots=True)
class OwnedDetails:
    """One list with everything that its owners may change."""

    entry: ListEntry
    owners: Sequence[str]
    named: Sequence[str]
    members: Sequence[str]
    waiting: int
    archived: Mapping[str, int]
    """Messages of the archive by whom they are for."""
    archived_octets: int


@dataclass(frozen=True, slots=True)
class MembersChange:
    """Members that come and that go."""

    add: Sequence[str]
    remove: Sequence[str]


def listing(tx: Tx, owner: Principal) -> list[OwnedList]:
    """The lists a person looks after, at most MAX_LISTED."""
    if owner.role is Role.ADMIN:
        entries = lists.listing(tx)[:MAX_LISTED]
    else:
        entries = lists.owned_by(tx, (owner.address, *owner.aliases))[:MAX_LISTED]
    counts: dict[str, int] = {}
    for waiting in moderation_queue.waiting(tx, [entry.address for entry in entries]):
        counts[waiting.list] = counts.get(waiting.list, 0) + 1
    return [OwnedList(entry, counts.get(entry.address, 0), bool(entry.ended(tx.now))) for entry in entries]


def find(tx: Tx, owner: Principal, address: str) -> OwnedDetails | None:
    """A list that this person looks after; None for anybody else's, too."""
    entry = lists.get(tx, address)
    if entry is None:
        return None
    owners = lists.owners(tx, entry)
    if owner.role is not Role.ADMIN and not any(map(owner.owns, owners)):
        return None
    return OwnedDetails(
        entry,
        owners,
        lists.named_writers(tx, address),
        lists.members(tx, address),
        len(moderation_queue.waiting(tx, [address])),
        archived_posts.by_readers(tx, address),
        archived_posts.octets(tx, address),
    )


def save(
    tx: Tx, list_settings: ListSettings, address: str, wanted: ListChange, members: MembersChange | None, origin: Origin
) -> int:
    """Everything that a form changes, as one unit; how many messages of the archive were opened to more people. Raises
    Refused."""
    older = rosters.change(tx, list_settings, address, wanted, origin)
    if members is not None:
        rosters.edit_checked(tx, list_settings, address, members.add, members.remove, origin)
    return older
