"""What an account's filter has to remember, each thing until a moment.

Whom an absence message was sent to (RFC 5230 section 4.2), which messages were seen (RFC 7352), what was passed on
today, and of which failing script its owner was told. Keys are hashes: nobody reads here who wrote to whom.
"""

import hashlib
from collections.abc import Sequence
from enum import IntEnum

from sqlalchemy import ColumnElement, and_, bindparam, delete, func, select, update

from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.schema.account.filters import filter_memory

MAX_KEPT = 10_000
"""Of one kind and account: what is more is not remembered."""
SWEPT = 2000


class Kind(IntEnum):
    """The numbers stand in the store."""

    VACATION = 1
    DUPLICATE = 2
    PASSED_ON = 3
    """A redirect or a notice that left."""
    FAILURE = 4
    ANSWERED = 5
    """An absence that was told, or a message that was refused."""
    ASKED = 7
    """An address was asked whether mail may be sent on to it."""
    DECLINED = 8
    """An address does not want mail to be sent on to it."""
    TRIED = 9
    """An absence message was tried out."""
    CONFIRMED = 10
    """A text of an automatic answer may leave the academy, whatever it gives away (`confirmed_answers`)."""
    INFECTED = 6
    """A message with a virus that is held: somebody was told."""


_SEEN = Statement(
    select(filter_memory.c.expires).where(
        filter_memory.c.account_id == bindparam("account"),
        filter_memory.c.kind == bindparam("kind"),
        filter_memory.c.key == bindparam("key"),
        filter_memory.c.expires > bindparam("now"),
    )
)
_COUNT = Statement(
    select(func.count()).where(
        filter_memory.c.account_id == bindparam("account"),
        filter_memory.c.kind == bindparam("kind"),
        filter_memory.c.expires > bindparam("now"),
    )
)


def key_of(*words: str) -> bytes:
    """The key of what these words name."""
    return hashlib.sha256("\0".join(words).encode("utf-8", "surrogatepass")).digest()


def seen(tx: Tx, account_id: int, kind: Kind, key: bytes) -> bool:
    """Whether this is remembered still."""
    return tx.one(_SEEN, account=account_id, kind=int(kind), key=key, now=tx.now) is not None


def count(tx: Tx, account_id: int, kind: Kind) -> int:
    """How many of a kind are remembered."""
    row = tx.one(_COUNT, account=account_id, kind=int(kind), now=tx.now)
    return int(row[0]) if row is not None else 0


Counted = dict[tuple[int, Kind], int]
"""How many of a kind an account has, as far as a unit has counted."""


def claim(tx: Tx, account_id: int, kind: Kind, key: bytes, expires: int, counted: Counted) -> bool:
    """Remember this until then; False when it is remembered already, or too much is. Of two units one is told True.

    `counted`: of this unit, so that it counts the rows of a kind once.
    """
    row = {"account_id": account_id, "kind": int(kind), "key": key, "expires": expires}
    if not tx.insert_ignore(filter_memory, row):
        old = and_(_row(account_id, kind, key), filter_memory.c.expires <= tx.now)
        return tx.execute(update(filter_memory).where(old).values(expires=expires)).rowcount == 1
    which = (account_id, kind)
    counted[which] = counted[which] + 1 if which in counted else count(tx, account_id, kind)
    if counted[which] <= MAX_KEPT:
        return True
    tx.execute(delete(filter_memory).where(_row(account_id, kind, key)))
    counted[which] -= 1
    return False


def claim_within(tx: Tx, account_id: int, kind: Kind, keys: Sequence[bytes], expires: int, most: int) -> int:
    """Remember more things of a kind, as far as there are no more than `most` then; how many of them were."""
    before = count(tx, account_id, kind)
    counted: Counted = {(account_id, kind): before}
    return sum(claim(tx, account_id, kind, key, expires, counted) for key in keys[: max(0, most - before)])


def remember(tx: Tx, account_id: int, kind: Kind, key: bytes, expires: int, counted: Counted, *, longer: bool) -> None:
    """Remember this until then, as `claim`. `longer`: also when it is remembered already, counted anew."""
    if not claim(tx, account_id, kind, key, expires, counted) and longer:
        tx.execute(update(filter_memory).where(_row(account_id, kind, key)).values(expires=expires))


def forget(tx: Tx, account_id: int, kind: Kind) -> None:
    """Remember nothing of a kind any more."""
    tx.execute(delete(filter_memory).where(filter_memory.c.account_id == account_id, filter_memory.c.kind == int(kind)))


def sweep(tx: Tx) -> int:
    """Remove a bounded number of what is over; how many."""
    columns = (filter_memory.c.account_id, filter_memory.c.kind, filter_memory.c.key)
    over = select(*columns).where(filter_memory.c.expires <= tx.now).order_by(filter_memory.c.expires).limit(SWEPT)
    rows = tx.execute(over).all()
    for row in rows:
        tx.execute(delete(filter_memory).where(_row(row.account_id, Kind(row.kind), row.key)))
    return len(rows)


def _row(account_id: int, kind: Kind, key: bytes) -> ColumnElement[bool]:
    return and_(filter_memory.c.account_id == account_id, filter_memory.c.kind == int(kind), filter_memory.c.key == key)
