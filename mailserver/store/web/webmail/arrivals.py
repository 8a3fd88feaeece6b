"""What came into INBOX and has not been read: what a notification tells, whoever shows it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, select

from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.mail import mailboxes, urgent_letters
from mailserver.store.mail.flags import SEEN
from mailserver.store.schema.mail.messages import message
from mailserver.store.web.webmail import reading
from mailserver.store.web.webmail.reading import Line

ONE_BY_ONE = 3
"""Up to so many messages have a notification each; more are counted in one."""
MANY = 1000
"""As many and more are not told apart."""
SPAN = 20_000
"""The newest numbers of INBOX that are looked through: whoever has read all of them is told nothing."""

_UNREAD = Statement(
    select(message.c.uid, message.c.content_id)
    .where(
        message.c.mailbox_id == bindparam("box"),
        message.c.uid >= bindparam("low"),
        message.c.flags.op("&")(SEEN) == 0,
    )
    .order_by(message.c.uid.desc())
    .limit(MANY)
)


@dataclass(frozen=True, slots=True)
class Arrived:
    """Unread messages."""

    count: int = 0
    lines: tuple[Line, ...] = ()
    """Each of them, the newest first; none when they are more than `ONE_BY_ONE`."""


def unread(tx: Tx, account_id: int, since: int) -> Arrived:
    """Those of INBOX from this UID on."""
    box_id, rows = _unread(tx, account_id, since)
    return _arrived(tx, box_id, rows)


def urgent(tx: Tx, account_id: int, since: int) -> Arrived:
    """Those among them that are told of in spite of quiet hours."""
    box_id, rows = _unread(tx, account_id, since)
    chosen = urgent_letters.among(tx, [content_id for _, content_id in rows]) if rows else ()
    return _arrived(tx, box_id, [row for row in rows if row[1] in chosen])


def _unread(tx: Tx, account_id: int, since: int) -> tuple[int, list[Row]]:
    inbox = mailboxes.get(tx, account_id, mailboxes.INBOX)
    if since >= inbox.uidnext:
        return inbox.id, []
    return inbox.id, tx.all(_UNREAD, box=inbox.id, low=max(since, inbox.uidnext - SPAN))


def _arrived(tx: Tx, box_id: int, rows: Sequence[Row]) -> Arrived:
    few = rows if len(rows) <= ONE_BY_ONE else ()
    return Arrived(len(rows), tuple(reading.lines(tx, box_id, [uid for uid, _ in few])))
