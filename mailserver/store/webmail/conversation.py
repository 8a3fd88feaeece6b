"""The other messages of a conversation, in whatever folder they lie, the person's own answers among them."""

from collections.abc import Collection

from sqlalchemy import bindparam, select

from mailserver.store.schema.mail import content, mailbox, message
from mailserver.store.statements import Statement, Tx
from mailserver.store.webmail.reading import LINE_COLUMNS, Line

MAX_TURNS = 100
"""Messages of a conversation that are listed: the newest."""

_CONVERSATION = Statement(
    select(*LINE_COLUMNS)
    .join(content, content.c.id == message.c.content_id)
    .join(mailbox, mailbox.c.id == message.c.mailbox_id)
    .where(content.c.thread == bindparam("number"), mailbox.c.account_id == bindparam("account"))
    .where(*(mailbox.c.special_use != use for use in ("\\Drafts", "\\Trash", "\\Junk")))
    .order_by(message.c.internal_date.desc(), message.c.uid.desc())
    .limit(MAX_TURNS)
)


def conversation(tx: Tx, account_id: int, thread: int, within: Collection[int] | None = None) -> list[Line]:
    """The messages of a conversation, newest first, each once; none for `thread` 0.

    `within`: only those in these mailboxes of the account, which the caller has opened.
    """
    if not thread:
        return []
    found: dict[int, Line] = {}
    for row in tx.all(_CONVERSATION, number=thread, account=account_id):
        line = Line(*row)
        if within is not None and line.mailbox_id not in within:
            continue
        found.setdefault(line.id, line)
    return list(found.values())
