"""What one account sent lately to people here, as it lies in their mailboxes."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import func, select

from mailserver.model.messages.provenance import Door
from mailserver.store.engine.statements import Tx
from mailserver.store.schema.mail import content, message

DOORS = (int(Door.SUBMISSION), int(Door.RESENT))


@dataclass(frozen=True, slots=True)
class SentHere:
    """A message that an account sent, still in mailboxes here."""

    content_id: int
    message_id: str
    subject: str
    mailboxes: int
    at: int


def sent_by(tx: Tx, account_id: int, addresses: Collection[str], since: int, most: int) -> list[SentHere]:
    """The newest first, at most so many. `addresses`: those that the account writes with.

    Who sent it is a column of each appearance; the address only leads to the contents by their index.
    """
    first = func.min(message.c.saved)
    found = (
        select(content.c.id, content.c.message_id, content.c.subject, func.count(), first)
        .join(message, message.c.content_id == content.c.id)
        .where(
            content.c.sender_address.in_(list(addresses)),
            message.c.door_account == account_id,
            message.c.door.in_(DOORS),
            message.c.saved >= since,
        )
        .group_by(content.c.id, content.c.message_id, content.c.subject)
        .order_by(content.c.id.desc())
        .limit(most)
    )
    return [SentHere(*tuple(row)) for row in tx.execute(found)]
