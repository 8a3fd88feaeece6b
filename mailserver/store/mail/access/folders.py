"""Making, removing, renaming and subscribing mailboxes that may be others' (RFC 4314 section 4)."""

from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import mailboxes, messages
from mailserver.store.mail.access.acl import inherit
from mailserver.store.mail.access.acts import record
from mailserver.store.mail.access.reaching import check, find, held_boxes, is_foreign, place, rights_on
from mailserver.store.mail.access.rights import Viewer
from mailserver.store.mail.mailboxes import INBOX, SEPARATOR, Mailbox
from mailserver.texts.causes import Cause


def create(tx: Tx, viewer: Viewer, name: str, special_use: str = "") -> Mailbox:
    """CREATE takes the right "k" on the mailbox above. A new mailbox has the rights of the one above it.

    Raises Refused(MAILBOX_EXISTS | INVALID | LIMIT | CANNOT | FORBIDDEN | NO_SUCH_MAILBOX).
    """
    owner, inner = place(tx, viewer, name.rstrip(SEPARATOR))
    # First: what another unit makes meanwhile is not taken for ours, and gets no rights of the one above ours.
    mailboxes.lock_folders(tx, owner)
    before = {box.name: box for box in mailboxes.listing(tx, owner)}
    parent = _above(inner, before)
    if owner != viewer.account_id:
        _check_create(tx, viewer, owner, parent)
    made = mailboxes.create(tx, owner, inner, special_use)
    if parent is not None:
        for box in mailboxes.listing(tx, owner):
            if box.name not in before:
                inherit(tx, parent.id, box.id)
    record(tx, viewer, owner, made.name, "create", detail=Cause("act-created", number=made.id))
    return made


def _above(name: str, boxes: dict[str, Mailbox]) -> Mailbox | None:
    """The nearest mailbox above a name."""
    name = mailboxes.canonical(name)
    while SEPARATOR in name:
        name = name.rpartition(SEPARATOR)[0]
        if name in boxes:
            return boxes[name]
    return None


def _check_create(tx: Tx, viewer: Viewer, owner: int, parent: Mailbox | None) -> None:
    """At the top only who holds a functional box with this right makes mailboxes."""
    if parent is not None:
        check(rights_on(tx, viewer, owner, parent.id), "k")
        return
    held = next((box for box in held_boxes(tx, viewer) if box.box_id == owner), None)
    if held is None:
        raise Refused(Reason.NO_SUCH_MAILBOX, "No such mailbox")
    check(held.rights, "k")


def remove(tx: Tx, viewer: Viewer, name: str) -> int:
    """DELETE takes the right "x"; the id of the mailbox that is no more.

    Raises Refused(NO_SUCH_MAILBOX | FORBIDDEN | CANNOT).
    """
    owner, _ = place(tx, viewer, name)
    mailboxes.lock_folders(tx, owner)
    box = find(tx, viewer, name, "x").box
    removed = mailboxes.remove(tx, box.account_id, box.name)
    record(tx, viewer, box.account_id, box.name, "delete", detail=Cause("act-deleted", count=box.messages))
    return removed


def rename(tx: Tx, viewer: Viewer, old: str, new: str) -> None:
    """RENAME takes "x" on each mailbox that moves and "k" above its new place; mail does not change its owner.

    Raises Refused(NO_SUCH_MAILBOX | FORBIDDEN | CANNOT | MAILBOX_EXISTS | INVALID).
    """
    if not is_foreign(old) and not is_foreign(new):
        messages.rename(tx, viewer.account_id, old, new)
        return
    holder, _ = place(tx, viewer, old)
    mailboxes.lock_folders(tx, holder)
    box = find(tx, viewer, old, "x").box
    owner, inner = place(tx, viewer, new.rstrip(SEPARATOR))
    if owner != box.account_id:
        raise Refused(Reason.CANNOT, "A mailbox stays its owner's: move its messages instead")
    if box.name == INBOX:
        raise Refused(Reason.CANNOT, "INBOX keeps its name")
    boxes = {known.name: known for known in mailboxes.listing(tx, owner)}
    for known in boxes.values():
        if known.name.startswith(box.name + SEPARATOR):
            check(rights_on(tx, viewer, owner, known.id), "x")
    if owner != viewer.account_id:
        _check_create(tx, viewer, owner, _above(inner, boxes))
    mailboxes.rename(tx, owner, box.name, inner)
    record(tx, viewer, owner, box.name, "rename", detail=Cause("act-renamed", name=inner))


def subscribe(tx: Tx, viewer: Viewer, name: str, subscribed: bool) -> None:
    """SUBSCRIBE takes the right "l" in others' mailboxes, UNSUBSCRIBE none. Raises Refused."""
    if subscribed and is_foreign(name):
        find(tx, viewer, name, "l")
    mailboxes.subscribe(tx, viewer.account_id, name, subscribed)
