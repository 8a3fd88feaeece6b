"""What is known of a sender: whether they have written before, whether their remote pictures are shown, and whether
somebody has said that their messages are safe."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Table, and_, bindparam, delete, func, insert, or_, select

from mailserver.model.errors import Reason, Refused
from mailserver.model.messages.authentication import Alignment, Outcome
from mailserver.model.messages.provenance import Door
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.mail.flags import SEEN
from mailserver.store.mail.lessons import JUNK, TRASH
from mailserver.store.schema.account.sessions import picture_sender, trusted_sender
from mailserver.store.schema.mail.messages import content, mailbox, message

MAX_SENDERS = 500
"""Of one account with shown pictures, and of those it trusts; the oldest gives way."""
MAX_SENDER = 320
"""Characters of an address (RFC 5321 section 4.5.3.1)."""
LOOKED_AT = 300
"""Newest messages of a sender, in the whole store, among which one of the account's is looked for."""

READER_SECONDS = 14 * 24 * 3600
"""How long a message must have stood where its reader left it to tell that they read its sender."""


@dataclass(frozen=True, slots=True)
class Acquaintance:
    """What is known of a message's sender."""

    shows_pictures: bool
    first_time: bool
    trusted: bool = False
    reads: bool = False
    """They read a message of theirs, not of these days, and threw it neither into the trash nor into Spam."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a person has chosen for a sender, and when; 0: they have not."""

    sender: str
    trusted: int
    pictures: int


def _kept(table: Table) -> Statement:
    return Statement(
        select(table.c.at).where(table.c.account_id == bindparam("account"), table.c.sender == bindparam("wanted"))
    )


_SHOWS, _TRUSTS = _kept(picture_sender), _kept(trusted_sender)
_BY_SENDER = (
    select(content.c.id)
    .where(content.c.sender_address == bindparam("wanted"), content.c.id != bindparam("but"))
    .order_by(content.c.id.desc())
    .limit(LOOKED_AT)
    .subquery()
)
_spf, _dkim, _dmarc = (message.c.authentication.op(">>")(bits).op("&")(7) for bits in (0, 3, 6))


def _one_of(result: ColumnElement[int], *values: int) -> ColumnElement[bool]:
    return or_(*(result == int(value) for value in values))


_IS_THEIRS = or_(
    _one_of(_dmarc, Alignment.NOT_CHECKED, Alignment.PASS, Alignment.SIGNED, Alignment.EXCUSED),
    and_(
        _one_of(_dmarc, Alignment.NONE),
        _one_of(_spf, Outcome.NOT_CHECKED, Outcome.NONE),
        _one_of(_dkim, Outcome.NOT_CHECKED, Outcome.NONE),
    ),
)
"""A message came from where it says: that was shown, or nobody looked, or its domain says nothing of its mail in DNS,
so that there is nothing to go by. Of any other it is known that somebody may have borrowed the address."""
_OTHERS = (
    select(message.c.uid)
    .join(_BY_SENDER, _BY_SENDER.c.id == message.c.content_id)
    .join(mailbox, mailbox.c.id == message.c.mailbox_id)
    .where(
        mailbox.c.account_id == bindparam("account"),
        # What somebody else put into a mailbox makes nobody known to its owner.
        or_(message.c.door != int(Door.APPENDED), message.c.door_account == bindparam("account")),
        _IS_THEIRS,
    )
    .limit(1)
)
_KNOWN = Statement(_OTHERS)
_READ = Statement(
    _OTHERS.where(
        message.c.flags.op("&")(SEEN) != 0,
        message.c.saved <= bindparam("before"),
        mailbox.c.special_use != JUNK,
        mailbox.c.special_use != TRASH,
    )
)


def acquaintance(tx: Tx, account_id: int, sender: str, content_id: int) -> Acquaintance:
    """Everything about a message's sender that showing it depends on. `sender` is as the message spells it.

    What somebody sent in their name makes nobody known (`_IS_THEIRS`).

    A sender with very many messages in the store, none of the newest for this account, counts as new.
    """
    shows, trusts = (tx.one(one, account=account_id, wanted=sender.casefold()) is not None for one in (_SHOWS, _TRUSTS))
    theirs = {"account": account_id, "wanted": sender, "but": content_id}
    known = not sender or tx.one(_KNOWN, **theirs) is not None
    reads = bool(sender) and known and tx.one(_READ, **theirs, before=tx.now - READER_SECONDS) is not None
    return Acquaintance(shows, not known, trusts, reads)


def chosen(tx: Tx, account_id: int) -> list[Chosen]:
    """Every sender for whom a person has chosen something, by address."""
    found: dict[str, list[int]] = {}
    for place, table in enumerate((trusted_sender, picture_sender)):
        for row in tx.execute(select(table.c.sender, table.c.at).where(table.c.account_id == account_id)):
            found.setdefault(row.sender, [0, 0])[place] = row.at
    return [Chosen(sender, *times) for sender, times in sorted(found.items())]


def show_pictures(tx: Tx, account_id: int, sender: str) -> None:
    """Show the remote pictures of this sender from now on. Raises Refused(INVALID)."""
    _keep(tx, picture_sender, account_id, sender)


def hide_pictures(tx: Tx, account_id: int, sender: str) -> None:
    """Ask again before the remote pictures of this sender are shown."""
    _forget(tx, picture_sender, account_id, sender)


def trust(tx: Tx, account_id: int, sender: str) -> None:
    """The messages of this sender are safe, somebody says. Raises Refused(INVALID)."""
    _keep(tx, trusted_sender, account_id, sender)


def distrust(tx: Tx, account_id: int, sender: str) -> None:
    """They say so no more."""
    _forget(tx, trusted_sender, account_id, sender)


def _keep(tx: Tx, table: Table, account_id: int, sender: str) -> None:
    sender = sender.casefold()
    if not 0 < len(sender) <= MAX_SENDER:
        raise Refused(Reason.INVALID)
    _forget(tx, table, account_id, sender)
    own = table.c.account_id == account_id
    if tx.execute(select(func.count()).select_from(table).where(own)).scalar_one() >= MAX_SENDERS:
        oldest = select(func.min(table.c.at)).where(own).scalar_subquery()
        tx.execute(delete(table).where(own, table.c.at == oldest))
    tx.execute(insert(table), {"account_id": account_id, "sender": sender, "at": tx.now})


def _forget(tx: Tx, table: Table, account_id: int, sender: str) -> None:
    tx.execute(delete(table).where(table.c.account_id == account_id, table.c.sender == sender.casefold()))
