"""Changing flags of messages whose state the caller holds in arrays: IMAP's STORE over whole mailboxes.

The caller's state is only taken while the mailbox's mod-sequence, read under its lock, is the one it had then:
nothing can have moved in between, so nothing is read again.
"""

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, ColumnElement, Update, bindparam, update

from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.mail import lessons, mailboxes, messages
from mailserver.store.mail.flags import FLAGGED, SEEN, census
from mailserver.store.schema.mail import mailbox, message


def _setting(flags: ColumnElement[int]) -> Update:
    """Set the flags of a range of UIDs."""
    return (
        update(message)
        .where(message.c.mailbox_id == bindparam("box"), message.c.uid.between(bindparam("low"), bindparam("high")))
        .values(flags=flags, modseq=bindparam("now", type_=BigInteger))
    )


_MASK = bindparam("mask", type_=BigInteger)
_SET = {
    "+": _setting(message.c.flags.op("|")(_MASK)),
    "-": _setting(message.c.flags.op("&")(_MASK)),
    "=": _setting(_MASK),
}
_COUNT = (
    update(mailbox)
    .where(mailbox.c.id == bindparam("box"))
    .values(
        modseq=bindparam("now", type_=BigInteger),
        flags_modseq=bindparam("now", type_=BigInteger),
        unseen=mailbox.c.unseen + bindparam("unread", type_=BigInteger),
        flagged=mailbox.c.flagged + bindparam("starred", type_=BigInteger),
    )
)
_SETTING = {mode: Statement(clause) for mode, clause in _SET.items()}
_COUNTING = Statement(_COUNT)
_BOTH = {mode: Statement(_COUNT.add_cte(clause.cte("setting"))) for mode, clause in _SET.items()}
"""For one range, on PostgreSQL, where each statement is a journey."""


@dataclass(frozen=True, slots=True)
class Known:
    """Messages as somebody saw them when the mailbox's mod-sequence was `modseq`; `uids` ascend."""

    modseq: int
    uids: "array[int]"
    flags: "array[int]"


@dataclass(frozen=True, slots=True)
class Flagged:
    """What a change of flags came to: its mod-sequence (0: nothing changed), and the mask of the flags that were named.

    `known`: the messages were as the caller knew them, so it can tell what they are now; else `missing` of them were
    gone.
    """

    modseq: int
    mask: int
    known: bool
    missing: int = 0


def apply(mode: str, mask: int, flags: int) -> int:
    """The flags after a change: mode "+" adds, "-" removes, "=" replaces."""
    if mode == "+":
        return flags | mask
    return flags & ~mask if mode == "-" else mask


def flag(
    tx: Tx,
    account_id: int,
    mailbox_id: int,
    known: Known,
    mode: str,
    names: Iterable[str],
    begun: Callable[[], object] = lambda: None,
) -> Flagged:
    """Change flags (RFC 3501 section 6.4.6), like `messages.store_flags`. Raises Refused.

    `begun` is called when the long part begins, in which the interpreter is free.
    """
    box = mailboxes.lock(tx, account_id, mailbox_id)
    names = tuple(names)
    mask = messages.ensure_flags(tx, mailbox_id, names)
    if box.modseq != known.modseq:
        modseq, left, _ = messages.store_flags(tx, account_id, mailbox_id, known.uids, mode, names)
        return Flagged(modseq, mask, known=False, missing=len(known.uids) - len(left))
    counts = census(known.flags)
    after = {flags: apply(mode, mask, flags) for flags in counts}
    changes = {flags for flags, new in after.items() if new != flags}
    if not changes:
        return Flagged(0, mask, known=True)
    if len(changes) == len(after):
        uids: Sequence[int] = known.uids
    else:
        uids = [uid for uid, flags in zip(known.uids, known.flags, strict=True) if flags in changes]
    unseen = sum(((flags & SEEN) - (after[flags] & SEEN)) * counts[flags] for flags in changes)
    flagged = sum(((after[flags] & FLAGGED) - (flags & FLAGGED)) * counts[flags] for flags in changes) // FLAGGED
    modseq = box.modseq + 1
    ranges = [(uids[0], uids[-1])] if len(uids) == box.messages else messages.ranges(uids)
    value = ~mask if mode == "-" else mask
    rows = [{"box": mailbox_id, "low": low, "high": high, "mask": value, "now": modseq} for low, high in ranges]
    begun()
    if tx.dialect == "postgresql" and len(rows) == 1:
        tx.run(_BOTH[mode], **rows[0], unread=unseen, starred=flagged)
    else:
        tx.many(_SETTING[mode], rows)
        tx.run(_COUNTING, box=mailbox_id, now=modseq, unread=unseen, starred=flagged)
    lessons.note_flags(tx, account_id, mailbox_id, uids, mode, names)
    tx.changed(account_id, mailbox_id)
    return Flagged(modseq, mask, known=True)
