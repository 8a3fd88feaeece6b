"""What lists with an archive have sent on: kept by the content that their members got, which is stored once.

Who may read it is asked elsewhere (`directory.lists.archive_readers`), and pages are read by
`mailserver.store.web.archive_pages`. It counts for nobody's quota. What goes notes its content, which the collector
takes away once nothing else holds it.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, String, and_, bindparam, cast, delete, exists, func, select, update

from mailserver.model.identity import Archive
from mailserver.model.messages.provenance import Provenance
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.mail import collect
from mailserver.store.schema.mail.messages import content
from mailserver.store.schema.mail.withdrawal import withdrawal
from mailserver.store.schema.people.rosters import archived_post

PRUNED = 500
"""Posts of one unit."""

_THREAD = Statement(select(content.c.thread).where(content.c.id == bindparam("content")))


@dataclass(frozen=True, slots=True)
class Archived:
    """A message that a list sends on now and keeps."""

    list: str
    name: str
    """The same for every copy of the message, however often it is tried."""
    account_id: int
    readers: Archive
    """Who reads the list's archive at that moment."""
    leaves: bool = False
    """It goes to members outside: its author knows that it is read there."""


def keep(tx: Tx, content_id: int, wanted: Archived, came: Provenance) -> bool:
    """Keep it; False when it is kept already."""
    row = tx.one(_THREAD, content=content_id)
    values = {
        "list": wanted.list,
        "name": wanted.name,
        "content_id": content_id,
        "internal_date": tx.now,
        "thread": int(row[0]) if row is not None else 0,
        "account_id": wanted.account_id,
        "readers": wanted.readers.value,
        "outside": int(wanted.leaves or not wanted.account_id),
        "door": int(came.door),
        "door_account": came.account_id,
        "through_list": int(came.through_list),
        "authentication": came.results.packed,
    }
    return bool(tx.insert_ignore(archived_post, values))


# ---------------------------------------------------------------------- whom they are for


def by_readers(tx: Tx, address: str) -> dict[str, int]:
    """How many messages of a list are shown to whom, besides its owners."""
    mine = (archived_post.c.list == address, archived_post.c.withdrawal_id == 0)
    rows = tx.execute(select(archived_post.c.readers, func.count()).where(*mine).group_by(archived_post.c.readers))
    found = {readers: int(count) for readers, count in map(tuple, rows)}
    return {one.value: found[one.value] for one in Archive if one.value in found}


def open_older(tx: Tx, address: str, readers: Archive) -> int:
    """What a list has kept for fewer is for these now; how many. What has been taken back is, too, once it is shown."""
    narrower = [one.value for one in Archive if not one.includes(readers)]
    mine = update(archived_post).where(archived_post.c.list == address, archived_post.c.readers.in_(narrower))
    return tx.execute(mine.values(readers=readers.value)).rowcount


# ---------------------------------------------------------------------- what goes


def remove(tx: Tx, address: str, number: int) -> bool:
    """Take one out of a list's archive; False when it is not there."""
    return bool(_delete(tx, and_(archived_post.c.list == address, archived_post.c.id == number)))


def disown(tx: Tx, address: str) -> int:
    """All of a list's are nobody's any more, whoever has its address next; how many. Upkeep takes them away."""
    # Their numbers keep the names apart: two lists may have sent on one message.
    mine = update(archived_post).where(archived_post.c.list == address)
    return tx.execute(mine.values(list="", name=cast(archived_post.c.id, String(32)))).rowcount


def erase(tx: Tx, account_id: int) -> int:
    """An author is erased: what they wrote goes; how many, PRUNED where there may be more."""
    return _some(tx, archived_post.c.account_id == account_id)


def prune(tx: Tx, oldest: int) -> int:
    """Let go of what is older, of lists that are gone, and of what was taken back for good: of each, since there is
    something of one of them at any moment. How many of one, PRUNED where there may be more."""
    undone = exists().where(withdrawal.c.id == archived_post.c.withdrawal_id, withdrawal.c.state.in_(_UNDOABLE))
    taken = and_(archived_post.c.withdrawal_id > 0, ~undone)
    kinds = (archived_post.c.list == "", archived_post.c.internal_date < oldest, taken)
    return max([_some(tx, one) for one in kinds])


def grown(tx: Tx, since: int) -> list[str]:
    """Lists that have kept something since then."""
    mine = (archived_post.c.internal_date >= since, archived_post.c.list != "")
    return list(tx.execute(select(archived_post.c.list).where(*mine).distinct()).scalars())


def octets(tx: Tx, address: str) -> int:
    """How much a list has kept, what was taken back and may come again included."""
    sizes = select(func.coalesce(func.sum(content.c.size), 0)).join(archived_post)
    return int(tx.execute(sizes.where(archived_post.c.list == address)).scalar_one())


def shorten(tx: Tx, address: str, most: int) -> int:
    """Let go of the oldest of a list until it holds no more octets than that; how many, PRUNED where there may be
    more."""
    over, numbers = octets(tx, address) - most, []
    oldest = select(archived_post.c.id, content.c.size).join(content).where(archived_post.c.list == address)
    rows = tx.execute(oldest.order_by(archived_post.c.internal_date, archived_post.c.id).limit(PRUNED))
    for number, size in map(tuple, rows):
        if over <= 0:
            break
        numbers.append(number)
        over -= size
    return _delete(tx, archived_post.c.id.in_(numbers)) if numbers else 0


_UNDOABLE = ("taking", "taken", "restoring")
"""States of an act that may still be undone (`mailserver.store.withdrawal.rows.State`)."""


# ---------------------------------------------------------------------- taken back


def withdraw(tx: Tx, act: int, is_meant: Callable[[Any], ColumnElement[bool]]) -> int:
    """What an act of taking back means is shown to nobody; how many. `is_meant`: by the columns of where it came
    from."""
    free = archived_post.c.withdrawal_id == 0
    return tx.execute(update(archived_post).where(free, is_meant(archived_post.c)).values(withdrawal_id=act)).rowcount


def bring_back(tx: Tx, act: int) -> int:
    """An act is undone; how many are shown again."""
    mine = update(archived_post).where(archived_post.c.withdrawal_id == act)
    return tx.execute(mine.values(withdrawal_id=0)).rowcount


def recall(tx: Tx, author: int, message_id: str, threads: Collection[int], since: int) -> int:
    """An author takes back what they sent a moment ago: lists keep none of it; how many did."""
    named = select(content.c.id).where(content.c.thread.in_(threads), content.c.message_id == message_id)
    mine = and_(archived_post.c.account_id == author, archived_post.c.internal_date >= since)
    return _delete(tx, and_(mine, archived_post.c.content_id.in_(named)))


def drop(tx: Tx, author: int, since: int, name_of: Callable[[str], str]) -> int:
    """One message of an author, by the name that it has in each list, is in no archive; how many had it."""
    mine = (archived_post.c.account_id == author, archived_post.c.internal_date >= since)
    rows = tx.execute(select(archived_post.c.id, archived_post.c.list, archived_post.c.name).where(*mine))
    numbers = [number for number, address, name in map(tuple, rows) if name == name_of(address)]
    return _delete(tx, archived_post.c.id.in_(numbers)) if numbers else 0


# ---------------------------------------------------------------------- shared


def _some(tx: Tx, where: ColumnElement[bool]) -> int:
    numbers = list(tx.execute(select(archived_post.c.id).where(where).limit(PRUNED)).scalars())
    return _delete(tx, archived_post.c.id.in_(numbers)) if numbers else 0


def _delete(tx: Tx, where: ColumnElement[bool]) -> int:
    collect.note(tx, select(archived_post.c.content_id).where(where))
    return tx.execute(delete(archived_post).where(where)).rowcount
