"""Messages that lists have sent on: to how many, and what became of each that left the house.

Rows are kept as long as traces. What came back counts once for a message and a member, and only while its row is there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from sqlalchemy import bindparam, case, delete, func, insert, select, update

from mailserver.model.clock import DAY
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Archive
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.people.mailing_lists import outside_members
from mailserver.store.people.mailing_lists.outside_members import MAX_SAID, Bounds
from mailserver.store.queue import spool
from mailserver.store.queue.spool import Options
from mailserver.store.schema.outgoing.mailings import mailing_copy
from mailserver.store.schema.people.rosters import list_delivery, list_post, mailing_list, outside_member

MAX_TEXT = 300
"""Characters kept of an author and a subject."""
BELIEVED = 30 * DAY
"""What comes back of a message that is older counts for nothing."""
PRUNED = 50
"""Posts that one sweep forgets, with what became of them."""
PRUNED_DELIVERIES = 2000
"""Of their members outside, so many at a time: others wait to write meanwhile."""


class Fate(IntEnum):
    """What became of a message for a member outside. The numbers stand in the store."""

    WAITING = 0
    TAKEN = 1
    """Their server took it."""
    BOUNCED = 2
    """It came back for good."""
    FAILED = 3
    """It came back for now, or for what it is: another message may arrive."""


@dataclass(frozen=True, slots=True)
class Departure:
    """Which message for which member: what a return address says."""

    post_id: int
    member_id: int


@dataclass(frozen=True, slots=True)
class Leaving:
    """What a copy says to its member when it leaves."""

    list: str
    may_leave: bool
    """They leave the list by themselves."""
    archive: Archive
    """As it is now."""


@dataclass(frozen=True, slots=True)
class Returned:
    """What came back, or what a server said at once."""

    departure: Departure
    hard: bool
    status: str
    said: str
    counts: bool = True
    """It says something about the address."""


@dataclass(frozen=True, slots=True)
class Posted:
    """A message that a list sends on now."""

    list: str
    name: str
    account_id: int
    author: str
    subject: str
    people: int
    outside: tuple[str, ...] = ()
    ended: int = 0
    may_leave: bool = False


@dataclass(frozen=True, slots=True)
class Post:
    """One on record, with how many of those outside it came to."""

    id: int
    list: str
    posted: int
    author: str
    subject: str
    people: int
    outside: int
    ended: int
    fates: Mapping[Fate, int]


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of a message for one member."""

    member: str
    fate: Fate
    changed: int
    status: str
    said: str


_INSERT = Statement(
    insert(list_post).returning(list_post.c.id),
    keys=(
        *("list", "posted", "name", "account_id", "author", "subject"),
        *("people", "outside", "ended", "may_leave"),
    ),
)
_LIST = Statement(select(list_post.c.list).where(list_post.c.id == bindparam("post")))
_INSERT_DELIVERY = Statement(insert(list_delivery), keys=("post_id", "member_id", "outcome", "changed"))
_URGENCY = case(
    {int(Fate.BOUNCED): 0, int(Fate.FAILED): 1, int(Fate.WAITING): 2}, value=list_delivery.c.outcome, else_=3
)
_LEAVING = Statement(
    select(list_post.c.list, list_post.c.may_leave, mailing_list.c.archive)
    .join(list_delivery, list_delivery.c.post_id == list_post.c.id)
    .outerjoin(mailing_list, mailing_list.c.address == list_post.c.list)
    .where(list_post.c.id == bindparam("post"), list_delivery.c.member_id == bindparam("member"))
)


def record(
    tx: Tx,
    posted: Posted,
    content_id: int,
    return_address: Callable[[Departure], str],
    *,
    lifetime: int,
    options: Options,
) -> int:
    """Put a message on record, and queue it for each member outside under an address of their own; its number."""
    post_id = begin(tx, posted)
    if posted.outside:
        _queue(tx, post_id, posted.list, posted.outside, content_id, return_address, lifetime, options)
    return post_id


def begin(tx: Tx, posted: Posted) -> int:
    """Put a message on record; its number. Nobody outside has it yet, and it is queued for nobody."""
    row = tx.one(
        _INSERT,
        list=posted.list,
        posted=tx.now,
        name=posted.name,
        account_id=posted.account_id,
        author=posted.author[:MAX_TEXT],
        subject=posted.subject[:MAX_TEXT],
        people=posted.people,
        outside=len(posted.outside),
        ended=posted.ended,
        may_leave=int(posted.may_leave),
    )
    assert row is not None
    return int(row[0])


def go_on(
    tx: Tx,
    post_id: int,
    members: Sequence[str],
    content_id: int,
    return_address: Callable[[Departure], str],
    *,
    lifetime: int,
    options: Options,
) -> int:
    """Queue a message on record for some of its members outside; how many. To whom its list sends nothing any more by
    now it does not send this. Raises Refused(NOT_FOUND): it is not on record."""
    row = tx.one(_LIST, post=post_id)
    if row is None:
        raise Refused(Reason.NOT_FOUND, "This message of a list is not on record any more")
    gone = outside_members.ended(tx, row[0], members)
    left = [member for member in members if member not in gone]
    if left:
        _queue(tx, post_id, row[0], left, content_id, return_address, lifetime, options)
    return len(left)


def list_of(tx: Tx, post_id: int) -> str:
    """Which list a message is of; empty: it is not on record any more."""
    row = tx.one(_LIST, post=post_id)
    return str(row[0]) if row is not None else ""


def _queue(
    tx: Tx,
    post_id: int,
    address: str,
    members: Sequence[str],
    content_id: int,
    return_address: Callable[[Departure], str],
    lifetime: int,
    options: Options,
) -> None:
    numbers = outside_members.ids(tx, address, members)
    rows = [{"post_id": post_id, "member_id": number, "outcome": 0, "changed": tx.now} for number in numbers.values()]
    tx.many(_INSERT_DELIVERY, rows)
    each = [(return_address(Departure(post_id, number)), member) for member, number in numbers.items()]
    spool.enqueue_each(tx, content_id, each, lifetime=lifetime, options=options)


def leaving(tx: Tx, departure: Departure) -> Leaving | None:
    """The list that sent a message to a member; None: none did."""
    row = tx.one(_LEAVING, post=departure.post_id, member=departure.member_id)
    return Leaving(row[0], bool(row[1]), Archive(row[2] or Archive.NONE)) if row is not None else None


def took(tx: Tx, departure: Departure) -> None:
    """The member's server has taken the message."""
    tx.execute(_row(departure, Fate.WAITING).values(outcome=int(Fate.TAKEN), changed=tx.now))


def returned(tx: Tx, what: Returned, bounds: Bounds) -> outside_members.Reason | None:
    """Count what came back, once for a message; why the list stops sending to the member, if it does."""
    departure = what.departure
    young = select(list_post.c.id).where(list_post.c.id == departure.post_id, list_post.c.posted >= tx.now - BELIEVED)
    fate = Fate.BOUNCED if what.hard and what.counts else Fate.FAILED
    values = {"outcome": int(fate), "changed": tx.now, "status": what.status[:16], "said": what.said[:MAX_SAID]}
    changed = _row(departure, Fate.WAITING, Fate.TAKEN).where(list_delivery.c.post_id.in_(young))
    if not tx.execute(changed.values(**values)).rowcount or not what.counts:
        return None
    return outside_members.bounce(tx, departure.member_id, bounds, hard=what.hard, status=what.status, said=what.said)


def posts(tx: Tx, address: str, limit: int) -> list[Post]:
    """The last messages of a list."""
    rows = tx.execute(
        select(list_post).where(list_post.c.list == address).order_by(list_post.c.id.desc()).limit(limit)
    ).all()
    fates: dict[int, dict[Fate, int]] = {row.id: {} for row in rows}
    counted = (
        select(list_delivery.c.post_id, list_delivery.c.outcome, func.count())
        .where(list_delivery.c.post_id.in_(fates))
        .group_by(list_delivery.c.post_id, list_delivery.c.outcome)
    )
    for post_id, outcome, count in map(tuple, tx.execute(counted)):
        fates[post_id][Fate(outcome)] = count
    return [_post(row, fates[row.id]) for row in rows]


def post(tx: Tx, address: str, number: int) -> Post | None:
    """One message of this list."""
    row = tx.execute(select(list_post).where(list_post.c.list == address, list_post.c.id == number)).first()
    if row is None:
        return None
    counted = (
        select(list_delivery.c.outcome, func.count())
        .where(list_delivery.c.post_id == number)
        .group_by(list_delivery.c.outcome)
    )
    return _post(row, {Fate(outcome): count for outcome, count in map(tuple, tx.execute(counted))})


def deliveries(tx: Tx, number: int, limit: int) -> list[Delivered]:
    """What became of a message for members outside: what failed first."""
    rows = tx.execute(
        select(
            outside_member.c.member,
            list_delivery.c.outcome,
            list_delivery.c.changed,
            list_delivery.c.status,
            list_delivery.c.said,
        )
        .join(outside_member, outside_member.c.id == list_delivery.c.member_id)
        .where(list_delivery.c.post_id == number)
        .order_by(_URGENCY, outside_member.c.member)
        .limit(limit)
    )
    return [
        Delivered(member, Fate(fate), changed, status, said) for member, fate, changed, status, said in map(tuple, rows)
    ]


def count_since(tx: Tx, address: str, moment: int) -> int:
    """How many messages a list has sent on since then."""
    since = select(func.count()).where(list_post.c.list == address, list_post.c.posted > moment)
    return int(tx.execute(since).scalar_one())


def forget_author(tx: Tx, account_id: int) -> bool:
    """An author is erased: their messages stay counted, without their name and what they were about."""
    mine = update(list_post).where(list_post.c.account_id == account_id)
    return bool(tx.execute(mine.values(account_id=0, author="", subject="")).rowcount)


def prune(tx: Tx, oldest: int) -> int:
    """Forget messages from before that moment; how many, `PRUNED` where there may be more. A mailing that was stopped
    may still be resumed: its messages stay."""
    sent = select(mailing_copy.c.post_id).where(mailing_copy.c.post_id > 0, mailing_copy.c.content_id.is_not(None))
    is_over = list_post.c.id.not_in(sent)
    old = select(list_post.c.id).where(list_post.c.posted < oldest, is_over).order_by(list_post.c.posted).limit(PRUNED)
    numbers = list(tx.execute(old).scalars())
    if not numbers:
        return 0
    rows = select(list_delivery.c.post_id, list_delivery.c.member_id).where(list_delivery.c.post_id.in_(numbers))
    found = [(row.post_id, row.member_id) for row in tx.execute(rows.limit(PRUNED_DELIVERIES))]
    for post_id in dict.fromkeys(post_id for post_id, _ in found):
        members = [member for post, member in found if post == post_id]
        mine = delete(list_delivery).where(list_delivery.c.post_id == post_id, list_delivery.c.member_id.in_(members))
        tx.execute(mine)
    if len(found) == PRUNED_DELIVERIES:
        return PRUNED
    tx.execute(delete(list_post).where(list_post.c.id.in_(numbers)))
    return len(numbers)


def _row(departure: Departure, *fates: Fate) -> Any:
    return update(list_delivery).where(
        list_delivery.c.post_id == departure.post_id,
        list_delivery.c.member_id == departure.member_id,
        list_delivery.c.outcome.in_([int(fate) for fate in fates]),
    )


def _post(row: Any, fates: Mapping[Fate, int]) -> Post:
    return Post(row.id, row.list, row.posted, row.author, row.subject, row.people, row.outside, row.ended, fates)
