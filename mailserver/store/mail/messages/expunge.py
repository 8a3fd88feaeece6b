"""EXPUNGE: rows go, tombstones stay, counters follow.

What goes is kept aside for a while (`store.mail.deleted.recovery`). Where the same message stays elsewhere (a move, an
older version of a draft) only its contents are noted for the collector.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Executable,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.mail import collect, deletions, mailboxes
from mailserver.store.mail.flags import DELETED, FLAGGED, SEEN
from mailserver.store.mail.messages.reading import CHUNK, marked, ranges, state
from mailserver.store.schema.mail.messages import expunged, mailbox, message

RUNS = 32
"""Runs of UIDs that are removed one by one; of more there are lists."""


@dataclass(frozen=True, slots=True)
class _Removal:
    """What removes some messages of a mailbox."""

    totals: Executable
    """How many there are, their octets, how many of them are unread, and flagged."""
    note: Executable
    keep: Executable
    bury: Executable
    delete: Executable


def _removal(
    box: ColumnElement[int],
    chosen: ColumnElement[bool],
    modseq: ColumnElement[int],
    now: ColumnElement[int],
    number: ColumnElement[int],
) -> _Removal:
    """`number`: of the removal, where its messages are kept aside."""
    here = (message.c.mailbox_id == box) & chosen
    unread = func.sum(case((message.c.flags.op("&")(SEEN) == 0, 1), else_=0))
    starred = func.sum(case((message.c.flags.op("&")(FLAGGED) != 0, 1), else_=0))
    sums = (func.coalesce(one, 0) for one in (func.sum(message.c.size), unread, starred))
    stones = select(box, modseq, message.c.uid, now).where(here)
    return _Removal(
        select(func.count(), *sums).where(here),
        collect.noting(select(message.c.content_id).where(here), now),
        deletions.keeping(here, number),
        insert(expunged).from_select(["mailbox_id", "modseq", "uid", "at"], stones),
        delete(message).where(here),
    )


_BOX, _NOW = bindparam("box", type_=BigInteger), bindparam("now_", type_=BigInteger)
_MODSEQ = bindparam("modseq_", type_=BigInteger)
_RUN = _removal(
    _BOX,
    message.c.uid.between(bindparam("low"), bindparam("high")),
    _MODSEQ,
    _NOW,
    bindparam("number", type_=BigInteger),
)
_TOTALS, _NOTE, _KEEP, _BURY, _DELETE = (
    Statement(_RUN.totals),
    Statement(_RUN.note),
    Statement(_RUN.keep),
    Statement(_RUN.bury),
    Statement(_RUN.delete),
)
_SETTLE = Statement(
    update(mailbox)
    .where(mailbox.c.id == bindparam("box"))
    .values(
        modseq=_MODSEQ,
        messages=mailbox.c.messages - bindparam("fewer", type_=BigInteger),
        unseen=mailbox.c.unseen - bindparam("unread", type_=BigInteger),
        flagged=mailbox.c.flagged - bindparam("starred", type_=BigInteger),
        octets=mailbox.c.octets - bindparam("freed", type_=BigInteger),
    )
)


def expunge(tx: Tx, account_id: int, mailbox_id: int, uids: Sequence[int] | None = None) -> tuple[int, list[int]]:
    """Remove the messages flagged \\Deleted, only among `uids` if given (RFC 4315 UID EXPUNGE).

    Returns the mailbox's mod-sequence and the UIDs removed, ascending.
    """
    box = mailboxes.lock(tx, account_id, mailbox_id)
    if uids is None:
        doomed = marked(tx, mailbox_id)
    else:
        doomed = [row[0] for row in state(tx, mailbox_id, uids) if row[1] & DELETED]
    if not doomed:
        return box.modseq, []
    return remove(tx, account_id, mailbox_id, doomed), doomed


def erase(tx: Tx, account_id: int, mailbox_id: int, uids: Sequence[int], *, kept: bool = True) -> list[int]:
    """Remove messages whatever their flags; the UIDs that were there. `kept`: they can be brought back for a while."""
    mailboxes.lock(tx, account_id, mailbox_id)
    found = [row[0] for row in state(tx, mailbox_id, uids)]
    if found:
        remove(tx, account_id, mailbox_id, found, kept=kept)
    return found


def remove(tx: Tx, account_id: int, mailbox_id: int, uids: list[int], *, kept: bool = True) -> int:
    """Delete rows, leave tombstones, settle the counters; the mod-sequence of the removal. `kept` as in `erase`."""
    modseq = mailboxes.by_id(tx, account_id, mailbox_id).modseq + 1
    number = deletions.begin(tx, mailbox_id) if kept else 0
    whole = _totals(tx, mailbox_id, uids[0], uids[-1])
    runs = [(uids[0], uids[-1])] if whole[0] == len(uids) else ranges(uids)  # others are between the first and the last
    if len(runs) == 1:
        totals = [whole]
        _remove_run(tx, mailbox_id, *runs[0], modseq, number)
    elif len(runs) <= RUNS:
        totals = [_totals(tx, mailbox_id, low, high) for low, high in runs]
        for low, high in runs:
            _remove_run(tx, mailbox_id, low, high, modseq, number)
    else:
        parts = (uids[start : start + CHUNK] for start in range(0, len(uids), CHUNK))
        totals = [_remove_some(tx, mailbox_id, part, modseq, number) for part in parts]
    if number:
        deletions.end(tx, number)
    freed, unread, starred = (int(sum(row[column] for row in totals)) for column in (1, 2, 3))
    tx.run(_SETTLE, box=mailbox_id, modseq_=modseq, fewer=len(uids), unread=unread, starred=starred, freed=freed)
    tx.changed(account_id, mailbox_id)
    return modseq


def _totals(tx: Tx, mailbox_id: int, low: int, high: int) -> Row:
    row = tx.one(_TOTALS, box=mailbox_id, low=low, high=high)
    assert row is not None
    return row


def _remove_run(tx: Tx, mailbox_id: int, low: int, high: int, modseq: int, number: int) -> None:
    """Remove everything from one UID to another."""
    now = tx.now
    if number:
        tx.run(_KEEP, box=mailbox_id, low=low, high=high, number=number)
    else:
        tx.run(_NOTE, box=mailbox_id, low=low, high=high, now_=now)
    tx.run(_BURY, box=mailbox_id, low=low, high=high, now_=now, modseq_=modseq)
    tx.run(_DELETE, box=mailbox_id, low=low, high=high)


def _remove_some(tx: Tx, mailbox_id: int, uids: Sequence[int], modseq: int, number: int) -> Row:
    """Remove these messages; their totals."""
    some = _removal(_big(mailbox_id), message.c.uid.in_(uids), _big(modseq), _big(tx.now), _big(number))
    row = tuple(tx.execute(some.totals).one())
    for clause in (some.keep if number else some.note, some.bury, some.delete):
        tx.execute(clause)
    return row


def _big(value: int) -> ColumnElement[int]:
    return literal(value, BigInteger)
