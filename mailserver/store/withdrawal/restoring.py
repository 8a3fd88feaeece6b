"""Bringing back what was taken away, and letting go of it when that is over: a batch a unit.

A message comes back to its mailbox with its flags, dates and provenance, under a new UID: the old one was told to be
gone for good (RFC 3501 section 2.3.1.1). Where the mailbox is gone meanwhile, INBOX takes it. No quota is asked: it was
there before.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Subquery, bindparam, case, delete, func, insert, select, update

from mailserver.model.errors import Refused, Temporary
from mailserver.store.engine.given_rows import given_rows, packed
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.mail import collect, mailboxes, messages, snooze
from mailserver.store.mail.flags import FIRST_KEYWORD_BIT, FLAGGED, SEEN
from mailserver.store.mail.messages.append import MESSAGE_COLUMNS
from mailserver.store.mail.posts import archived_posts
from mailserver.store.record import trusted_clock
from mailserver.store.schema.mail.messages import mailbox, message
from mailserver.store.schema.mail.withdrawal import withdrawal, withdrawn
from mailserver.store.withdrawal import rows
from mailserver.store.withdrawal.rows import LEASE_SECONDS, State
from mailserver.store.withdrawal.taking import FACTS, lock_boxes

_SYSTEM = (1 << FIRST_KEYWORD_BIT) - 1
_NEXT = select(withdrawn.c.id, withdrawn.c.account_id, withdrawn.c.mailbox_id, withdrawn.c.flags).order_by(
    withdrawn.c.id
)


@dataclass(slots=True)
class _Copy:
    """What is kept of an appearance, and where it comes back to."""

    id: int
    account_id: int
    mailbox_id: int
    flags: int


@dataclass(frozen=True, slots=True)
class _Batch:
    """What brings the kept copies of `given` back: a statement each for all of them."""

    homeless: Statement
    """Those whose mailbox is gone, or holds what is put off."""
    mint: Statement
    place: Statement
    note: Statement
    remove: Statement


def _batch(given: Subquery) -> _Batch:
    """`given`: a copy, its mailbox, its flags, and how many of the batch come into that mailbox from it on."""
    is_given = withdrawn.c.id == given.c.id
    home = (mailbox.c.id == given.c.box) & (mailbox.c.account_id == withdrawn.c.account_id)
    homeless = (
        select(withdrawn.c.id, withdrawn.c.keywords)
        .join_from(withdrawn, given, is_given)
        .outerjoin(mailbox, home & (mailbox.c.name != snooze.PLACE))
        .where(mailbox.c.id.is_(None))
    )
    gain = (
        select(
            given.c.box,
            func.count().label("more"),
            func.sum(case((given.c.flags.op("&")(SEEN) == 0, 1), else_=0)).label("unread"),
            func.sum(case((given.c.flags.op("&")(FLAGGED) != 0, 1), else_=0)).label("starred"),
            func.sum(withdrawn.c.size).label("sizes"),
        )
        .join_from(given, withdrawn, is_given)
        .group_by(given.c.box)
        .subquery("gain")
    )
    minted = {
        "uidnext": mailbox.c.uidnext + gain.c.more,
        "modseq": mailbox.c.modseq + 1,
        "messages": mailbox.c.messages + gain.c.more,
        "unseen": mailbox.c.unseen + gain.c.unread,
        "flagged": mailbox.c.flagged + gain.c.starred,
        "octets": mailbox.c.octets + gain.c.sizes,
    }
    now = bindparam("moment", type_=BigInteger)
    values: dict[str, Any] = {name: withdrawn.c[name] for name in FACTS} | {
        "mailbox_id": mailbox.c.id,
        "uid": mailbox.c.uidnext - given.c.left,
        "flags": given.c.flags,
        "modseq": mailbox.c.modseq,
        "saved": now,
    }
    placed = select(*(values[name] for name in MESSAGE_COLUMNS)).where(is_given, home)
    return _Batch(
        homeless=Statement(homeless),
        mint=Statement(update(mailbox).where(mailbox.c.id == gain.c.box).values(minted)),
        place=Statement(insert(message).from_select(MESSAGE_COLUMNS, placed)),
        note=Statement(collect.noting(select(withdrawn.c.content_id).where(is_given), now)),
        remove=Statement(delete(withdrawn).where(withdrawn.c.id.in_(select(given.c.id)))),
    )


_GIVEN = ("id", "box", "flags", "left")
_BATCHES = {dialect: _batch(given_rows(dialect, *_GIVEN)) for dialect in ("sqlite", "postgresql")}


def restore(tx: Tx, most: int, number: int, worker: int) -> int | None:
    """Bring up to so many messages back; how many. Fewer: the act is over. None: it is no longer about that.

    Raises Refused(NOT_FOUND), Temporary.
    """
    act = rows.locked(tx, number)
    if act.state is not State.RESTORING:
        return None
    found = _next(tx, withdrawn.c.withdrawal_id == number, most)
    if found:
        _find_places(tx, found)
        _place(tx, found)
    restored = act.restored + len(found)
    values = {"restored": restored, "worker": worker, "leased": tx.now + LEASE_SECONDS}
    tx.execute(update(withdrawal).where(withdrawal.c.id == number).values(values))
    if len(found) < most:
        archived_posts.bring_back(tx, number)
        rows.close(tx, number, State.RESTORED)
        rows.record(tx, rows.SERVICE, number, act.likeness.facts.sender, "restored", restored)
    return len(found)


def _next(tx: Tx, which: ColumnElement[bool], most: int) -> list[_Copy]:
    return [_Copy(*tuple(row)) for row in tx.execute(_NEXT.where(which).limit(most))]


def _find_places(tx: Tx, found: Sequence[_Copy]) -> None:
    """Where each comes back to: its mailbox, else INBOX. What was put off comes back at once."""
    lock_boxes(tx, {copy.mailbox_id for copy in found})
    keywords: dict[int, str] = dict(tx.all(_BATCHES[tx.dialect].homeless, given=_packed(found)))
    lost = [copy for copy in found if copy.id in keywords]
    if not lost:
        return
    owners = sorted({copy.account_id for copy in lost})
    inboxes = messages.inboxes(tx, owners)
    for account_id in owners:
        if account_id not in inboxes:
            mailboxes.provision(tx, account_id)
            inboxes[account_id] = mailboxes.get(tx, account_id, mailboxes.INBOX).id
    lock_boxes(tx, inboxes.values())
    for copy in lost:
        copy.mailbox_id = inboxes[copy.account_id]
        copy.flags = _flags(tx, copy.mailbox_id, copy.flags, keywords[copy.id].split())


def _packed(found: Iterable[_Copy]) -> str:
    """As `_GIVEN` has it. UIDs go up in each mailbox in the order of the copies."""
    left: dict[int, int] = {}
    given = []
    for copy in reversed(list(found)):
        left[copy.mailbox_id] = left.get(copy.mailbox_id, 0) + 1
        given.append((copy.id, copy.mailbox_id, copy.flags, left[copy.mailbox_id]))
    return packed(reversed(given))


def _flags(tx: Tx, mailbox_id: int, flags: int, names: Sequence[str]) -> int:
    """The same flags in another mailbox; keywords that it cannot hold are left out."""
    try:
        return flags & _SYSTEM | messages.ensure_flags(tx, mailbox_id, names)
    except Refused:
        return flags & _SYSTEM


def _place(tx: Tx, found: Sequence[_Copy]) -> None:
    """Appearances as they were, each mailbox with one new mod-sequence."""
    batch, given = _BATCHES[tx.dialect], _packed(found)
    tx.run(batch.mint, given=given)
    if tx.run(batch.place, given=given, moment=tx.now) != len(found):
        raise Temporary("A mailbox went away meanwhile")  # the kept copies must not go before they are back
    tx.run(batch.remove, given=given)
    for copy in found:
        tx.changed(copy.account_id, copy.mailbox_id)


# ---------------------------------------------------------------------- when it is over


def over(tx: Tx) -> list[int]:
    """Acts whose copies need not be kept any longer."""
    late = (withdrawal.c.state == State.TAKEN.value) & (withdrawal.c.expires <= tx.now)
    return list(tx.execute(select(withdrawal.c.id).where(late).order_by(withdrawal.c.id)).scalars())


def end(tx: Tx, most: int, number: int) -> int:
    """Let go of up to so many copies of an act that can no longer be undone; how many. The collector takes away what
    nobody else holds. 0: it is over. Raises Refused(NOT_FOUND), ClockJumped."""
    trusted_clock.check(tx)
    found = rows.locked(tx, number)
    if found.state is not State.TAKEN or tx.now < found.expires:
        return 0
    gone = _next(tx, withdrawn.c.withdrawal_id == number, most)
    _let_go(tx, gone)
    if len(gone) < most:
        rows.close(tx, number, State.ENDED)
        rows.record(tx, rows.SERVICE, number, found.likeness.facts.sender, "ended", found.taken)
    return len(gone)


def erase(tx: Tx, account_id: int, most: int) -> bool:
    """Let go of the next copies of an account that is erased; False when there were none."""
    gone = _next(tx, withdrawn.c.account_id == account_id, most)
    _let_go(tx, gone)
    return bool(gone)


def _let_go(tx: Tx, gone: Sequence[_Copy]) -> None:
    if gone:
        batch, given = _BATCHES[tx.dialect], _packed(gone)
        tx.run(batch.note, given=given, moment=tx.now)
        tx.run(batch.remove, given=given)
