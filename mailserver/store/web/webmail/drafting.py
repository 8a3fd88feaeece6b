"""Drafts, each kept once."""

from sqlalchemy import select

from mailserver.model.errors import Reason, Refused
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import mailboxes, messages
from mailserver.store.mail.blobs import Prepared
from mailserver.store.mail.mailboxes import Mailbox
from mailserver.store.schema.mail.messages import content, message
from mailserver.store.web.webmail.reading import uids_of


def replace_draft(tx: Tx, account_id: int, old_id: int, prepared: Prepared, quota: messages.Quota) -> int:
    """Store a draft in place of an older one (0: of none), as one unit; its content id.

    Raises Refused(CONFLICT) when the older one is not there any more: it was replaced, sent or removed elsewhere.
    Raises Refused(OVER_QUOTA).
    """
    box = mailboxes.lock(tx, account_id, drafts(tx, account_id).id)  # of two who replace one, one does
    old = uids_of(tx, account_id, box.id, [old_id]) if old_id else []
    if old_id and not old:
        raise Refused(Reason.CONFLICT)
    written = Provenance(Door.APPENDED, account_id)
    flags = ("\\Draft", "\\Seen")
    appended = messages.append(tx, account_id, box.id, prepared, flags, quota=quota, provenance=written)
    if old:
        messages.erase(tx, account_id, box.id, [uid for uid in old if uid != appended.uid], kept=False)
    return appended.content_id


def drafts(tx: Tx, account_id: int) -> Mailbox:
    """The folder of drafts; made again if it was deleted."""
    box = mailboxes.by_use(tx, account_id, "\\Drafts")
    if box is None:
        mailboxes.provision(tx, account_id)
        box = mailboxes.by_use(tx, account_id, "\\Drafts") or mailboxes.get(tx, account_id, "Drafts")
    return box


def is_draft(tx: Tx, account_id: int, content_id: int) -> bool:
    """Whether a message of this content is in the folder of drafts."""
    box = mailboxes.by_use(tx, account_id, "\\Drafts")
    return box is not None and bool(uids_of(tx, account_id, box.id, [content_id]))


def versions_of(tx: Tx, account_id: int, message_id: str, limit: int) -> list[int]:
    """Content ids of the drafts with this message id, the newest first, at most `limit`."""
    box = mailboxes.by_use(tx, account_id, "\\Drafts")
    if box is None:
        return []
    rows = tx.execute(
        select(message.c.content_id)
        .join(content, content.c.id == message.c.content_id)
        .where(message.c.mailbox_id == box.id, content.c.message_id == message_id)
        .order_by(message.c.uid.desc())
        .limit(limit)
    )
    return [int(row[0]) for row in rows]
