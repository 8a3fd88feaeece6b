"""How much annotations may take (RFC 5464), whichever way they come to a mailbox: LIST reads them at once."""

from sqlalchemy import func, select

from mailserver.store.engine.statements import Tx
from mailserver.store.schema.mail.messages import mailbox
from mailserver.store.schema.mail.sharing import annotation

MAX_OCTETS = 4 * 1024 * 1024
"""All values of one person's own entries, and all of everybody's in the mailboxes of one account."""
SERVER = 0
"""The mailbox of the server's own."""
EVERYBODY = 0
"""The account of everybody's."""


def has_room(tx: Tx, mailbox_id: int, owner: int, more: int) -> bool:
    """Whether a person's own entries, or everybody's in the mailboxes of a mailbox's account, may take so many octets
    more."""
    held = select(func.coalesce(func.sum(func.length(annotation.c.value)), 0)).where(annotation.c.account_id == owner)
    if owner == EVERYBODY:
        account = select(mailbox.c.account_id).where(mailbox.c.id == mailbox_id).scalar_subquery()
        theirs = select(mailbox.c.id).where(mailbox.c.account_id == account)
        mine = annotation.c.mailbox_id.in_(theirs) if mailbox_id != SERVER else annotation.c.mailbox_id == SERVER
        held = held.where(mine)
    return int(tx.execute(held).scalar_one()) + more <= MAX_OCTETS
