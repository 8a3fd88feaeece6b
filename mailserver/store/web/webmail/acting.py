"""What a person does with messages that were chosen in a list."""

from collections.abc import Sequence

from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import mailboxes, messages
from mailserver.store.mail.flags import known_mask
from mailserver.store.web.webmail import undo_records
from mailserver.store.web.webmail.reading import uids_of
from mailserver.store.web.webmail.undo_records import Undo


def flag(tx: Tx, account_id: int, mailbox_id: int, ids: Sequence[int], mode: str, flags: Sequence[str]) -> int:
    """Set ("+") or clear ("-") flags; how many messages were named."""
    uids = uids_of(tx, account_id, mailbox_id, ids)
    if uids:
        messages.store_flags(tx, account_id, mailbox_id, uids, mode, flags)
    return len(uids)


def flag_once(tx: Tx, account_id: int, content_id: int, keyword: str) -> bool:
    """Set a keyword on every appearance of a message; False when one had it already: what it stands for was done."""
    # Of two who come at once the second one sees what the first one set.
    for mailbox_id in sorted({place[0] for place in messages.find(tx, account_id, content_id)}):
        mailboxes.lock(tx, account_id, mailbox_id)
    places = messages.find(tx, account_id, content_id)
    if not places:
        raise Refused(Reason.NOT_FOUND)
    for mailbox_id, uid in places:
        mask, missing = known_mask([keyword], mailboxes.keywords(tx, mailbox_id))
        rows = messages.fetch(tx, account_id, mailbox_id, ("uid", "flags"), uid, uid)
        if not missing and any(row[1] & mask for row in rows):
            return False
    for mailbox_id, uid in places:
        messages.store_flags(tx, account_id, mailbox_id, [uid], "+", [keyword])
    return True


def move(
    tx: Tx,
    account_id: int,
    mailbox_id: int,
    target_id: int,
    ids: Sequence[int],
    undo: tuple[bytes, int],
    marks: tuple[Sequence[str], Sequence[str]] = ((), ()),
) -> int:
    """Move messages, set and clear `marks` on them, remember how to undo it (token hash, seconds); how many."""
    uids = uids_of(tx, account_id, mailbox_id, ids)
    if not uids or mailbox_id == target_id:
        return 0
    moved = messages.move(tx, account_id, mailbox_id, target_id, uids)
    for mode, flags in zip("+-", marks, strict=True):
        if flags:
            messages.store_flags(tx, account_id, target_id, moved.target_uids, mode, flags)
    token_hash, seconds = undo
    what = Undo(mailbox_id, target_id, tuple(moved.target_uids))
    undo_records.remember_undo(tx, token_hash, account_id, seconds, what)
    return len(uids)


def erase(tx: Tx, account_id: int, mailbox_id: int, ids: Sequence[int]) -> int:
    """Remove messages for good; how many there were."""
    uids = uids_of(tx, account_id, mailbox_id, ids)
    return len(messages.erase(tx, account_id, mailbox_id, uids)) if uids else 0


def empty(tx: Tx, account_id: int, mailbox_id: int, before: int = 0) -> int:
    """Remove everything in a mailbox for good, or what has a UID smaller than `before`; how many messages there
    were."""
    mailboxes.check(tx, account_id, mailbox_id)
    uids = [row[0] for row in messages.state(tx, mailbox_id) if row[0] < before or not before]
    return len(messages.erase(tx, account_id, mailbox_id, uids)) if uids else 0
