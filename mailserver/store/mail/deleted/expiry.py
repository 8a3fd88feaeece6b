"""The end of what was removed: after the days for which it is kept, and with its account."""

from sqlalchemy import bindparam, delete, select

from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.mail import deletions
from mailserver.store.mail.deleted.removed_messages import AT_ONCE, OF_REMOVAL
from mailserver.store.record import trusted_clock
from mailserver.store.schema.mail.deletions import deleted_mailbox, deletion
from mailserver.store.schema.mail.messages import mailbox

_FIRST = Statement(
    select(deletion.c.id, deletion.c.low, deletion.c.high, deletion.c.at, deletion.c.mailbox_id)
    .where(deletion.c.at <= bindparam("moment"))  # a host whose clock was ahead does not stop the others' for years
    .order_by(deletion.c.id)
    .limit(1)
)


def let_go(tx: Tx, before: int) -> int:
    """Let go of a part of what was removed before a moment; how many, 1 for an empty removal. 0: nothing is left.

    Raises ClockJumped.
    """
    trusted_clock.check(tx)
    row = tx.one(_FIRST, moment=tx.now)
    if row is None or row[3] > before:
        return 0
    return _let_go(tx, row) or 1


def erase(tx: Tx, account_id: int) -> bool:
    """Let go of the next part of what was removed from an account that is erased; False when there was none."""
    mine = select(mailbox.c.id).where(mailbox.c.account_id == account_id)
    gone = select(deleted_mailbox.c.mailbox_id).where(deleted_mailbox.c.account_id == account_id)
    for boxes in (mine, gone):
        columns = (deletion.c.id, deletion.c.low, deletion.c.high, deletion.c.at, deletion.c.mailbox_id)
        row = tx.execute(select(*columns).where(deletion.c.mailbox_id.in_(boxes)).limit(1)).first()
        if row is not None:
            _let_go(tx, tuple(row))
            return True
    return bool(tx.execute(delete(deleted_mailbox).where(deleted_mailbox.c.account_id == account_id)).rowcount)


def _let_go(tx: Tx, removal: Row) -> int:
    number, low, high, _, mailbox_id = removal
    rows = tx.all(OF_REMOVAL, low=low, high=high, number=number, most=AT_ONCE)
    deletions.let_go(tx, [(row[0], row[1]) for row in rows])
    if len(rows) < AT_ONCE:
        tx.execute(delete(deletion).where(deletion.c.id == number))
        if tx.execute(select(deletion.c.id).where(deletion.c.mailbox_id == mailbox_id).limit(1)).first() is None:
            tx.execute(delete(deleted_mailbox).where(deleted_mailbox.c.mailbox_id == mailbox_id))
    return len(rows)
