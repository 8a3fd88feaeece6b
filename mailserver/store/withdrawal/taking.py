"""Taking appearances out of mailboxes, a batch a unit: rows move to `withdrawn`, tombstones stay, counters follow.

A batch begins from what is there, so whoever goes on after a crash takes what is left, and two that meet do no harm.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Subquery,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal_column,
    select,
    tuple_,
    update,
)

from mailserver.model.messages.provenance import Provenance
from mailserver.store.engine.given_rows import given_rows, packed
from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.mail import collect, deletions
from mailserver.store.mail.flags import FIRST_KEYWORD_BIT, FLAGGED, SEEN
from mailserver.store.schema.mail.deletions import deleted_message
from mailserver.store.schema.mail.messages import expunged, keyword, mailbox, message
from mailserver.store.schema.mail.withdrawal import withdrawal, withdrawn
from mailserver.store.withdrawal import kept_by_lists, rows
from mailserver.store.withdrawal.finding import meant
from mailserver.store.withdrawal.rows import LEASE_SECONDS, NEWS, NOBODY, State

FACTS = tuple(column.name for column in message.c if column.name not in ("uid", "modseq", "saved"))
"""What an appearance has and gets back: all but its number, its last change, and when it came there."""

_WANTED = select(message.c.mailbox_id, message.c.uid)
_IS_READ = message.c.flags.op("&")(SEEN) != 0
_IN_ORDER = (message.c.content_id, message.c.mailbox_id, message.c.uid)


@dataclass(frozen=True, slots=True)
class _Batch:
    """What takes the appearances of `given` away: a statement each for all of them, in this order."""

    there: Statement
    unread: Statement
    """Those of them that nobody has read."""
    keep: Statement
    note: Statement
    bury: Statement
    settle: Statement
    remove: Statement


def _batch(given: Subquery, joined: Callable[..., ColumnElement[str]]) -> _Batch:
    """Tombstones stay, and each mailbox takes its next mod-sequence (RFC 7162 section 3.2.10)."""
    # `mailbox` is joined nowhere: whoever plans might then go through all messages of each instead of by the key.
    is_given = (message.c.mailbox_id == given.c.box) & (message.c.uid == given.c.uid)
    of_box = [
        select(column).where(mailbox.c.id == message.c.mailbox_id).correlate(message).scalar_subquery()
        for column in (mailbox.c.account_id, mailbox.c.modseq)
    ]
    is_marked = message.c.flags.op(">>")(keyword.c.bit + FIRST_KEYWORD_BIT).op("&")(1) == 1
    names = (
        select(func.coalesce(joined(keyword.c.name, literal_column("' '")), ""))
        .where(keyword.c.mailbox_id == message.c.mailbox_id, is_marked)
        .correlate(message)
        .scalar_subquery()
    )
    now = bindparam("moment", type_=BigInteger)
    act = bindparam("act", type_=BigInteger)
    kept = select(act, given.c.account, names, *(message.c[name] for name in FACTS)).where(is_given)
    stones = select(given.c.box, given.c.modseq + 1, given.c.uid, now)
    loss = (
        select(
            message.c.mailbox_id,
            func.count().label("fewer"),
            func.sum(case((message.c.flags.op("&")(SEEN) == 0, 1), else_=0)).label("unread"),
            func.sum(case((message.c.flags.op("&")(FLAGGED) != 0, 1), else_=0)).label("starred"),
            func.sum(message.c.size).label("freed"),
        )
        .where(is_given)
        .group_by(message.c.mailbox_id)
        .subquery("loss")
    )
    settled = {
        "modseq": mailbox.c.modseq + 1,
        "messages": mailbox.c.messages - loss.c.fewer,
        "unseen": mailbox.c.unseen - loss.c.unread,
        "flagged": mailbox.c.flagged - loss.c.starred,
        "octets": mailbox.c.octets - loss.c.freed,
    }
    key = tuple_(message.c.mailbox_id, message.c.uid)
    there = select(message.c.mailbox_id, message.c.uid, *of_box).where(is_given)
    return _Batch(
        there=Statement(there),
        unread=Statement(there.where(~_IS_READ)),
        keep=Statement(insert(withdrawn).from_select(("withdrawal_id", "account_id", "keywords", *FACTS), kept)),
        note=Statement(collect.noting(select(message.c.content_id).where(is_given), now)),
        bury=Statement(insert(expunged).from_select(("mailbox_id", "modseq", "uid", "at"), stones)),
        settle=Statement(update(mailbox).where(mailbox.c.id == loss.c.mailbox_id).values(settled)),
        remove=Statement(delete(message).where(key.in_(select(given.c.box, given.c.uid)))),
    )


_GIVEN = ("box", "uid", "account", "modseq")
_BATCHES = {
    "sqlite": _batch(given_rows("sqlite", *_GIVEN), func.group_concat),
    "postgresql": _batch(given_rows("postgresql", *_GIVEN), func.string_agg),
}
_boxes = given_rows("postgresql", "box")
_LOCK = Statement(
    select(mailbox.c.id).where(mailbox.c.id.in_(select(_boxes.c.box))).order_by(mailbox.c.id).with_for_update()
)


def take(tx: Tx, most: int, number: int, worker: int, content_ids: Sequence[int], *, only_alike: bool) -> int | None:
    """Take up to so many appearances of these contents away, last those that people have removed; how many were there.
    None: it is no longer about that.

    Raises Refused(NOT_FOUND).
    """
    act = rows.locked(tx, number)
    if act.state is not State.TAKING:
        return None
    came = act.likeness.came
    # A mailing that is taken back was let pass by an owner, or its author took it out of their queue: others decide.
    of_lists = partial(_meant_by, tx, content_ids, came, only_alike)
    kept_by_lists.withdraw(tx, number, content_ids, of_lists, spares_held=act.spares_read)
    is_meant = meant(tx, content_ids, came, only_alike=only_alike)
    if act.spares_read:
        is_meant &= ~_IS_READ
    wanted = [tuple(row) for row in tx.execute(_WANTED.where(is_meant).order_by(*_IN_ORDER).limit(most))]
    lock_boxes(tx, {row[0] for row in wanted})
    # By a statement of its own: it sees what was committed while we waited for the locks, and what was read.
    batch = _BATCHES[tx.dialect]
    still = batch.unread if act.spares_read else batch.there
    there = tx.all(still, given=packed((*row, 0, 0) for row in wanted)) if wanted else []
    if there:
        _take_away(tx, number, there)
    _go_on(tx, number, worker, taken=len(there))
    # What its reader has removed must not come back that way. It is not kept for an undoing: nobody wanted it.
    left = 0 if act.spares_read else most - len(wanted)
    is_removed = meant(tx, content_ids, came, only_alike=only_alike, columns=deleted_message.c)
    removed = deletions.of_contents(tx, content_ids, is_removed, left) if left else []
    return len(wanted) + deletions.let_go(tx, removed)


def lock_boxes(tx: Tx, mailbox_ids: Iterable[int]) -> None:
    """Lock mailboxes, one or many, in the order that every unit keeps; SQLite has one writer."""
    if tx.dialect == "postgresql":
        tx.all(_LOCK, given=packed((box,) for box in sorted(mailbox_ids)))


def _meant_by(
    tx: Tx, content_ids: Sequence[int], came: Provenance, only_alike: bool, columns: Any
) -> ColumnElement[bool]:
    return meant(tx, content_ids, came, only_alike=only_alike, columns=columns)


def _take_away(tx: Tx, number: int, there: Sequence[Row]) -> None:
    batch, given, now = _BATCHES[tx.dialect], packed(there), tx.now
    tx.run(batch.keep, given=given, act=number)
    tx.run(batch.note, given=given, moment=now)
    tx.run(batch.bury, given=given, moment=now)
    tx.run(batch.settle, given=given)
    tx.run(batch.remove, given=given)
    for mailbox_id, _, account_id, _ in there:
        tx.changed(account_id, mailbox_id)


def swept(tx: Tx, number: int, *, settled: bool) -> bool:
    """All mailboxes were gone through. `settled`: nothing that was on its way before can come any more.

    False: the act is no longer about that. Raises Refused(NOT_FOUND).
    """
    found = rows.locked(tx, number)
    if found.state is not State.TAKING:
        return False
    values: dict[str, Any] = {"swept": found.swept or tx.now}
    if settled:
        values |= {"state": State.TAKEN.value, "leased": 0}
    tx.execute(update(withdrawal).where(withdrawal.c.id == number).values(values))
    if not found.swept:
        rows.record(tx, rows.SERVICE, number, found.likeness.facts.sender, "taken", found.taken)
    if settled or not found.swept:
        tx.changed(NOBODY, NEWS)
    return True


def _go_on(tx: Tx, number: int, worker: int, taken: int) -> None:
    """Count, and stay the one who is at it."""
    mine = withdrawal.c.id == number
    values = {"taken": withdrawal.c.taken + taken, "worker": worker, "leased": tx.now + LEASE_SECONDS}
    tx.execute(update(withdrawal).where(mine).values(values))
