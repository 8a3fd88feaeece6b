"""Messages that are put off: they leave their mailbox, wait in one of their own, and come back as new.

What waits is in an ordinary mailbox, so other programs show it, too; a message that somebody takes out of there
themselves is simply no longer waited for. The row and the move are one unit, so neither is ever without the other.
"""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, func, insert, select, update

from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.mail import mailboxes, messages
from mailserver.store.schema.mail.messages import message
from mailserver.store.schema.mail.webmail import snoozed

PLACE = "Reportés"
"""The mailbox of what waits."""
MAX_WAITING = 5000
"""Messages of one account that wait."""
AT_ONCE = 200
"""Messages that one unit brings back."""

_DUE = Statement(
    select(snoozed.c.account_id, snoozed.c.place_id, snoozed.c.origin_id)
    .where(snoozed.c.until <= bindparam("moment"))
    .order_by(snoozed.c.until, snoozed.c.id)
    .limit(1)
)


def put_off(tx: Tx, account_id: int, mailbox_id: int, uids: Sequence[int], until: int) -> tuple[int, list[int]]:
    """Move messages to where they wait until a moment; that mailbox, and their UIDs there.

    Raises Refused(NO_SUCH_MAILBOX | LIMIT).
    """
    mine = snoozed.c.account_id == account_id
    waiting = tx.execute(select(func.count()).select_from(snoozed).where(mine)).scalar() or 0
    if waiting + len(uids) > MAX_WAITING:
        raise Refused(Reason.LIMIT, "Too many messages wait")
    place = _place(tx, account_id)
    origin = _origin(tx, account_id, mailbox_id, place)
    if mailbox_id == place:
        tx.execute(delete(snoozed).where(mine, snoozed.c.place_id == place, snoozed.c.uid.in_(uids)))
        moved = list(uids)
    else:
        moved = messages.move(tx, account_id, mailbox_id, place, uids).target_uids
    if moved:
        fixed = {"account_id": account_id, "place_id": place, "origin_id": origin, "until": until}
        tx.execute(insert(snoozed), [{**fixed, "uid": uid} for uid in moved])
    return place, moved


def _place(tx: Tx, account_id: int) -> int:
    try:
        return mailboxes.get(tx, account_id, PLACE).id
    except Refused:
        mailboxes.create(tx, account_id, PLACE)
        mailboxes.subscribe(tx, account_id, PLACE, True)
        return mailboxes.get(tx, account_id, PLACE).id


def _origin(tx: Tx, account_id: int, mailbox_id: int, place: int) -> int:
    """Where messages come back to: where they were put off, unless that is where they wait already."""
    return mailboxes.get(tx, account_id, mailboxes.INBOX).id if mailbox_id == place else mailbox_id


def wakes(tx: Tx, account_id: int, mailbox_id: int, uids: Sequence[int]) -> dict[int, int]:
    """When the waiting ones among some messages come back, by UID."""
    rows = tx.execute(
        select(snoozed.c.uid, snoozed.c.until).where(
            snoozed.c.account_id == account_id, snoozed.c.place_id == mailbox_id, snoozed.c.uid.in_(uids)
        )
    )
    return {row.uid: row.until for row in rows}


def is_due(tx: Tx) -> bool:
    """Whether any message's time has come."""
    return tx.one(_DUE, moment=tx.now) is not None


def wake(tx: Tx) -> int:
    """Bring back the next messages whose time has come, of one mailbox: unread, and on top; how many rows are done.

    A mailbox that is gone meanwhile gives way to INBOX.
    """
    row = tx.one(_DUE, moment=tx.now)
    if row is None:
        return 0
    account_id, place, origin = row
    due = (snoozed.c.account_id == account_id) & (snoozed.c.place_id == place) & (snoozed.c.origin_id == origin)
    found = tx.execute(
        select(snoozed.c.id, snoozed.c.uid).where(due, snoozed.c.until <= tx.now).order_by(snoozed.c.uid).limit(AT_ONCE)
    ).all()
    boxes = {box.id: box for box in mailboxes.listing(tx, account_id)}
    inbox = next((box.id for box in boxes.values() if box.name == mailboxes.INBOX), 0)
    target = origin if origin in boxes else inbox
    if place in boxes and target and place != target:
        uids = [row.uid for row in found]
        # Everybody else's messages wait behind these: nothing may refuse them.
        moved = messages.move_or_drop_keywords(tx, account_id, place, target, uids).target_uids
        if moved:
            messages.store_flags(tx, account_id, target, moved, "-", ("\\Seen",))
            # A new UID, so a new INTERNALDATE is allowed (RFC 9051 section 2.3.3): lists show it where it is seen.
            here = (message.c.mailbox_id == target) & message.c.uid.in_(moved)
            tx.execute(update(message).where(here).values(internal_date=tx.now))
    tx.execute(delete(snoozed).where(snoozed.c.id.in_([row.id for row in found])))
    return len(found)
