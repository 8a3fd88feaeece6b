"""EXPUNGE: rows go, tombstones stay, counters follow, contents are noted for the collector."""

from collections.abc import Sequence

from sqlalchemy import BigInteger, ColumnElement, case, delete, func, insert, literal, select, update

from mailserver.store import collect, mailboxes
from mailserver.store.flags import DELETED, SEEN
from mailserver.store.messages.reading import CHUNK, count, state
from mailserver.store.schema.mail import expunged, mailbox, message
from mailserver.store.statements import Tx


def expunge(tx: Tx, account_id: int, mailbox_id: int, uids: Sequence[int] | None = None) -> tuple[int, list[int]]:
    """Remove the messages flagged \\Deleted, only among `uids` if given (RFC 4315 UID EXPUNGE).

    Returns the mailbox's mod-sequence and the UIDs removed, ascending.
    """
    box = mailboxes.lock(tx, account_id, mailbox_id)
    doomed = [row[0] for row in state(tx, mailbox_id, uids) if row[1] & DELETED]
    if not doomed:
        return box.modseq, []
    return remove(tx, account_id, mailbox_id, doomed), doomed


def erase(tx: Tx, account_id: int, mailbox_id: int, uids: Sequence[int]) -> list[int]:
    """Remove messages whatever their flags; the UIDs that were there."""
    mailboxes.lock(tx, account_id, mailbox_id)
    found = [row[0] for row in state(tx, mailbox_id, uids)]
    if found:
        remove(tx, account_id, mailbox_id, found)
    return found


def remove(tx: Tx, account_id: int, mailbox_id: int, uids: list[int]) -> int:
    """Delete rows, leave tombstones, settle the counters; the mod-sequence of the removal."""
    box = mailboxes.by_id(tx, account_id, mailbox_id)
    modseq = box.modseq + 1
    size = unseen = 0
    for chosen in _chosen(tx, mailbox_id, uids):
        here = (message.c.mailbox_id == mailbox_id) & chosen
        unread = func.sum(case((message.c.flags.op("&")(SEEN) == 0, 1), else_=0))
        totals = tx.execute(select(func.sum(message.c.size).label("size"), unread.label("unread")).where(here)).one()
        size += int(totals.size or 0)
        unseen += int(totals.unread or 0)
        collect.note(tx, select(message.c.content_id).where(here))
        marks = (
            literal(mailbox_id, BigInteger),
            literal(modseq, BigInteger),
            message.c.uid,
            literal(tx.now, BigInteger),
        )
        tx.execute(insert(expunged).from_select(["mailbox_id", "modseq", "uid", "at"], select(*marks).where(here)))
        tx.execute(delete(message).where(here))
    tx.execute(
        update(mailbox)
        .where(mailbox.c.id == mailbox_id)
        .values(
            modseq=modseq,
            messages=mailbox.c.messages - len(uids),
            unseen=mailbox.c.unseen - unseen,
            octets=mailbox.c.octets - size,
        )
    )
    tx.changed(account_id, mailbox_id)
    return modseq


def _chosen(tx: Tx, mailbox_id: int, uids: list[int]) -> list[ColumnElement[bool]]:
    """One range when the UIDs are all there is between the first and the last, else lists of bounded length."""
    if len(uids) > 1 and count(tx, mailbox_id, uids[0], uids[-1]) == len(uids):
        return [message.c.uid.between(uids[0], uids[-1])]
    return [message.c.uid.in_(uids[start : start + CHUNK]) for start in range(0, len(uids), CHUNK)]
