"""Tombstones: which messages left a mailbox, and how long that is remembered (RFC 7162 section 5.3).

A mailbox forgets its oldest tombstones when there are many or when they are old. Its `expunged_floor` is the highest
mod-sequence that was forgotten: whoever was away since before it cannot be told what left, only what is there.
"""

from dataclasses import dataclass

from sqlalchemy import bindparam, delete, func, select, update

from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.mail import mailboxes
from mailserver.store.schema.mail.messages import expunged, mailbox

KEPT = 50_000
"""Tombstones of one mailbox that stay; the line that tells them all is some 300 KiB long."""
KEPT_SECONDS = 200 * 86_400
"""A summer holiday and a sick leave: longer than a phone lies in a drawer and is still expected to catch up quickly."""
ALL = 1 << 31
"""More than any mailbox has tombstones."""
REMOVED = 2000
"""Rows that one unit removes."""

_SINCE = Statement(
    select(expunged.c.uid)
    .where(
        expunged.c.mailbox_id == bindparam("box"),
        expunged.c.modseq > bindparam("since"),
        expunged.c.uid.between(bindparam("low"), bindparam("high")),
    )
    .order_by(expunged.c.uid)
    .limit(bindparam("most"))
)
_NEXT = Statement(select(func.min(expunged.c.mailbox_id)).where(expunged.c.mailbox_id > bindparam("box")))
_MANY = Statement(
    select(expunged.c.modseq)
    .where(expunged.c.mailbox_id == bindparam("box"))
    .order_by(expunged.c.modseq.desc(), expunged.c.uid.desc())
    .limit(1)
    .offset(bindparam("kept"))
)
_OLDEST = Statement(
    select(expunged.c.modseq, expunged.c.at)
    .where(expunged.c.mailbox_id == bindparam("box"))
    .order_by(expunged.c.modseq, expunged.c.uid)
    .limit(bindparam("most"))
)
_RAISE = Statement(
    update(mailbox)
    .where(mailbox.c.id == bindparam("box"), mailbox.c.expunged_floor < bindparam("floor"))
    .values(expunged_floor=bindparam("floor"))
)
_LAST = Statement(
    select(expunged.c.modseq, expunged.c.uid)
    .where(expunged.c.mailbox_id == bindparam("box"), expunged.c.modseq <= bindparam("floor"))
    .order_by(expunged.c.modseq, expunged.c.uid)
    .limit(bindparam("most"))
)


def since(
    tx: Tx, account_id: int, mailbox_id: int, modseq: int, low: int, high: int, most: int = ALL
) -> list[int] | None:
    """The first `most` UIDs of low..high that left after a mod-sequence; None: that is not remembered so far back.

    Raises Refused(NO_SUCH_MAILBOX).
    """
    box = mailboxes.by_id(tx, account_id, mailbox_id)
    if modseq < box.expunged_floor:
        return None
    return [row[0] for row in tx.all(_SINCE, box=mailbox_id, since=modseq, low=low, high=high, most=most)]


@dataclass(frozen=True, slots=True)
class Surplus:
    """A mailbox whose tombstones up to a mod-sequence are to go."""

    mailbox_id: int
    floor: int


def surplus(tx: Tx, after: int, limit: int) -> tuple[list[Surplus], int]:
    """Of the next `limit` mailboxes with tombstones behind the id `after`, those that have too many or too old ones.

    Also the id to go on behind; 0 when these were the last.
    """
    found: list[Surplus] = []
    for _ in range(limit):
        row = tx.one(_NEXT, box=after)
        if row is None or row[0] is None:
            return found, 0
        after = int(row[0])
        floor = _floor(tx, after)
        if floor:
            found.append(Surplus(after, floor))
    return found, after


def _floor(tx: Tx, mailbox_id: int) -> int:
    """Up to which mod-sequence the tombstones of a mailbox are to go; 0: all stay."""
    many = tx.one(_MANY, box=mailbox_id, kept=KEPT)
    floor = int(many[0]) if many is not None else 0
    horizon = tx.now - KEPT_SECONDS
    for modseq, at in tx.all(_OLDEST, box=mailbox_id, most=REMOVED):
        if at >= horizon:
            break
        floor = max(floor, int(modseq))
    return floor


def forget(tx: Tx, one: Surplus) -> int:
    """Raise the floor and remove a bounded number of the tombstones below it; how many. 0: nothing is left to do."""
    tx.run(_RAISE, box=one.mailbox_id, floor=one.floor)
    last = tx.all(_LAST, box=one.mailbox_id, floor=one.floor, most=REMOVED)
    if not last:
        return 0
    modseq, uid = last[-1]
    here = (expunged.c.mailbox_id == one.mailbox_id) & (
        (expunged.c.modseq < modseq) | ((expunged.c.modseq == modseq) & (expunged.c.uid <= uid))
    )
    return tx.execute(delete(expunged).where(here)).rowcount
