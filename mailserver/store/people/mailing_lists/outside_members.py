"""Members of lists who are elsewhere: what came back from them, and whether a list still sends to them.

Each is counted for each list that sends. People of ours never stand here. Who left keeps a row, so that an owner who
writes the address down again does not undo what its reader decided; only a click of theirs does, or the console.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, delete, exists, or_, select, update

from mailserver.model.clock import DAY
from mailserver.store.engine.statements import ManyStatement, Statement, Tx
from mailserver.store.schema.people.rosters import list_delivery, list_member, mailing_list, outside_member

MAX_SAID = 300
"""Characters kept of what another server said."""
LEFT_DAYS = 365
"""For how long somebody who left is kept on record after their list is gone."""
PRUNED = 500
"""Rows that one sweep forgets."""


class Reason(StrEnum):
    """Why a list sends somebody nothing any more."""

    HARD = "hard"
    """Several messages came back for good."""
    SOFT = "soft"
    """Messages came back for now, over weeks."""
    LEFT = "left"
    """They left."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """When a list stops sending to an address."""

    hard: int
    """Messages that came back for good, all within `days`."""
    days: int
    soft_days: int
    """Messages come back for now since so long."""
    soft: int = 3
    """So many of them at least."""


@dataclass(frozen=True, slots=True)
class OutsideMember:
    """One, of one list."""

    id: int
    list: str
    member: str
    hard: int
    soft: int
    bounced: int
    status: str
    said: str
    ended: int
    reason: Reason | None
    digest: bool | None = None
    """They want a message a day, or each; None: they have not said."""


_ALL = select(
    outside_member.c.id,
    outside_member.c.list,
    outside_member.c.member,
    outside_member.c.hard,
    outside_member.c.soft,
    outside_member.c.bounced,
    outside_member.c.status,
    outside_member.c.said,
    outside_member.c.ended,
    outside_member.c.reason,
    outside_member.c.digest,
)
_IDS = ManyStatement(
    select(outside_member.c.id, outside_member.c.member).where(outside_member.c.list == bindparam("list")),
    outside_member.c.member,
)
_ENDED = ManyStatement(
    select(outside_member.c.member).where(outside_member.c.list == bindparam("list"), outside_member.c.ended > 0),
    outside_member.c.member,
)
_COUNTED = Statement(
    select(
        outside_member.c.hard,
        outside_member.c.hard_since,
        outside_member.c.soft,
        outside_member.c.soft_since,
        outside_member.c.bounced,
        outside_member.c.ended,
    )
    .where(outside_member.c.id == bindparam("id"))
    .with_for_update()
)


def ids(tx: Tx, address: str, members: Sequence[str]) -> dict[str, int]:
    """The number of each of these members of a list, new ones included."""
    known = {member: number for number, member in _IDS.rows(tx, members, list=address)} if members else {}
    new = [member for member in dict.fromkeys(members) if member not in known]
    if new:
        # In one order: messages to a list that come at once add the same ones.
        tx.insert_ignore(outside_member, [{"list": address, "member": member} for member in sorted(new)])
        known |= {member: number for number, member in _IDS.rows(tx, new, list=address)}
    return known


def ended(tx: Tx, address: str, members: Sequence[str]) -> set[str]:
    """Those of these members to whom the list sends nothing any more."""
    return {row[0] for row in _ENDED.rows(tx, members, list=address)} if members else set()


def get(tx: Tx, number: int) -> OutsideMember | None:
    """One by their number."""
    row = tx.execute(_ALL.where(outside_member.c.id == number)).first()
    return _member(row) if row is not None else None


def troubled(tx: Tx, address: str, limit: int = 500) -> list[OutsideMember]:
    """The members of a list from whom something came back or who get nothing any more, the latest first. Who left one
    that had its address before is nobody's business unless they stand in this one."""
    noted = or_(outside_member.c.ended > 0, outside_member.c.bounced > 0)
    made = select(mailing_list.c.created).where(mailing_list.c.address == address).scalar_subquery()
    before = and_(outside_member.c.reason == Reason.LEFT.value, outside_member.c.ended <= made)
    wanted = _ALL.where(outside_member.c.list == address, noted, or_(~before, _stands()))
    order = (outside_member.c.ended.desc(), outside_member.c.bounced.desc(), outside_member.c.member)
    return [_member(row) for row in tx.execute(wanted.order_by(*order).limit(limit))]


def bounce(tx: Tx, number: int, bounds: Bounds, *, hard: bool, status: str, said: str) -> Reason | None:
    """Count one message that came back; the reason if the list stops sending because of it."""
    row = tx.one(_COUNTED, id=number)
    if row is None:
        return None
    now = tx.now
    hards, hard_since, softs, soft_since, last, since = row
    if hard_since <= now - bounds.days * DAY:
        hards, hard_since = 0, now
    if last <= now - bounds.days * DAY:
        softs, soft_since = 0, now
    if not softs:
        soft_since = now
    hards, softs = (hards + 1, softs) if hard else (hards, softs + 1)
    reason = None
    if not since and hard and hards >= bounds.hard:
        reason = Reason.HARD
    elif not since and softs >= bounds.soft and now - soft_since >= bounds.soft_days * DAY:
        reason = Reason.SOFT
    values: dict[str, Any] = {
        "hard": hards,
        "hard_since": hard_since,
        "soft": softs,
        "soft_since": soft_since,
        "bounced": now,
        "status": status[:16],
        "said": said[:MAX_SAID],
    }
    if reason is not None:
        values |= {"ended": now, "reason": reason.value, "told": 0}
    tx.execute(update(outside_member).where(outside_member.c.id == number).values(**values))
    return reason


def leave(tx: Tx, number: int) -> bool:
    """Send them nothing any more, as they want; False when that is so already."""
    mine = update(outside_member).where(outside_member.c.id == number, outside_member.c.reason != Reason.LEFT.value)
    return bool(tx.execute(mine.values(ended=tx.now, reason=Reason.LEFT.value, told=1)).rowcount)


def resume(tx: Tx, number: int) -> bool:
    """Send to them again, as they want; what came back is forgotten. False when they get everything."""
    return _resume(tx, outside_member.c.id == number, outside_member.c.ended > 0) > 0


def clear(tx: Tx, address: str, members: Iterable[str] | None = None, *, left: bool = False) -> int:
    """Send again to these members of a list (None: to all), forgetting what came back; how many are concerned.

    `left`: also to those who left.
    """
    where = [outside_member.c.list == address, or_(outside_member.c.ended > 0, outside_member.c.bounced > 0)]
    if members is not None:
        where.append(outside_member.c.member.in_(list(members)))
    if not left:
        where.append(outside_member.c.reason != Reason.LEFT.value)
    return _resume(tx, *where)


def untold(tx: Tx, limit: int) -> list[str]:
    """Lists whose owners are to be told of members who get nothing any more."""
    wanted = select(outside_member.c.list).where(outside_member.c.ended > 0, outside_member.c.told == 0)
    return list(tx.execute(wanted.distinct().order_by(outside_member.c.list).limit(limit)).scalars())


def untold_of(tx: Tx, address: str, limit: int) -> list[OutsideMember]:
    """Of which of a list's members its owners are to be told."""
    wanted = _ALL.where(outside_member.c.list == address, outside_member.c.ended > 0, outside_member.c.told == 0)
    return [_member(row) for row in tx.execute(wanted.order_by(outside_member.c.id).limit(limit))]


def tell(tx: Tx, numbers: Sequence[int]) -> bool:
    """The owners are told now; False when they have been of every one."""
    mine = update(outside_member).where(outside_member.c.id.in_(numbers), outside_member.c.told == 0)
    return bool(tx.execute(mine.values(told=1)).rowcount)


def keep_those_who_left(tx: Tx, address: str) -> None:
    """A list is deleted: who left it stays on record for LEFT_DAYS from now, however long ago that was, so that one of
    the same address that is made again sends them nothing; the others are forgotten."""
    left = outside_member.c.reason == Reason.LEFT.value
    tx.execute(delete(outside_member).where(outside_member.c.list == address, ~left))
    tx.execute(update(outside_member).where(outside_member.c.list == address, left).values(ended=tx.now))


def rename(tx: Tx, old: str, new: str) -> None:
    """A list has another address. Who left one of that address before has left this one, too."""
    left = select(outside_member.c.member).where(
        outside_member.c.list == new, outside_member.c.reason == Reason.LEFT.value
    )
    mine = update(outside_member).where(outside_member.c.list == old, outside_member.c.member.in_(left))
    tx.execute(mine.values(ended=tx.now, reason=Reason.LEFT.value, told=1))
    rest = select(outside_member.c.member).where(outside_member.c.list == old)
    tx.execute(delete(outside_member).where(outside_member.c.list == new, outside_member.c.member.in_(rest)))
    tx.execute(update(outside_member).where(outside_member.c.list == old).values(list=new))


def forgettable(tx: Tx) -> list[int]:
    """Those who stand in no list any more and were sent nothing lately. All are looked at: not within a unit."""
    return list(tx.execute(select(outside_member.c.id).where(*_is_forgettable(tx.now)).limit(PRUNED)).scalars())


def prune(tx: Tx, numbers: Sequence[int]) -> int:
    """Forget those of them of whom it is still so; how many."""
    return tx.execute(delete(outside_member).where(outside_member.c.id.in_(numbers), *_is_forgettable(tx.now))).rowcount


def _stands() -> ColumnElement[bool]:
    return exists().where(list_member.c.list == outside_member.c.list, list_member.c.member == outside_member.c.member)


def _is_forgettable(now: int) -> tuple[ColumnElement[bool], ...]:
    sent = exists().where(list_delivery.c.member_id == outside_member.c.id)
    is_there = exists().where(mailing_list.c.address == outside_member.c.list)
    long_ago = outside_member.c.ended <= now - LEFT_DAYS * DAY
    return ~_stands(), ~sent, or_(outside_member.c.ended == 0, and_(~is_there, long_ago))


def _resume(tx: Tx, *where: ColumnElement[bool]) -> int:
    fresh = {"hard": 0, "hard_since": 0, "soft": 0, "soft_since": 0, "bounced": 0, "status": "", "said": ""}
    again = update(outside_member).where(*where).values(**fresh, ended=0, reason="", told=0)
    return tx.execute(again).rowcount


def _member(row: Any) -> OutsideMember:
    number, address, member, hard, soft, bounced, status, said, since, reason, digest = row
    why = Reason(reason) if reason else None
    chosen = bool(digest) if digest >= 0 else None
    return OutsideMember(number, address, member, hard, soft, bounced, status, said, since, why, chosen)
