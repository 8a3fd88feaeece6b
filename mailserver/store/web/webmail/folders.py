"""Folders as the web shows and keeps them."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from mailserver.model.account.preferences import MAX_FOLDED, MAX_RECENT_FOLDERS, TAG_COLOURS, Preferences
from mailserver.store.account import stored_preferences
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import access, mailboxes, messages
from mailserver.store.mail.access import Reach, Viewer
from mailserver.store.mail.deleted import retention
from mailserver.store.mail.mailboxes import SEPARATOR, Mailbox


@dataclass(frozen=True, slots=True)
class Folders:
    """Somebody's own folders with what their page tells of each."""

    boxes: Sequence[Mailbox]
    followed: Set[str]
    """Names of those that programs show."""
    shared: Mapping[int, int]
    """How many others have rights in it, where any has."""
    kept_days: Mapping[int, int]
    """Where messages do not stay for ever."""


def overview(tx: Tx, account_id: int) -> Folders:
    """On one snapshot."""
    return Folders(
        mailboxes.listing(tx, account_id),
        mailboxes.subscriptions(tx, account_id),
        access.shared_with(tx, account_id),
        retention.of(tx, account_id),
    )


def own_and_shared(tx: Tx, viewer: Viewer) -> tuple[list[Mailbox], list[Reach]]:
    """Somebody's own mailboxes, and those of others that they may look up."""
    return mailboxes.listing(tx, viewer.account_id), access.listing(tx, viewer)


def create(tx: Tx, account_id: int, name: str) -> None:
    """A folder made here is one the person wants to see in every program. Raises Refused."""
    mailboxes.create(tx, account_id, name)
    mailboxes.subscribe(tx, account_id, name, True)


def rename(tx: Tx, account_id: int, old: str, new: str) -> None:
    """Programs that showed the folder, and those below it, go on showing them. Raises Refused."""
    followed = mailboxes.subscriptions(tx, account_id)
    moved = [name for name in followed if name == old or name.startswith(old + SEPARATOR)]
    messages.rename(tx, account_id, old, new)
    for name in moved:
        mailboxes.subscribe(tx, account_id, name, False)
        mailboxes.subscribe(tx, account_id, new + name[len(old) :], True)


def change_settings(tx: Tx, account_id: int, box: Mailbox, followed: bool, colour: str) -> None:
    """Whether programs show it, and its colour in the web; colours of folders that are gone are forgotten."""
    mailboxes.subscribe(tx, account_id, box.name, followed)
    there = {other.id for other in mailboxes.listing(tx, account_id)}
    chosen = ((box.id, colour),) if colour in TAG_COLOURS else ()

    def colours(kept: Preferences) -> dict[str, object]:
        others = tuple(pair for pair in kept.colours if pair[0] != box.id and pair[0] in there)
        return {"colours": (*others, *chosen)}

    stored_preferences.change_preferences(tx, account_id, colours)


def used(tx: Tx, account_id: int, box_id: int) -> None:
    """Messages were just moved there: it comes first among the folders that menus offer."""

    def latest(kept: Preferences) -> dict[str, object]:
        others = [number for number in kept.recent_folders if number != box_id]
        return {"recent_folders": (box_id, *others)[:MAX_RECENT_FOLDERS]}

    stored_preferences.change_preferences(tx, account_id, latest)


def fold(tx: Tx, account_id: int, box_id: int, folded: bool) -> None:
    """Show nothing below a folder of one's own, or show it again; folders that are gone are forgotten."""
    there = {box.id for box in mailboxes.listing(tx, account_id)}

    def changed(kept: Preferences) -> dict[str, object]:
        others = [number for number in kept.folded if number != box_id and number in there]
        return {"folded": tuple([*others, box_id] if folded and box_id in there else others)[-MAX_FOLDED:]}

    stored_preferences.change_preferences(tx, account_id, changed)
