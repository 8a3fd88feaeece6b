"""How long messages are kept in a mailbox: what lies there longer is removed by the housekeeper, flagged messages
never.

Time counts from when a message came into this mailbox (SAVEDATE, RFC 8514), so nothing old goes as soon as it is moved
there. INBOX, drafts and what is put off are never cleared so.
"""

from sqlalchemy import ColumnElement, delete, func, select, update

from mailserver.model.clock import DAY
from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import mailboxes, messages, snooze
from mailserver.store.mail.flags import FLAGGED
from mailserver.store.mail.mailboxes import Mailbox
from mailserver.store.schema.mail.messages import message
from mailserver.store.schema.mail.webmail import retention

DAYS = (7, 30, 90, 180, 365, 730)
"""What may be chosen."""
LOOK_SECONDS = 6 * 3600
"""Between two looks at a mailbox."""
AT_ONCE = 500
"""Messages that one unit removes."""


def may_end(box: Mailbox) -> bool:
    """False for mailboxes whose messages stay until somebody removes them."""
    return box.name not in (mailboxes.INBOX, snooze.PLACE) and box.special_use != "\\Drafts"


def of(tx: Tx, account_id: int) -> dict[int, int]:
    """Days by mailbox, of those whose messages are not kept for ever."""
    mine = retention.c.account_id == account_id
    return {row.mailbox_id: row.days for row in tx.execute(select(retention).where(mine))}


def keep(tx: Tx, account_id: int, mailbox_id: int, days: int) -> None:
    """Keep messages of a mailbox so many days; 0: for ever. Raises Refused(NO_SUCH_MAILBOX | CANNOT | INVALID)."""
    box = mailboxes.by_id(tx, account_id, mailbox_id)
    if days and not may_end(box):
        raise Refused(Reason.CANNOT, f"{box.name}: messages of this mailbox are not removed by time")
    if days and days not in DAYS:
        raise Refused(Reason.INVALID, "not a time that may be chosen")
    tx.execute(delete(retention).where(retention.c.mailbox_id == mailbox_id))
    if days:
        tx.insert_ignore(retention, {"mailbox_id": mailbox_id, "account_id": account_id, "days": days, "looked": 0})


def older(tx: Tx, mailbox_id: int, days: int) -> int:
    """How many messages would be removed now."""
    return tx.execute(select(func.count()).select_from(message).where(_over(tx, mailbox_id, days))).scalar() or 0


def clear(tx: Tx) -> int:
    """Remove what is over in the mailbox that was looked at longest ago; how many messages, or 1 for a look in vain.

    0: every mailbox was looked at in the last hours.
    """
    due = select(retention).where(retention.c.looked <= tx.now - LOOK_SECONDS)
    row = tx.execute(due.order_by(retention.c.looked, retention.c.mailbox_id).limit(1)).first()
    if row is None:
        return 0
    account_id, mailbox_id = row.account_id, row.mailbox_id
    try:
        box = mailboxes.lock(tx, account_id, mailbox_id)
    except Refused:
        tx.execute(delete(retention).where(retention.c.mailbox_id == mailbox_id))
        return 1
    found = select(message.c.uid).where(_over(tx, mailbox_id, row.days)).order_by(message.c.uid).limit(AT_ONCE)
    uids = list(tx.execute(found).scalars()) if may_end(box) else []
    if uids:
        messages.erase(tx, account_id, mailbox_id, uids)
    if len(uids) < AT_ONCE:
        tx.execute(update(retention).where(retention.c.mailbox_id == mailbox_id).values(looked=tx.now))
    return len(uids) or 1


def _over(tx: Tx, mailbox_id: int, days: int) -> ColumnElement[bool]:
    here = (message.c.mailbox_id == mailbox_id) & (message.c.saved <= tx.now - days * DAY)
    return here & (message.c.flags.op("&")(FLAGGED) == 0)
