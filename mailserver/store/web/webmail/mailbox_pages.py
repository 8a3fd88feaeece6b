"""A page of a mailbox, one's own or one that others share, with the mailboxes around it: each on one snapshot."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mailserver.store.engine.statements import Tx
from mailserver.store.mail import access, mailboxes, snooze
from mailserver.store.mail.access import Reach, Viewer
from mailserver.store.mail.mailboxes import Mailbox
from mailserver.store.web.webmail import folders, reading, views
from mailserver.store.web.webmail.reading import Edge, Page
from mailserver.store.web.webmail.views import Listed, View


@dataclass(frozen=True, slots=True)
class Opened:
    """A mailbox that is read, one's own mailboxes and those of others."""

    box: Mailbox
    boxes: Sequence[Mailbox]
    shared: Sequence[Reach]


@dataclass(frozen=True, slots=True)
class MessagesPage:
    """Messages newest first."""

    opened: Opened
    page: Page


@dataclass(frozen=True, slots=True)
class ItemsPage:
    """Messages or conversations as a view shows them."""

    opened: Opened
    keywords: tuple[str, ...]
    listed: Listed
    wakes: Mapping[int, int]
    """When those that were put off come back, by UID."""


def open_mailbox(tx: Tx, viewer: Viewer, box_id: int) -> Opened:
    """By id; 0 is one's INBOX. Raises Refused(NO_SUCH_MAILBOX | FORBIDDEN)."""
    boxes, shared = folders.own_and_shared(tx, viewer)
    reach = next((reach for reach in shared if box_id and reach.box.id == box_id), None)
    if reach is None:
        return Opened(reading.pick(boxes, box_id), boxes, shared)
    access.require(tx, viewer, box_id, "r")
    return Opened(reach.box, boxes, shared)


def messages(
    tx: Tx, viewer: Viewer, box_id: int, size: int, before: Edge | None = None, after: Edge | None = None
) -> MessagesPage:
    """A page by its edge. Raises Refused(NO_SUCH_MAILBOX | FORBIDDEN)."""
    opened = open_mailbox(tx, viewer, box_id)
    return MessagesPage(opened, reading.page(tx, opened.box, size, before=before, after=after))


def items(tx: Tx, viewer: Viewer, box_id: int, view_of: Callable[[Mailbox], View], size: int, skip: int) -> ItemsPage:
    """A page of what the view of this mailbox shows. Raises Refused(NO_SUCH_MAILBOX | FORBIDDEN)."""
    opened = open_mailbox(tx, viewer, box_id)
    box = opened.box
    listed = views.listed(tx, box, view_of(box), size, skip)
    uids = [item.line.uid for item in listed.items]
    wakes = snooze.wakes(tx, viewer.account_id, box.id, uids) if box.name == snooze.PLACE else {}
    return ItemsPage(opened, mailboxes.keywords(tx, box.id), listed, wakes)
