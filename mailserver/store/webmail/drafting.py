"""Drafts, each kept once, and what follows from sending one."""

from mailserver.errors import Reason, Refused
from mailserver.store import mailboxes, messages, sessions
from mailserver.store.blobs import Prepared
from mailserver.store.mailboxes import Mailbox
from mailserver.store.statements import Tx
from mailserver.store.webmail.reading import uids_of

SENT_REMEMBERED = 86400
"""Seconds during which the form of a sent letter is recognised when it is posted again."""


def replace_draft(tx: Tx, account_id: int, old_id: int, prepared: Prepared, quota: messages.Quota) -> int:
    """Store a draft in place of an older one (0: of none), as one unit; its content id.

    Raises Refused(CONFLICT) when the older one is not there any more: it was replaced, sent or removed elsewhere.
    Raises Refused(OVER_QUOTA).
    """
    box = drafts(tx, account_id)
    old = uids_of(tx, account_id, box.id, [old_id]) if old_id else []
    if old_id and not old:
        raise Refused(Reason.CONFLICT)
    appended = messages.append(tx, account_id, box.id, prepared, ("\\Draft", "\\Seen"), quota=quota)
    if old:
        messages.erase(tx, account_id, box.id, [uid for uid in old if uid != appended.uid])
    return appended.content_id


def drafts(tx: Tx, account_id: int) -> Mailbox:
    """The folder of drafts; made again if it was deleted."""
    box = mailboxes.by_use(tx, account_id, "\\Drafts")
    if box is None:
        mailboxes.provision(tx, account_id)
        box = mailboxes.by_use(tx, account_id, "\\Drafts") or mailboxes.get(tx, account_id, "Drafts")
    return box


def letter_sent(tx: Tx, account_id: int, claim: bytes, draft_id: int, answered_id: int, forwarded_id: int) -> None:
    """A draft has become a sent message: finish its claim, remove it, mark what it answers or passes on."""
    sessions.finish(tx, claim, account_id, SENT_REMEMBERED)
    box = drafts(tx, account_id)
    messages.erase(tx, account_id, box.id, uids_of(tx, account_id, box.id, [draft_id]))
    for content_id, flags in ((answered_id, ("\\Answered",)), (forwarded_id, ("$Forwarded",))):
        for mailbox_id, uid in messages.find(tx, account_id, content_id) if content_id else ():
            messages.store_flags(tx, account_id, mailbox_id, [uid], "+", flags)
