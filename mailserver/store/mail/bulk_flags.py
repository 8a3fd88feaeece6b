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
from mailserver.store.mail.flags import FLAGGED, SEEN, census, known_mask
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


def _unless_moved(setting: Update) -> Statement:
    """On PostgreSQL, where each statement is a journey: both for one range, or neither when the mailbox has moved.

    Whoever waits for the mailbox's row looks at its mod-sequence again once they have it.
    """
    counted = (
        _COUNT.where(
            mailbox.c.account_id == bindparam("account"),
            mailbox.c.modseq == bindparam("since", type_=BigInteger),
        )
        .returning(mailbox.c.id)
        .cte("counted")
    )
    return Statement(setting.where(message.c.mailbox_id == counted.c.id))


_UNLESS_MOVED = {mode: _unless_moved(clause) for mode, clause in _SET.items()}


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
    names = tuple(names)
    if tx.dialect == "postgresql" and not (mask := known_mask(names, ()))[1]:
        # What most clients do, and nobody came between.
        change = _changing(known, mode, mask[0])
        ranges = messages.ranges(change.uids)
        if len(ranges) == 1:
            begun()
            row = _parameters(mailbox_id, ranges[0], mode, mask[0], known.modseq + 1)
            counts = {"unread": change.unseen, "starred": change.flagged}
            if tx.run(_UNLESS_MOVED[mode], **row, **counts, account=account_id, since=known.modseq):
                return _done(
                    tx, account_id, mailbox_id, change, mode, names, Flagged(known.modseq + 1, mask[0], known=True)
                )
    return _flag_locked(tx, account_id, mailbox_id, known, mode, names, begun)


def _flag_locked(
    tx: Tx,
    account_id: int,
    mailbox_id: int,
    known: Known,
    mode: str,
    names: tuple[str, ...],
    begun: Callable[[], object],
) -> Flagged:
    """`flag`, once the mailbox is locked and it has been looked whether it moved."""
    box = mailboxes.lock(tx, account_id, mailbox_id)
    mask = messages.ensure_flags(tx, mailbox_id, names, mode)
    if box.modseq != known.modseq:
        modseq, left, _ = messages.store_flags(tx, account_id, mailbox_id, known.uids, mode, names)
        return Flagged(modseq, mask, known=False, missing=len(known.uids) - len(left))
    change = _changing(known, mode, mask)
    uids = change.uids
    if not uids:
        return Flagged(0, mask, known=True)
    modseq = box.modseq + 1
    ranges = [(uids[0], uids[-1])] if len(uids) == box.messages else messages.ranges(uids)
    begun()
    tx.many(_SETTING[mode], [_parameters(mailbox_id, one, mode, mask, modseq) for one in ranges])
    tx.run(_COUNTING, box=mailbox_id, now=modseq, unread=change.unseen, starred=change.flagged)
    return _done(tx, account_id, mailbox_id, change, mode, names, Flagged(modseq, mask, known=True))


@dataclass(frozen=True, slots=True)
class _Changing:
    """The messages that a change of flags changes, and what it adds to the mailbox's counters."""

    uids: Sequence[int]
    unseen: int = 0
    flagged: int = 0


def _changing(known: Known, mode: str, mask: int) -> _Changing:
    counts = census(known.flags)
    after = {flags: apply(mode, mask, flags) for flags in counts}
    changes = {flags for flags, new in after.items() if new != flags}
    if not changes:
        return _Changing(())
    if len(changes) == len(after):
        uids: Sequence[int] = known.uids
    else:
        uids = [uid for uid, flags in zip(known.uids, known.flags, strict=True) if flags in changes]
    unseen = sum(((flags & SEEN) - (after[flags] & SEEN)) * counts[flags] for flags in changes)
    flagged = sum(((after[flags] & FLAGGED) - (flags & FLAGGED)) * counts[flags] for flags in changes) // FLAGGED
    return _Changing(uids, unseen, flagged)


def _parameters(mailbox_id: int, range_: tuple[int, int], mode: str, mask: int, modseq: int) -> dict[str, int]:
    low, high = range_
    return {"box": mailbox_id, "low": low, "high": high, "mask": ~mask if mode == "-" else mask, "now": modseq}


def _done(
    tx: Tx, account_id: int, mailbox_id: int, change: _Changing, mode: str, names: tuple[str, ...], flagged: Flagged
) -> Flagged:
    """What follows from a change of flags."""
    lessons.note_flags(tx, account_id, mailbox_id, change.uids, mode, names)
    tx.changed(account_id, mailbox_id)
    return flagged
