"""Messages of lists that wait for a digest: one for each message, with who is still to get it.

Whoever gets a digest is settled in the unit that delivers it: killed anywhere, everybody gets each message once. Units
are added and no row is written again, so that a digest for many costs as much for each of them as one for few.
"""

import json
from array import array
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy import ColumnElement, and_, bindparam, delete, insert, or_, select, update

from mailserver.model.clock import DAY
from mailserver.model.errors import Reason, Refused
from mailserver.model.messages.provenance import Provenance
from mailserver.store.engine import leases
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.mail import collect
from mailserver.store.schema.mail.messages import content
from mailserver.store.schema.people.rosters import digest_lease, digest_post, digest_unit, list_choice, outside_member

LEASE_SECONDS = 300
MAX_WAITING = 1000
"""Messages of one list that wait; more are sent at once."""
LISTS = 50
"""Lists of one round."""
REMOVED = 500
"""Messages of one statement."""

_CHOICES = Statement(
    select(list_choice.c.account_id, list_choice.c.digest).where(list_choice.c.list == bindparam("list"))
)
_OUTSIDE = Statement(
    select(outside_member.c.member, outside_member.c.digest).where(
        outside_member.c.list == bindparam("list"), outside_member.c.digest >= 0
    )
)
_COUNT = Statement(select(digest_post.c.id).where(digest_post.c.list == bindparam("list")).limit(MAX_WAITING))
_DUE = (
    select(
        *(digest_post.c.id, digest_post.c.content_id, digest_post.c.posted, digest_post.c.due),
        *(digest_post.c.accounts, digest_post.c.outside, content.c.subject, content.c.sender),
        *(content.c.sender_address, content.c.size),
    )
    .join(content, content.c.id == digest_post.c.content_id)
    .order_by(digest_post.c.id)
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message about to wait for a digest."""

    list: str
    name: str
    account_id: int
    due: int
    accounts: tuple[int, ...]
    outside: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DigestPost:
    """One that waits, with what a digest says of it."""

    id: int
    content_id: int
    posted: int
    due: int
    accounts: Sequence[int]
    """Who here has no digest of it; one and the same sequence for all messages with the same people."""
    outside: Sequence[str]
    subject: str
    sender: str
    sender_address: str
    size: int


# ---------------------------------------------------------------------- what members chose
_CLAIM = Statement(
    update(digest_lease)
    .where(
        digest_lease.c.list == bindparam("address"),
        or_(leases.is_over(digest_lease.c.until), digest_lease.c.worker == bindparam("me")),
    )
    .values(worker=bindparam("me"), until=bindparam("end"))
)


def choose(tx: Tx, address: str, account_id: int, *, digest: bool) -> None:
    """A member here gets a message a day, or each."""
    mine = (list_choice.c.list == address, list_choice.c.account_id == account_id)
    if not tx.execute(update(list_choice).where(*mine).values(digest=int(digest))).rowcount:
        tx.insert_ignore(list_choice, {"list": address, "account_id": account_id, "digest": int(digest)})


def choose_outside(tx: Tx, number: int, *, digest: bool) -> None:
    """The same of a member elsewhere."""
    tx.execute(update(outside_member).where(outside_member.c.id == number).values(digest=int(digest)))


def choices(tx: Tx, address: str) -> tuple[Mapping[int, bool], Mapping[str, bool]]:
    """What members here and elsewhere have chosen; who is not named has not."""
    here = {account_id: bool(digest) for account_id, digest in tx.all(_CHOICES, list=address)}
    return here, {member: bool(digest) for member, digest in tx.all(_OUTSIDE, list=address)}


def chosen_by(tx: Tx, account_id: int) -> dict[str, bool]:
    """What somebody has chosen, by list."""
    rows = tx.execute(select(list_choice.c.list, list_choice.c.digest).where(list_choice.c.account_id == account_id))
    return {address: bool(digest) for address, digest in map(tuple, rows)}


# ---------------------------------------------------------------------- what waits


def is_full(tx: Tx, address: str) -> bool:
    """Whether as many messages of a list wait as may."""
    return len(tx.all(_COUNT, list=address)) >= MAX_WAITING


def wait(tx: Tx, content_id: int, wanted: Waiting, came: Provenance) -> bool:
    """A message waits; False when it does already."""
    values = {
        "list": wanted.list,
        "name": wanted.name,
        "content_id": content_id,
        "account_id": wanted.account_id,
        "posted": tx.now,
        "due": wanted.due,
        "accounts": array("q", wanted.accounts).tobytes(),
        "outside": json.dumps(wanted.outside),
        "door": int(came.door),
        "door_account": came.account_id,
        "authentication": came.results.packed,
    }
    return bool(tx.insert_ignore(digest_post, values))


def due(tx: Tx) -> list[str]:
    """Lists whose digest is to be made now, at most LISTS."""
    lists = select(digest_post.c.list).where(digest_post.c.due <= tx.now).distinct().limit(LISTS)
    return list(tx.execute(lists).scalars())


def claim(tx: Tx, address: str, worker: int) -> bool:
    """Be the one who makes a list's digest, for a while from now; False when somebody else is."""
    times = leases.times(tx.now, LEASE_SECONDS)
    if tx.run(_CLAIM, address=address, me=worker, **times):
        return True
    return bool(tx.insert_ignore(digest_lease, {"list": address, "worker": worker, "until": times["end"]}))


def release(tx: Tx, address: str, worker: int, done: Sequence[int] = ()) -> None:
    """It is made as far as it could be: messages that nobody waits for any more go, and the next one who comes may."""
    mine = (digest_lease.c.list == address, digest_lease.c.worker == worker)
    if not tx.execute(delete(digest_lease).where(*mine)).rowcount:
        return
    for start in range(0, len(done), REMOVED):
        some = digest_post.c.id.in_(done[start : start + REMOVED])
        _remove(tx, and_(digest_post.c.list == address, some))
    left = set(tx.execute(select(digest_post.c.id).where(digest_post.c.list == address)).scalars())
    units = tx.execute(select(digest_unit.c.id, digest_unit.c.posts).where(digest_unit.c.list == address))
    over = [number for number, posts in map(tuple, units) if left.isdisjoint(_numbers(posts))]
    for start in range(0, len(over), REMOVED):
        tx.execute(delete(digest_unit).where(digest_unit.c.id.in_(over[start : start + REMOVED])))


def pending(tx: Tx, address: str) -> list[DigestPost]:
    """The messages of a list whose digest is to be made now, in their order."""
    rows = tx.execute(_DUE.where(digest_post.c.list == address, digest_post.c.due <= tx.now).limit(MAX_WAITING))
    left = _Left(tx, [address])
    return [
        DigestPost(
            row[0], row[1], row[2], row[3], left.accounts(row[0], row[4]), left.outside(row[0], row[5]), *row[6:]
        )
        for row in map(tuple, rows)
    ]


class _Left:
    """Who of a message's people has no digest of it yet, by the units of lists that are being sent theirs.

    Most messages of a list have the same people, and went out in the same units: each such sequence is made once.
    """

    def __init__(self, tx: Tx, addresses: Sequence[str]) -> None:
        self._units: list[tuple[bytes, str]] = []
        self._of: dict[int, list[int]] = {}
        self._made: dict[tuple[bytes | str, tuple[int, ...]], Sequence[int] | Sequence[str]] = {}
        wanted = select(digest_unit.c.posts, digest_unit.c.accounts, digest_unit.c.outside)
        for posts, accounts, outside in map(tuple, tx.execute(wanted.where(digest_unit.c.list.in_(addresses)))):
            for post in _numbers(posts):
                self._of.setdefault(post, []).append(len(self._units))
            self._units.append((accounts, outside))

    def accounts(self, post: int, packed: bytes) -> Sequence[int]:
        """Those here."""
        units = tuple(self._of.get(post, ()))
        key = bytes(packed), units
        if key not in self._made:
            served = {account for unit in units for account in _numbers(self._units[unit][0])}
            numbers = _numbers(packed)
            self._made[key] = array("q", (one for one in numbers if one not in served)) if served else numbers
        return cast("Sequence[int]", self._made[key])

    def outside(self, post: int, text: str) -> Sequence[str]:
        """Those elsewhere."""
        key = text, tuple(self._of.get(post, ()))
        if key not in self._made:
            served = {member for unit in key[1] for member in json.loads(self._units[unit][1])}
            self._made[key] = [member for member in json.loads(text) if member not in served]
        return cast("Sequence[str]", self._made[key])


def settle(
    tx: Tx,
    address: str,
    worker: int,
    numbers: Sequence[int],
    accounts: Collection[int] = (),
    outside: Collection[str] = (),
) -> None:
    """These have those messages now, and the one who makes the digest stays at it. Raises Refused(CONFLICT): somebody
    else is, or a message was taken back."""
    mine = (digest_lease.c.list == address, digest_lease.c.worker == worker)
    if not tx.execute(update(digest_lease).where(*mine).values(until=tx.now + LEASE_SECONDS)).rowcount:
        raise Refused(Reason.CONFLICT, "Somebody else makes this digest")
    wanted = select(digest_post.c.id).where(digest_post.c.list == address, digest_post.c.id.in_(numbers))
    if len(tx.execute(wanted.order_by(digest_post.c.id).with_for_update(read=True)).all()) != len(numbers):
        raise Refused(Reason.CONFLICT, "A message of this digest waits no more")
    values = {
        "list": address,
        "posts": array("q", numbers).tobytes(),
        "accounts": array("q", accounts).tobytes(),
        "outside": json.dumps(list(outside)),
    }
    tx.execute(insert(digest_unit).values(**values))


def put_off(tx: Tx, numbers: Sequence[int]) -> None:
    """What cannot be read comes with another day's digest: it may be brought back from a backup."""
    tx.execute(update(digest_post).where(digest_post.c.id.in_(numbers)).values(due=tx.now + DAY))


# ---------------------------------------------------------------------- what goes


def forget_list(tx: Tx, address: str) -> None:
    """A list is deleted: nothing of it waits, and nobody has chosen anything."""
    _remove(tx, digest_post.c.list == address)
    for table in (list_choice, digest_lease, digest_unit):
        tx.execute(delete(table).where(table.c.list == address))


def take_back(tx: Tx, content_ids: Sequence[int]) -> int:
    """Messages are taken back: no digest has them, not even after an undoing; how many."""
    return _remove(tx, digest_post.c.content_id.in_(content_ids))


def forget_author(tx: Tx, account_id: int) -> int:
    """An author is erased: what they wrote is in no digest; how many."""
    return _remove(tx, digest_post.c.account_id == account_id)


def recall(tx: Tx, author: int, message_id: str, threads: Collection[int], since: int) -> set[int | str]:
    """An author takes back what they sent a moment ago; who was still to get it: accounts here, addresses elsewhere."""
    mine = _sent_by(author, message_id, threads, since)
    waiting = waiting_for(tx, author, message_id, threads, since)
    _remove(tx, mine)
    return waiting


def waiting_for(tx: Tx, author: int, message_id: str, threads: Collection[int], since: int) -> set[int | str]:
    """Who is still to get what an author sent a moment ago: accounts here, addresses elsewhere."""
    mine = _sent_by(author, message_id, threads, since)
    wanted = select(digest_post.c.list, digest_post.c.id, digest_post.c.accounts, digest_post.c.outside)
    rows = [tuple(row) for row in tx.execute(wanted.where(mine))]
    left = _Left(tx, sorted({address for address, *_ in rows}))
    found = (set(left.accounts(post, packed)) | set(left.outside(post, text)) for _, post, packed, text in rows)
    return set[int | str]().union(*found)


def drop(tx: Tx, author: int, since: int, name_of: Callable[[str], str]) -> int:
    """One message of an author, by the name that it has in each list, is in no digest; how many lists had kept it."""
    mine = (digest_post.c.account_id == author, digest_post.c.posted >= since)
    rows = tx.execute(select(digest_post.c.id, digest_post.c.list, digest_post.c.name).where(*mine))
    numbers = [number for number, address, name in map(tuple, rows) if name == name_of(address)]
    return _remove(tx, digest_post.c.id.in_(numbers)) if numbers else 0


def _sent_by(author: int, message_id: str, threads: Collection[int], since: int) -> ColumnElement[bool]:
    named = select(content.c.id).where(content.c.thread.in_(threads), content.c.message_id == message_id)
    mine = and_(digest_post.c.account_id == author, digest_post.c.posted >= since)
    return and_(mine, digest_post.c.content_id.in_(named))


def _remove(tx: Tx, where: ColumnElement[bool]) -> int:
    collect.note(tx, select(digest_post.c.content_id).where(where))
    return tx.execute(delete(digest_post).where(where)).rowcount


def _numbers(packed: bytes) -> "array[int]":
    return array("q", bytes(packed))
