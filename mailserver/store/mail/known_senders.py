"""What is known of a sender: whether they have written before, and whether their remote pictures are shown."""

from dataclasses import dataclass

from sqlalchemy import bindparam, delete, func, insert, or_, select

from mailserver.model.messages.provenance import Door
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.schema.mail import content, mailbox, message
from mailserver.store.schema.sessions import picture_sender

MAX_PICTURE_SENDERS = 500
"""Of one account; the oldest gives way."""
LOOKED_AT = 300
"""Newest messages of a sender, in the whole store, among which one of the account's is looked for."""


@dataclass(frozen=True, slots=True)
class Acquaintance:
    """What is known of a message's sender."""

    shows_pictures: bool
    first_time: bool


_SHOWS = Statement(
    select(picture_sender.c.at).where(
        picture_sender.c.account_id == bindparam("account"), picture_sender.c.sender == bindparam("wanted")
    )
)
_BY_SENDER = (
    select(content.c.id)
    .where(content.c.sender_address == bindparam("wanted"), content.c.id != bindparam("but"))
    .order_by(content.c.id.desc())
    .limit(LOOKED_AT)
    .subquery()
)
_KNOWN = Statement(
    select(message.c.uid)
    .join(_BY_SENDER, _BY_SENDER.c.id == message.c.content_id)
    .join(mailbox, mailbox.c.id == message.c.mailbox_id)
    .where(
        mailbox.c.account_id == bindparam("account"),
        # What somebody else put into a mailbox makes nobody known to its owner.
        or_(message.c.door != int(Door.APPENDED), message.c.door_account == bindparam("account")),
    )
    .limit(1)
)


def acquaintance(tx: Tx, account_id: int, sender: str, content_id: int) -> Acquaintance:
    """Everything about a message's sender that showing it depends on. `sender` is as the message spells it.

    A sender with very many messages in the store, none of the newest for this account, counts as new.
    """
    shows = tx.one(_SHOWS, account=account_id, wanted=sender.casefold()) is not None
    known = not sender or tx.one(_KNOWN, account=account_id, wanted=sender, but=content_id) is not None
    return Acquaintance(shows, not known)


def show_pictures(tx: Tx, account_id: int, sender: str) -> None:
    """Show the remote pictures of this sender from now on."""
    own = picture_sender.c.account_id == account_id
    tx.execute(delete(picture_sender).where(own, picture_sender.c.sender == sender.casefold()))
    if tx.execute(select(func.count()).select_from(picture_sender).where(own)).scalar_one() >= MAX_PICTURE_SENDERS:
        oldest = select(func.min(picture_sender.c.at)).where(own).scalar_subquery()
        tx.execute(delete(picture_sender).where(own, picture_sender.c.at == oldest))
    tx.execute(insert(picture_sender), {"account_id": account_id, "sender": sender.casefold()[:320], "at": tx.now})


def hide_pictures(tx: Tx, account_id: int, sender: str) -> None:
    """Ask again before the remote pictures of this sender are shown."""
    tx.execute(
        delete(picture_sender).where(
            picture_sender.c.account_id == account_id, picture_sender.c.sender == sender.casefold()
        )
    )
