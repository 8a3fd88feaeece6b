"""Muted conversations: what still comes of them is archived as read.

Mail is delivered as ever, to whoever and by whichever filters; the housekeeper looks afterwards, by `mute_watch`, at
what came to the INBOX of those who have muted anything. So no delivery is slower for it.
"""

from collections.abc import Sequence

from sqlalchemy import delete, func, select, update

from mailserver.model.messages import objectids
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import mailboxes, messages
from mailserver.store.schema.mail.messages import content, mailbox, message
from mailserver.store.schema.mail.webmail import mute_watch, muted

MAX_MUTED = 500
"""Conversations of one account; the one muted longest ago is heard of again."""
AT_ONCE = 200
"""Messages of one account looked at in one unit."""
ACCOUNTS = 50


def mute(tx: Tx, account_id: int, threads: Sequence[str]) -> None:
    """Hear no more of these conversations (THREADID)."""
    for thread in threads:
        tx.insert_ignore(muted, {"account_id": account_id, "thread": thread, "at": tx.now})
    mine = muted.c.account_id == account_id
    old = select(muted.c.thread).where(mine).order_by(muted.c.at.desc(), muted.c.thread).offset(MAX_MUTED)
    tx.execute(delete(muted).where(mine, muted.c.thread.in_(old)))
    inbox = mailboxes.get(tx, account_id, mailboxes.INBOX)
    watch = {"account_id": account_id, "mailbox_id": inbox.id, "uid": inbox.uidnext}
    if threads:
        tx.insert_ignore(mute_watch, watch)


def unmute(tx: Tx, account_id: int, threads: Sequence[str]) -> int:
    """Hear of them again; how many were muted."""
    mine = (muted.c.account_id == account_id) & muted.c.thread.in_(threads)
    done = tx.execute(delete(muted).where(mine)).rowcount
    if not count(tx, account_id):
        tx.execute(delete(mute_watch).where(mute_watch.c.account_id == account_id))
    return done


def count(tx: Tx, account_id: int) -> int:
    """How many conversations somebody has muted."""
    return int(tx.execute(select(func.count()).where(muted.c.account_id == account_id)).scalar() or 0)


def behind(tx: Tx) -> list[int]:
    """Accounts with muted conversations whose INBOX has messages that were not looked at, some of them."""
    rows = tx.execute(
        select(mute_watch.c.account_id)
        .join(mailbox, mailbox.c.id == mute_watch.c.mailbox_id)
        .where(mailbox.c.uidnext > mute_watch.c.uid)
        .order_by(func.random())  # who gets mail all the time keeps nobody else waiting
        .limit(ACCOUNTS)
    )
    return [row[0] for row in rows]


def silence(tx: Tx, account_id: int) -> int:
    """Archive, as read, what came to INBOX of muted conversations; how many messages."""
    seen = tx.execute(select(mute_watch).where(mute_watch.c.account_id == account_id)).first()
    if seen is None:
        return 0
    inbox = mailboxes.lock(tx, account_id, seen.mailbox_id)
    rows = tx.execute(
        select(message.c.uid, content.c.refs, content.c.in_reply_to, content.c.message_id)
        .join(content, content.c.id == message.c.content_id)
        .where(message.c.mailbox_id == inbox.id, message.c.uid >= seen.uid)
        .order_by(message.c.uid)
        .limit(AT_ONCE)
    ).all()
    threads = set(tx.execute(select(muted.c.thread).where(muted.c.account_id == account_id)).scalars())
    quiet = [row.uid for row in rows if objectids.thread_id(row.refs or row.in_reply_to or row.message_id) in threads]
    archive = mailboxes.by_use(tx, account_id, "\\Archive")
    if quiet:
        messages.store_flags(tx, account_id, inbox.id, quiet, "+", ("\\Seen",))
        if archive is not None:
            messages.move_or_drop_keywords(tx, account_id, inbox.id, archive.id, quiet)
    done = rows[-1].uid + 1 if len(rows) == AT_ONCE else inbox.uidnext
    tx.execute(update(mute_watch).where(mute_watch.c.account_id == account_id).values(uid=done))
    return len(quiet)
