"""An author takes back what they sent a moment ago: copies here that nobody has read vanish, the others stay.

Which copies are theirs is a column of each: who sent it, by which door. Each is looked at again under the lock of its
mailbox: what is read meanwhile stays.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import bindparam, select

from mailserver.model.errors import Reason, Refused
from mailserver.model.messages import objectids
from mailserver.model.messages.provenance import Door
from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.mail import mailboxes, messages
from mailserver.store.mail.flags import SEEN
from mailserver.store.mail.posts import digest_posts
from mailserver.store.queue import traces
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.schema.mail.messages import content, mailbox, message
from mailserver.store.withdrawal import kept_by_lists
from mailserver.texts.causes import Cause

MOST = 50_000
"""Copies of one message that are looked at."""
BATCH = 25
"""Copies of one unit."""

_NAMED = Statement(select(content.c.message_id, content.c.thread).where(content.c.id == bindparam("content")))
_COPIES = Statement(
    select(message.c.mailbox_id, message.c.uid, mailbox.c.account_id, message.c.flags)
    .select_from(content)
    .join(message, message.c.content_id == content.c.id)
    .join(mailbox, mailbox.c.id == message.c.mailbox_id)
    .where(
        content.c.thread == bindparam("thread"),
        content.c.message_id == bindparam("message_id"),
        message.c.door == int(Door.SUBMISSION),
        message.c.door_account == bindparam("author"),
        message.c.internal_date >= bindparam("since"),
        mailbox.c.account_id != bindparam("author"),
    )
    .order_by(message.c.mailbox_id, message.c.uid)
    .limit(MOST)
)


@dataclass(frozen=True, slots=True, order=True)
class Copy:
    """One appearance of the message, in somebody's mailbox."""

    mailbox_id: int
    uid: int
    account_id: int
    is_read: bool


def find(tx: Tx, author: int, content_id: int, since: int) -> list[Copy]:
    """The copies here of what an author sent since then, by mailbox. Raises Refused(NOT_FOUND | CANNOT).

    `content_id`: the copy that they keep; what they put there themselves finds nothing but what they have sent.
    """
    row = tx.one(_NAMED, content=content_id)
    if row is None or not messages.find(tx, author, content_id):
        raise Refused(Reason.NOT_FOUND, "No such message")
    message_id, thread = row
    if not message_id:
        raise Refused(Reason.CANNOT, "This message has no name to find it by")
    found: set[Copy] = set()
    for number in {thread, objectids.thread_number(message_id)}:
        for box, uid, owner, flags in tx.all(_COPIES, thread=number, message_id=message_id, author=author, since=since):
            found.add(Copy(box, uid, owner, bool(flags & SEEN)))
    return sorted(found)


@dataclass(frozen=True, slots=True)
class OfLists:
    """What lists have of a message that its author may take back."""

    waiting: frozenset[int | str]
    """Who is to get it by a digest: accounts here, addresses elsewhere."""
    archives: int
    held: int
    """Lists whose owners have not decided about it."""

    @property
    def count(self) -> int:
        """Lists that keep it."""
        return self.archives + self.held


def of_lists(tx: Tx, author: int, content_id: int, since: int) -> OfLists:
    """What lists have of it. What waits for their owners does so for as long as they take."""
    row = tx.one(_NAMED, content=content_id)
    if row is None or not row[0]:
        return OfLists(frozenset(), 0, 0)
    waiting = digest_posts.waiting_for(tx, author, row[0], _threads(row), since)
    archives = kept_by_lists.archived(tx, author, row[0], _threads(row), since)
    return OfLists(frozenset(waiting), archives, kept_by_lists.waits(tx, author, row[0], _threads(row)))


def is_fresh(tx: Tx, author: int, content_id: int, sent: int, since: int) -> bool:
    """Whether what an author sent (at `sent`) before then is nobody's yet in a list, or was let pass since then."""
    row = tx.one(_NAMED, content=content_id)
    if row is None or not row[0]:
        return False
    # An older message of the same Message-ID is not what waits.
    name = traces.name_of(tx, author, row[0], sent)
    if kept_by_lists.waits(tx, author, row[0], _threads(row), name) > 0:
        return True
    return traces.let_go_since(tx, author, row[0], sent, since)


def begin(tx: Tx, origin: Origin, author: int, content_id: int, count: int, since: int) -> kept_by_lists.Spared:
    """Put on record that an author takes so many unread copies back; lists keep none of it."""
    row = tx.one(_NAMED, content=content_id)
    spared = kept_by_lists.Spared(0, 0, frozenset())
    if row is not None and row[0]:
        spared = kept_by_lists.recall(tx, author, row[0], _threads(row), since)
    detail = Cause("recalled", name=row[0] if row is not None else "", count=count)
    audit.record(tx, origin, Action.MAIL_WITHDRAWN, author, detail)
    return spared


def _threads(row: Row) -> set[int]:
    return {row[1], objectids.thread_number(row[0])}


def take(tx: Tx, copies: Sequence[Copy]) -> list[Copy]:
    """Take copies of a few mailboxes away, those that are still unread; which they were."""
    taken: list[Copy] = []
    for (box, owner), these in groupby(sorted(copies), key=lambda one: (one.mailbox_id, one.account_id)):
        wanted = {one.uid: one for one in these}
        with suppress(Refused):  # the mailbox is gone, and the copy with it
            mailboxes.lock(tx, owner, box)
            unread = [row[0] for row in messages.state(tx, box, sorted(wanted)) if not row[1] & SEEN]
            if unread:
                messages.erase(tx, owner, box, unread, kept=False)
                taken += [wanted[uid] for uid in unread]
    return taken
