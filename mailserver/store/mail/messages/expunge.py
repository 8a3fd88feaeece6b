"""EXPUNGE: rows go, tombstones stay, counters follow, contents are noted for the collector."""

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
from mailserver.store.mail import collect, mailboxes
from mailserver.store.mail.flags import DELETED, FLAGGED, SEEN
from mailserver.store.mail.messages.reading import CHUNK, marked, ranges, state
from mailserver.store.schema.mail import expunged, mailbox, message

RUNS = 32
"""Runs of UIDs that are removed one by one; of more there are lists."""


@dataclass(frozen=True, slots=True)
class _Removal:
    """What removes some messages of a mailbox."""

    totals: Executable
    """How many there are, their octets, how many of them are unread, and flagged."""
    note: Executable
    bury: Executable
    delete: Executable


def _removal(
    box: ColumnElement[int], chosen: ColumnElement[bool], modseq: ColumnElement[int], now: ColumnElement[int]
) -> _Removal:
    here = (message.c.mailbox_id == box) & chosen
    unread = func.sum(case((message.c.flags.op("&")(SEEN) == 0, 1), else_=0))
    starred = func.sum(case((message.c.flags.op("&")(FLAGGED) != 0, 1), else_=0))
    sums = (func.coalesce(one, 0) for one in (func.sum(message.c.size), unread, starred))
    stones = select(box, modseq, message.c.uid, now).where(here)
    return _Removal(
        select(func.count(), *sums).where(here),
        collect.noting(select(message.c.content_id).where(here), now),
        insert(expunged).from_select(["mailbox_id", "modseq", "uid", "at"], stones),
        delete(message).where(here),
    )


_BOX, _NOW = bindparam("box", type_=BigInteger), bindparam("now_", type_=BigInteger)
_MODSEQ = bindparam("modseq_", type_=BigInteger)
_RUN = _removal(_BOX, message.c.uid.between(bindparam("low"), bindparam("high")), _MODSEQ, _NOW)
_TOTALS, _NOTE, _BURY, _DELETE = (
    Statement(_RUN.totals),
    Statement(_RUN.note),
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


def erase(tx: Tx, account_id: int, mailbox_id: int, uids: Sequence[int]) -> list[int]:
    """Remove messages whatever their flags; the UIDs that were there."""
    mailboxes.lock(tx, account_id, mailbox_id)
    found = [row[0] for row in state(tx, mailbox_id, uids)]
    if found:
        remove(tx, account_id, mailbox_id, found)
    return found


def remove(tx: Tx, account_id: int, mailbox_id: int, uids: list[int]) -> int:
    """Delete rows, leave tombstones, settle the counters; the mod-sequence of the removal."""
    modseq = mailboxes.by_id(tx, account_id, mailbox_id).modseq + 1
    runs = [(uids[0], uids[-1])]
    if _totals(tx, mailbox_id, *runs[0])[0] != len(uids):  # there are others between the first and the last
        runs = ranges(uids)
    if len(runs) <= RUNS:
        totals = [_remove_run(tx, mailbox_id, low, high, modseq) for low, high in runs]
    else:
        parts = (uids[start : start + CHUNK] for start in range(0, len(uids), CHUNK))
        totals = [_remove_some(tx, mailbox_id, part, modseq) for part in parts]
    freed, unread, starred = (int(sum(row[column] for row in totals)) for column in (1, 2, 3))
    tx.run(_SETTLE, box=mailbox_id, modseq_=modseq, fewer=len(uids), unread=unread, starred=starred, freed=freed)
    tx.changed(account_id, mailbox_id)
    return modseq


def _totals(tx: Tx, mailbox_id: int, low: int, high: int) -> Row:
    row = tx.one(_TOTALS, box=mailbox_id, low=low, high=high)
    assert row is not None
    return row


def _remove_run(tx: Tx, mailbox_id: int, low: int, high: int, modseq: int) -> Row:
    """Remove everything from one UID to another; its totals."""
    row = _totals(tx, mailbox_id, low, high)
    now = tx.now
    tx.run(_NOTE, box=mailbox_id, low=low, high=high, now_=now)
    tx.run(_BURY, box=mailbox_id, low=low, high=high, now_=now, modseq_=modseq)
    tx.run(_DELETE, box=mailbox_id, low=low, high=high)
    return row


def _remove_some(tx: Tx, mailbox_id: int, uids: Sequence[int], modseq: int) -> Row:
    """Remove these messages; their totals."""
    some = _removal(_big(mailbox_id), message.c.uid.in_(uids), _big(modseq), _big(tx.now))
    row = tuple(tx.execute(some.totals).one())
    for clause in (some.note, some.bury, some.delete):
        tx.execute(clause)
    return row


def _big(value: int) -> ColumnElement[int]:
    return literal(value, BigInteger)
