"""The latest messages of one sender in somebody's own mail, for what stands beside a letter of theirs."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, or_, select

from mailserver.model.messages.provenance import Door
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.mail.known_senders import LOOKED_AT
from mailserver.store.schema.mail.messages import content, mailbox, message

MOST = 8
_HIDDEN = ("\\Trash", "\\Junk", "\\Drafts")


@dataclass(frozen=True, slots=True)
class Earlier:
    """One of them."""

    id: int
    mailbox_id: int
    subject: str
    date: int
    parts: bytes
    """Of what it is made (`mailserver.mime.unpack`), where it has attachments; else nothing."""


_OF_SENDER = (
    select(content.c.id)
    .where(content.c.sender_address == bindparam("wanted"), content.c.id != bindparam("but"))
    .order_by(content.c.id.desc())
    .limit(LOOKED_AT)
    .subquery()
)
_EARLIER = Statement(
    select(
        message.c.content_id,
        message.c.mailbox_id,
        content.c.subject,
        message.c.internal_date,
        content.c.attachments,
        content.c.parts,
    )
    .join(_OF_SENDER, _OF_SENDER.c.id == message.c.content_id)
    .join(content, content.c.id == message.c.content_id)
    .join(mailbox, mailbox.c.id == message.c.mailbox_id)
    .where(
        mailbox.c.account_id == bindparam("account"),
        *(mailbox.c.special_use != use for use in _HIDDEN),
        # What somebody else put into a mailbox, the sender did not write to its owner.
        or_(message.c.door != int(Door.APPENDED), message.c.door_account == bindparam("account")),
    )
    .order_by(message.c.internal_date.desc(), message.c.uid.desc())
    .limit(bindparam("most"))
)


def earlier(tx: Tx, account_id: int, sender: str, but: int) -> Sequence[Earlier]:
    """The latest messages of a sender (as messages spell it) other than one content, the newest first, each once."""
    found: dict[int, Earlier] = {}
    for row in tx.all(_EARLIER, account=account_id, wanted=sender, but=but, most=MOST) if sender else ():
        content_id, mailbox_id, subject, date, attachments, parts = row
        one = Earlier(content_id, mailbox_id, subject, date, bytes(parts) if attachments else b"")
        found.setdefault(content_id, one)
    return tuple(found.values())
