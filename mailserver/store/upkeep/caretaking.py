"""What the calendar wants of accounts: whose time has come, each question by an index of its own.

Questions are asked without locks; whoever acts asks again inside the unit (`accounts`, `told`, `welcomed`,
`answered`), so that two housekeepers that meet, or one that was killed and comes back, do nothing twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, bindparam, delete, literal_column, or_, select, update

from mailserver.model.clock import DAY
from mailserver.model.errors import Damaged
from mailserver.model.identity import State
from mailserver.model.messages.authentication import AuthenticationResults
from mailserver.model.messages.provenance import DELIVERED
from mailserver.store.account import filter_memory, secured
from mailserver.store.engine import leases
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.mail import blobs, mailboxes, snooze
from mailserver.store.people import imports
from mailserver.store.queue import greylist, sent_counts
from mailserver.store.schema.account.accounts import account, auto_reply, caretaker_lease
from mailserver.store.schema.account.factors import pending_recovery
from mailserver.store.schema.mail.messages import blob, mailbox, message

NEVER: ColumnElement[int] = literal_column("0")
"""As a literal, so that both engines see that the partial indexes (`> 0`) answer."""
LEASE_SECONDS = 15
ANSWER_PAUSE = 7 * DAY
"""Between two answers of one closed account to one sender (RFC 3834 section 2)."""
SWEPT = 500
"""Old rows that one unit removes."""
ANSWERED_AT_ONCE = 20
"""Messages of one account looked at in one go."""

_TAKE = Statement(
    update(caretaker_lease)
    .where(
        caretaker_lease.c.id == 1,
        or_(caretaker_lease.c.worker == bindparam("me"), leases.is_over(caretaker_lease.c.until)),
    )
    .values(worker=bindparam("me"), until=bindparam("end"))
)


def take_lease(tx: Tx, worker: int) -> bool:
    """Make sure that this worker is the housekeeper for a while from now."""
    times = leases.times(tx.now, LEASE_SECONDS)
    if tx.run(_TAKE, me=worker, **times):
        return True
    return bool(tx.insert_ignore(caretaker_lease, {"id": 1, "worker": worker, "until": times["end"]}))


# ---------------------------------------------------------------------- whose time has come


def _come(column: ColumnElement[int], now: int) -> ColumnElement[bool]:
    return and_(column > NEVER, column <= now)


def suspensions(tx: Tx, limit: int) -> list[int]:
    """Accounts whose planned suspension begins."""
    return _ids(tx, _come(account.c.suspend_from, tx.now), limit)


def resumptions(tx: Tx, limit: int) -> list[int]:
    """Accounts whose suspension ends by itself."""
    come = _come(account.c.suspend_until, tx.now)
    return _ids(tx, and_(come, account.c.state == State.SUSPENDED.value), limit)


def closings(tx: Tx, limit: int) -> list[int]:
    """Accounts whose planned closing has come."""
    return _ids(tx, _come(account.c.close_at, tx.now), limit)


def erasures(tx: Tx, limit: int) -> list[int]:
    """Closed accounts whose grace is over, and erasures that were interrupted."""
    come = _come(account.c.erase_at, tx.now)
    return _ids(tx, and_(come, account.c.state == State.CLOSED.value), limit)


def closing_notices(tx: Tx, days: Sequence[int], limit: int) -> list[int]:
    """Accounts that close so soon that their owner is to be told (again)."""
    now, ordered = tx.now, descending(days)
    if not ordered:
        return []
    near = and_(account.c.close_at > NEVER, account.c.close_at > now, account.c.close_at <= now + ordered[0] * DAY)
    steps = [
        and_(account.c.close_at <= now + ahead * DAY, account.c.close_notice <= sent)
        for sent, ahead in enumerate(ordered)
    ]
    return _ids(tx, and_(near, or_(*steps)), limit)


def welcomes(tx: Tx, limit: int) -> list[int]:
    """Accounts that wait to be activated and whose owner has not been told of at the private address."""
    # The equality lets the index give them in the order of ids, without sorting 330,000 of them for the first ten.
    due = and_(account.c.welcome_due > NEVER, account.c.welcome_due == literal_column("1"))
    waiting = and_(due, account.c.state == State.PENDING.value)
    return _ids(tx, waiting, limit)


def _ids(tx: Tx, condition: ColumnElement[bool], limit: int) -> list[int]:
    rows = tx.execute(select(account.c.id).where(condition).order_by(account.c.id).limit(limit))
    return [int(row[0]) for row in rows]


def descending(days: Sequence[int]) -> list[int]:
    """The days before a closing on which notices go out, the earliest notice first."""
    return sorted(set(days), reverse=True)


def anything(tx: Tx, days: Sequence[int]) -> bool:
    """Whether there is any reason to be the housekeeper now. Answers of closed accounts are asked for apart."""
    questions = (suspensions, resumptions, closings, erasures, welcomes)
    return snooze.is_due(tx) or any(question(tx, 1) for question in questions) or bool(closing_notices(tx, days, 1))


# ---------------------------------------------------------------------- counters that move with their notice


def told(tx: Tx, account_id: int, close_at: int, count: int) -> bool:
    """Count a notice of a closing; False when another housekeeper sent it or the plan has changed."""
    mine = and_(account.c.id == account_id, account.c.close_at == close_at, account.c.close_notice < count)
    return tx.execute(update(account).where(mine).values(close_notice=count)).rowcount == 1


def welcomed(tx: Tx, account_id: int, address: str) -> bool:
    """The private address is told now; False when it was, or is another one by now."""
    mine = and_(account.c.id == account_id, account.c.welcome_due > 0, account.c.recovery_address == address)
    return tx.execute(update(account).where(mine).values(welcome_due=0)).rowcount == 1


def forget_welcome(tx: Tx, account_id: int) -> None:
    """There is nobody to tell."""
    tx.execute(update(account).where(account.c.id == account_id).values(welcome_due=0))


# ---------------------------------------------------------------------- answers of closed accounts


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message that a closed account got after its closing. `content_id` 0: nothing up to `uid` wants an answer."""

    account_id: int
    uid: int
    content_id: int


def _answering(now: int) -> ColumnElement[bool]:
    return and_(account.c.reply_until > NEVER, account.c.reply_until > now, account.c.state == State.CLOSED.value)


_DELIVERED = message.c.door.in_(sorted(map(int, DELIVERED)))
"""Whose Return-Path is ours: what somebody merely put there would have us write to whom they like."""


def arrivals(tx: Tx, limit: int) -> list[Arrived]:
    """Messages in the INBOX of closed accounts that may want an answer, oldest first in each."""
    boxes = tx.execute(
        select(account.c.id, account.c.answered_uid, account.c.state_since, mailbox.c.id, mailbox.c.uidnext)
        .join(mailbox, and_(mailbox.c.account_id == account.c.id, mailbox.c.name == mailboxes.INBOX))
        .where(_answering(tx.now), mailbox.c.uidnext > account.c.answered_uid + 1)
        .order_by(account.c.id)
        .limit(limit)
    ).all()
    found: list[Arrived] = []
    for row in boxes:
        owner, done, since, box, uidnext = tuple(row)
        rows = tx.execute(
            select(message.c.uid, message.c.content_id, message.c.authentication)
            .where(message.c.mailbox_id == box, message.c.uid > done, message.c.saved >= since, _DELIVERED)
            .order_by(message.c.uid)
            .limit(ANSWERED_AT_ONCE)
        )
        arrived = [Arrived(owner, row.uid, _worth_answering(row.content_id, row.authentication)) for row in rows]
        found += arrived or [Arrived(owner, uidnext - 1, 0)]
    return found


def _worth_answering(content_id: int, authentication: int) -> int:
    """The content; 0 where something speaks against whoever wrote."""
    return 0 if AuthenticationResults.stored(authentication).doubtful else content_id


def header(tx: Tx, content_id: int) -> bytes:
    """The header of a message, trace fields on top; empty when it is gone meanwhile, or damaged."""
    row = tx.execute(select(blob.c.header).where(blob.c.content_id == content_id)).first()
    try:
        return blobs.expand(row.header) if row is not None else b""
    except Damaged:
        return b""  # whatever it was, it gets no answer


def answered(tx: Tx, arrived: Arrived) -> bool:
    """This message is dealt with; False when it was already."""
    mine = and_(account.c.id == arrived.account_id, account.c.answered_uid < arrived.uid, _answering(tx.now))
    return tx.execute(update(account).where(mine).values(answered_uid=arrived.uid)).rowcount == 1


def may_answer(tx: Tx, account_id: int, sender: str) -> bool:
    """Whether this sender (folded) has had no answer for a while; if so, has one from now on."""
    mine = and_(auto_reply.c.account_id == account_id, auto_reply.c.sender == sender)
    if tx.insert_ignore(auto_reply, {"account_id": account_id, "sender": sender, "at": tx.now}):
        return True
    late = and_(mine, auto_reply.c.at <= tx.now - ANSWER_PAUSE)
    return tx.execute(update(auto_reply).where(late).values(at=tx.now)).rowcount == 1


# ---------------------------------------------------------------------- old rows


def sweep(tx: Tx, undo_seconds: int) -> int:
    """Remove a bounded number of rows that mean nothing any more; how many."""
    now = tx.now
    old_answers = (
        select(auto_reply.c.account_id, auto_reply.c.sender)
        .where(auto_reply.c.at <= now - ANSWER_PAUSE)
        .order_by(auto_reply.c.at)
        .limit(SWEPT)
    )
    removed = 0
    for old in tx.execute(old_answers).all():
        mine = and_(auto_reply.c.account_id == old.account_id, auto_reply.c.sender == old.sender)
        removed += tx.execute(delete(auto_reply).where(mine)).rowcount
    stale = select(pending_recovery.c.account_id).where(pending_recovery.c.expires <= now - DAY).limit(SWEPT)
    removed += tx.execute(delete(pending_recovery).where(pending_recovery.c.account_id.in_(stale))).rowcount
    removed += filter_memory.sweep(tx)
    removed += greylist.sweep(tx)
    removed += sent_counts.sweep(tx)
    removed += secured.sweep(tx, SWEPT)
    # What an import did to each person is kept for as long as it can be taken back.
    return removed + imports.prune(tx, now - undo_seconds, SWEPT)
