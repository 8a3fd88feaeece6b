"""What is kept of messages that were removed for good: written as they go, found by their content afterwards.

A removal writes its messages one behind the other. Finding them by content takes an index that is hit all over; it
would cost whoever empties a folder half as much time again. So it is written behind (`index`), by whoever asks first:
the collector, and an act of taking back. `store.mail.deleted` finds messages, brings them back and lets go of them.
"""

from collections.abc import Sequence

from sqlalchemy import BigInteger, ColumnElement, Executable, bindparam, delete, exists, func, insert, select, update

from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.mail import collect
from mailserver.store.schema.mail.deletions import deleted_content, deleted_mailbox, deleted_message, deletion
from mailserver.store.schema.mail.messages import keyword, message

CAME = ("door", "door_account", "through_list", "authentication", "impersonation")
"""Columns that say where a message came from (`mailserver.model.messages.provenance`): copies have them as they are."""
KEPT = ("content_id", "flags", "internal_date", "size", *CAME)
"""Columns of a message that it comes back with."""
INDEXED = 2000
"""Rows that one unit indexes."""
LAST = (1 << 63) - 1

_LAST = Statement(select(func.coalesce(func.max(deleted_message.c.id), 0)))
_NEWEST = Statement(select(func.coalesce(func.max(deletion.c.id), 0)))
_BEGIN = Statement(insert(deletion).returning(deletion.c.id), keys=("mailbox_id", "at", "low", "high", "pending"))
_END = Statement(update(deletion).where(deletion.c.id == bindparam("number")).values(high=bindparam("last")))
_OLDEST = Statement(
    select(deletion.c.id, deletion.c.pending, deletion.c.high, deletion.c.mailbox_id)
    .where(deletion.c.pending > 0)
    .order_by(deletion.c.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_is_there = exists().where(
    deleted_content.c.content_id == deleted_message.c.content_id, deleted_content.c.message_id == deleted_message.c.id
)
# FOR UPDATE: whoever removes these rows meanwhile waits, and then finds those of the index, too.
_INDEX = Statement(
    insert(deleted_content).from_select(
        ("content_id", "message_id"),
        select(deleted_message.c.content_id, deleted_message.c.id)
        .where(
            deleted_message.c.id.between(bindparam("low"), bindparam("upto")),
            deleted_message.c.deletion_id == bindparam("number"),
            ~_is_there,
        )
        .with_for_update(of=deleted_message),
    )
)
_GO_ON = Statement(update(deletion).where(deletion.c.id == bindparam("number")).values(pending=bindparam("behind")))


def begin(tx: Tx, mailbox_id: int) -> int:
    """The number of a removal; its messages are kept by `keeping` in this unit, until `end`."""
    row = tx.one(_LAST)
    low = int(row[0]) + 1 if row is not None else 1
    made = tx.one(_BEGIN, mailbox_id=mailbox_id, at=tx.now, low=low, high=low, pending=low)
    assert made is not None
    return int(made[0])


def end(tx: Tx, number: int) -> None:
    """Everything is kept. Others that keep something meanwhile may have numbers between."""
    row = tx.one(_LAST)
    tx.run(_END, number=number, last=int(row[0]) if row is not None else 0)


def keeping(here: ColumnElement[bool], number: ColumnElement[int]) -> Executable:
    """The statement that keeps messages aside, as they are."""
    kept = select(number, *(message.c[name] for name in KEPT)).where(here)
    return insert(deleted_message).from_select(("deletion_id", *KEPT), kept)


def keep_mailbox(tx: Tx, account_id: int, mailbox_id: int, name: str) -> None:
    """A mailbox is about to go: its messages are kept aside, its name and those of its keywords for all that is kept
    of it."""
    here = message.c.mailbox_id == mailbox_id
    if tx.execute(select(message.c.uid).where(here).limit(1)).first() is not None:
        number = begin(tx, mailbox_id)
        tx.execute(keeping(here, bindparam("number", number, type_=BigInteger)))
        end(tx, number)
    elif tx.execute(select(deletion.c.id).where(deletion.c.mailbox_id == mailbox_id).limit(1)).first() is None:
        return
    named = select(keyword.c.name).where(keyword.c.mailbox_id == mailbox_id).order_by(keyword.c.bit)
    keywords = " ".join(tx.execute(named).scalars())
    tx.execute(
        insert(deleted_mailbox).values(mailbox_id=mailbox_id, account_id=account_id, name=name, keywords=keywords)
    )


def newest(tx: Tx) -> int:
    """The number of the last removal."""
    row = tx.one(_NEWEST)
    return int(row[0]) if row is not None else 0


def index(tx: Tx, upto: int = LAST) -> int:
    """Index the next removal, or a bounded part of it; the mailbox that it was of, 0 when there was none. `upto`: the
    last one whose turn it is, for who goes on until nothing is left: others are added all day."""
    row = tx.one(_OLDEST)
    if row is None or row[0] > upto:
        return 0
    number, low, high, mailbox_id = row
    upto = min(high, low + INDEXED - 1)
    tx.run(_INDEX, number=number, low=low, upto=upto)
    tx.run(_GO_ON, number=number, behind=0 if upto == high else upto + 1)
    return int(mailbox_id)


def drop(tx: Tx, kept: Sequence[tuple[int, int]]) -> int:
    """Remove kept messages (number, content) and their notes in the index; how many there were."""
    numbers = [number for number, _ in kept]
    gone = tx.execute(delete(deleted_message).where(deleted_message.c.id.in_(numbers))).rowcount
    contents = sorted({content_id for _, content_id in kept})
    tx.execute(
        delete(deleted_content).where(
            deleted_content.c.content_id.in_(contents), deleted_content.c.message_id.in_(numbers)
        )
    )
    return gone


def let_go(tx: Tx, kept: Sequence[tuple[int, int]]) -> int:
    """Remove kept messages for ever; how many. The collector takes away what nobody else holds."""
    if not kept:
        return 0
    collect.note(tx, sorted({content_id for _, content_id in kept}))
    return drop(tx, kept)


def of_contents(tx: Tx, content_ids: Sequence[int], which: ColumnElement[bool], most: int) -> list[tuple[int, int]]:
    """The first kept messages (number, content) of these contents of which something is true; those that are not
    indexed yet are not found."""
    rows = (
        select(deleted_message.c.id, deleted_message.c.content_id)
        .join_from(deleted_content, deleted_message, deleted_message.c.id == deleted_content.c.message_id)
        .where(deleted_content.c.content_id.in_(content_ids), which)
        .order_by(deleted_message.c.id)
        .limit(most)
    )
    return [(row.id, row.content_id) for row in tx.execute(rows)]
