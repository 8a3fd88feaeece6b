"""The other messages of a conversation, in whatever folder they lie, the person's own answers among them."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select

from mailserver.model.messages import objectids
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import mailboxes
from mailserver.store.schema.mail.messages import content, mailbox, message
from mailserver.store.web.webmail.reading import LINE_COLUMNS, Line
from mailserver.store.web.webmail.views import of_message

MAX_TURNS = 500
"""Messages of a conversation that are listed: the newest."""
MAX_MEMBERS = 300
"""Messages in the mailbox of the one that is read whose ids lead to those in other folders."""


@dataclass(frozen=True, slots=True)
class Turns:
    """The messages of a conversation, newest first, each once."""

    lines: list[Line]
    total: int
    """All of them, also those that are not listed."""


def conversation(
    tx: Tx, account_id: int, mailbox_id: int, uid: int, thread: int, within: Collection[int] | None = None
) -> Turns:
    """The conversation of a message: what is linked to it in its mailbox, and what names the same in others.

    `within`: only what is in these mailboxes of the account, which the caller has opened.
    """
    box = mailboxes.by_id(tx, account_id, mailbox_id)
    members = of_message(tx, box, uid)
    threads = _threads(tx, mailbox_id, list(members[:MAX_MEMBERS])) | ({thread} if thread else set())
    where: list[ColumnElement[bool]] = [
        mailbox.c.account_id == account_id,
        content.c.thread.in_(sorted(threads)),
        *(mailbox.c.special_use != use for use in ("\\Drafts", "\\Trash", "\\Junk")),
    ]
    if within is not None:
        where.append(message.c.mailbox_id.in_(sorted(within)))
    joined = (
        select(*LINE_COLUMNS)
        .join(content, content.c.id == message.c.content_id)
        .join(mailbox, mailbox.c.id == message.c.mailbox_id)
        .where(*where)
        .order_by(message.c.internal_date.desc(), message.c.uid.desc())
    )
    found: dict[int, Line] = {}
    for row in tx.execute(joined.limit(MAX_TURNS)) if threads else ():
        line = Line(*tuple(row))
        found.setdefault(line.id, line)
    if len(found) < MAX_TURNS // 2:
        return Turns(list(found.values()), len(found))
    counted = joined.with_only_columns(func.count(message.c.content_id.distinct())).order_by(None)
    return Turns(list(found.values()), int(tx.execute(counted).scalar() or 0))


def _threads(tx: Tx, mailbox_id: int, uids: list[int]) -> set[int]:
    """Numbers of the conversations that these messages name, and of those that begin with one of them."""
    rows = tx.execute(
        select(content.c.thread, content.c.message_id)
        .join(message, message.c.content_id == content.c.id)
        .where(message.c.mailbox_id == mailbox_id, message.c.uid.in_(uids))
    ).all()
    numbers = {int(row.thread) for row in rows} | {objectids.thread_number(row.message_id) for row in rows}
    return numbers - {0}
