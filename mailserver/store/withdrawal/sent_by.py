"""What one account sent lately to people here, as it lies in their mailboxes."""

from dataclasses import dataclass

from sqlalchemy import bindparam, func, select

from mailserver.model.messages.provenance import Door
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.schema.mail.messages import content, message

DOORS = (int(Door.SUBMISSION), int(Door.RESENT))
MAX_CONTENTS = 600_000
"""Contents that are looked at, the newest: a second or two."""
NEAR = 64

_NEXT = Statement(
    select(message.c.saved).where(message.c.content_id >= bindparam("wanted")).order_by(message.c.content_id).limit(1)
)


@dataclass(frozen=True, slots=True)
class SentHere:
    """A message that an account sent, still in mailboxes here."""

    content_id: int
    message_id: str
    subject: str
    mailboxes: int
    at: int


def sent_by(tx: Tx, account_id: int, since: int, most: int) -> list[SentHere]:
    """The newest first, at most so many; for `Store.read_slow`.

    Who sent it is a column of each appearance. No field of the message is asked: its author's address may be spelled
    in any way, be that of a functional box, or of whoever wrote what was passed on.
    """
    begun = func.min(message.c.saved)
    found = (
        select(content.c.id, content.c.message_id, content.c.subject, func.count(), begun)
        .join(message, message.c.content_id == content.c.id)
        .where(
            content.c.id >= _first_since(tx, since),
            message.c.door_account == account_id,
            message.c.door.in_(DOORS),
            message.c.saved >= since,
        )
        .group_by(content.c.id, content.c.message_id, content.c.subject)
        .order_by(content.c.id.desc())
        .limit(most)
    )
    return [SentHere(*tuple(row)) for row in tx.execute(found)]


def _first_since(tx: Tx, since: int) -> int:
    """A content before which none was stored since then: their numbers ascend.

    An old one that is copied to a mailbox now makes it look further back, never less far.
    """
    last = int(tx.execute(select(func.max(content.c.id))).scalar() or 0)
    low, high = max(0, last - MAX_CONTENTS), last
    while high - low > NEAR:
        middle = (low + high) // 2
        row = tx.one(_NEXT, wanted=middle)
        if row is None or int(row[0]) >= since:
            high = middle
        else:
            low = middle
    return low
