"""Changing flags of messages whose state the caller holds in arrays: IMAP's STORE over whole mailboxes.

The caller's state is only taken while the mailbox's mod-sequence, read under its lock, is the one it had then:
nothing can have moved in between, so nothing is read again.
"""

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Update, bindparam, update

from mailserver.foundation.changes import Change
from mailserver.store.engine import news
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.engine.unit import NOT_DONE
from mailserver.store.mail import lessons, mailboxes, messages
from mailserver.store.mail.flags import FLAGGED, SEEN, census, known_mask
from mailserver.store.mail.whole_mailboxes.ranges_of_flags import RangeOfFlags, set_flags
from mailserver.store.schema.mail.messages import mailbox, message

MANY = 500
"""Messages from which a change takes a millisecond or more: it is nothing for others to wait for."""


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
_COUNTING = Statement(
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
    if tx.dialect == "postgresql" and (one := _range_of(account_id, mailbox_id, known, mode, names)) is not None:
        begun()
        if set_flags(tx, [one])[0]:  # nobody came between
            if one.changes:
                lessons.note_flags(tx, account_id, mailbox_id, range(one.low, one.high + 1), mode, names)
                tx.changed(account_id, mailbox_id)
            return _flagged(one, names)
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
    lessons.note_flags(tx, account_id, mailbox_id, uids, mode, names)
    tx.changed(account_id, mailbox_id)
    return Flagged(modseq, mask, known=True)


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


def is_plain(known: Known, mode: str, names: Sequence[str]) -> bool:
    """Whether `flag_together` can do it: few messages that lie together, flags that every mailbox knows, and nothing is
    said of junk."""
    return (
        len(known.uids) < MANY and not lessons.may_say(mode, names) and _range_of(0, 0, known, mode, names) is not None
    )


def flag_together(tx: Tx, worker: int, asked: Sequence[tuple[Any, ...]]) -> list[object]:
    """`flag` for many changes that are plain, given its arguments for each. On PostgreSQL, in no transaction."""
    wanted: dict[int, tuple[int, RangeOfFlags]] = {}
    for nth, (account_id, mailbox_id, known, mode, names, *_) in enumerate(asked):
        one = _range_of(account_id, mailbox_id, known, mode, names)
        if one is not None:  # who wants something else of the same mailbox comes later
            wanted.setdefault(mailbox_id, (nth, one))
    for _, one in wanted.values():
        if one.changes:
            tx.changed(one.account, one.box)
    changes = [Change(one.account, one.box) for _, one in wanted.values() if one.changes]
    told = news.payload(worker, changes) if changes else ""
    done: list[object] = [NOT_DONE] * len(asked)
    for (nth, one), is_done in zip(
        wanted.values(), set_flags(tx, [one for _, one in wanted.values()], told), strict=True
    ):
        if is_done:
            _, _, _, mode, names, *_ = asked[nth]
            done[nth] = _flagged(one, names)
    return done


def _range_of(account_id: int, mailbox_id: int, known: Known, mode: str, names: Sequence[str]) -> RangeOfFlags | None:
    """A change that is of one range of messages, by flags that every mailbox knows; None of every other one."""
    mask, new = known_mask(names, ())
    if new:
        return None
    change = _changing(known, mode, mask)
    ranges = messages.ranges(change.uids)
    if len(ranges) > 1:
        return None
    low, high = ranges[0] if ranges else (1, 0)
    keep, put = {"+": (-1, mask), "-": (~mask, 0), "=": (0, mask)}[mode]
    return RangeOfFlags(mailbox_id, account_id, known.modseq, low, high, keep, put, change.unseen, change.flagged)


def _flagged(one: RangeOfFlags, names: Sequence[str]) -> Flagged:
    """What came of it, nobody having come between."""
    return Flagged(one.since + 1 if one.changes else 0, known_mask(names, ())[0], known=True)
