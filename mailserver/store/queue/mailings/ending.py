"""Letting go of mailings: of the message and of who is still to get it, once one is over; of its row, in the end."""

from collections.abc import Sequence

from sqlalchemy import delete, select, update

from mailserver.model.clock import DAY
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import collect
from mailserver.store.queue.mailings.reading import SWEPT
from mailserver.store.queue.mailings.rows import OPEN
from mailserver.store.schema.outgoing.mailings import mailing, mailing_batch, mailing_copy

REMEMBERED_DAYS = 365

_C = mailing.c


def let_go(tx: Tx, number: int) -> None:
    """It is over: neither the message nor who is still to get it is kept."""
    tx.execute(delete(mailing_batch).where(mailing_batch.c.mailing_id == number))
    for table, key in ((mailing, _C.id), (mailing_copy, mailing_copy.c.mailing_id)):
        held = (key == number, table.c.content_id.is_not(None))
        collect.note(tx, list(tx.execute(select(table.c.content_id).where(*held)).scalars()))
        tx.execute(update(table).where(*held).values(content_id=None))
    tx.execute(update(mailing).where(_C.id == number, _C.audience.is_not(None)).values(audience=None))


def forget(tx: Tx) -> int:
    """Forget mailings that have been over for long; how many."""
    closed = _C.state.not_in([one.value for one in OPEN])
    old = select(_C.id).where(closed, _C.ended <= tx.now - REMEMBERED_DAYS * DAY).order_by(_C.id).limit(SWEPT)
    return _remove(tx, list(tx.execute(old).scalars()))


def erase(tx: Tx, account_id: int) -> int:
    """Let go of everything of an author, some at a time; how many."""
    mine = select(_C.id).where(_C.account_id == account_id).limit(SWEPT)
    return _remove(tx, list(tx.execute(mine).scalars()))


def _remove(tx: Tx, numbers: Sequence[int]) -> int:
    for number in numbers:
        let_go(tx, number)
        tx.execute(delete(mailing_copy).where(mailing_copy.c.mailing_id == number))
        tx.execute(delete(mailing).where(_C.id == number))
    return len(numbers)
