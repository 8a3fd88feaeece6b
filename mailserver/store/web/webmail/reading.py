"""Pages of messages, and single messages."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, bindparam, func, select

from mailserver.model.errors import Reason, Refused
from mailserver.model.messages.provenance import Provenance
from mailserver.store.engine.statements import ManyStatement, Row, Statement, Tx
from mailserver.store.mail import blobs, mailboxes, messages
from mailserver.store.mail.flags import ANSWERED, FLAGGED, SEEN
from mailserver.store.mail.mailboxes import Mailbox
from mailserver.store.octets.files import BlobFolder
from mailserver.store.schema.mail.messages import blob, content, mailbox, message

MAX_CHOSEN = 200
"""Messages of one action: what fits on the largest page, and some."""
MORE = 1000
"""UIDs that a mailbox grows by before it is looked through again for where its newest messages begin."""


class Flagged:
    """What the flags of a message say."""

    __slots__ = ()
    flags: int

    @property
    def seen(self) -> bool:
        return bool(self.flags & SEEN)

    @property
    def answered(self) -> bool:
        return bool(self.flags & ANSWERED)

    @property
    def flagged(self) -> bool:
        return bool(self.flags & FLAGGED)


@dataclass(frozen=True, slots=True)
class Line(Flagged):
    """A message in a list."""

    id: int
    """Of its content: the web's name for it."""
    uid: int
    flags: int
    date: int
    size: int
    subject: str
    sender: str
    recipients: str
    preview: str
    attachments: int
    mailbox_id: int
    sender_address: str


@dataclass(frozen=True, slots=True)
class Edge:
    """Where a page begins or ends."""

    date: int
    uid: int


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a mailbox."""

    box: Mailbox
    lines: list[Line]
    newer: bool
    older: bool


@dataclass(frozen=True, slots=True)
class Stored(Flagged):
    """A message of the account with all that reading it needs."""

    boxes: list[Mailbox]
    box: Mailbox
    keywords: tuple[str, ...]
    id: int
    uid: int
    flags: int
    date: int
    size: int
    subject: str
    sender: str
    sender_address: str
    sent_at: int
    message_id: str
    references: str
    attachments: int
    parts: bytes
    thread: int
    """Its conversation, 0 for none."""
    provenance: Provenance


LINE_COLUMNS = (
    message.c.content_id,
    message.c.uid,
    message.c.flags,
    message.c.internal_date,
    message.c.size,
    content.c.subject,
    content.c.sender,
    content.c.recipients,
    content.c.preview,
    content.c.attachments,
    message.c.mailbox_id,
    content.c.sender_address,
)
_LINES = ManyStatement(
    select(*LINE_COLUMNS)
    .join(content, content.c.id == message.c.content_id)
    .where(message.c.mailbox_id == bindparam("box")),
    message.c.uid,
)
_IN_BOX = message.c.mailbox_id == bindparam("box")
_BEFORE = (message.c.internal_date < bindparam("date")) | (
    (message.c.internal_date == bindparam("date")) & (message.c.uid < bindparam("edge"))
)
_AFTER = (message.c.internal_date > bindparam("date")) | (
    (message.c.internal_date == bindparam("date")) & (message.c.uid > bindparam("edge"))
)
_NEWEST_FIRST = (message.c.internal_date.desc(), message.c.uid.desc())
_OLDEST_FIRST = (message.c.internal_date, message.c.uid)


def _keys(*conditions: object) -> "Select[tuple[int, int]]":
    return select(message.c.internal_date, message.c.uid).where(_IN_BOX, *conditions).limit(bindparam("top"))  # type: ignore[arg-type]


_FIRST = Statement(_keys().order_by(*_NEWEST_FIRST))
_FROM = Statement(_keys(message.c.uid >= bindparam("low")).order_by(*_NEWEST_FIRST))
_LATEST_BELOW = Statement(select(func.max(message.c.internal_date)).where(_IN_BOX, message.c.uid < bindparam("low")))
_OLDER = Statement(_keys(_BEFORE).order_by(*_NEWEST_FIRST))
_NEWER = Statement(_keys(_AFTER).order_by(*_OLDEST_FIRST))
_STORED = Statement(
    select(
        message.c.mailbox_id,
        message.c.uid,
        message.c.flags,
        message.c.internal_date,
        message.c.size,
        content.c.subject,
        content.c.sender,
        content.c.sender_address,
        content.c.sent_at,
        content.c.message_id,
        content.c.refs,
        content.c.attachments,
        content.c.parts,
        content.c.thread,
        message.c.door,
        message.c.door_account,
        message.c.through_list,
        message.c.authentication,
        message.c.impersonation,
    )
    .join(mailbox, mailbox.c.id == message.c.mailbox_id)
    .join(content, content.c.id == message.c.content_id)
    .where(message.c.content_id == bindparam("content"), mailbox.c.account_id == bindparam("account"))
    .order_by(message.c.mailbox_id, message.c.uid)
)
_OCTETS = Statement(select(blob.c.header, blob.c.octets, blob.c.file).where(blob.c.content_id == bindparam("content")))


# ---------------------------------------------------------------------- reading


def page(tx: Tx, box: Mailbox, size: int, *, before: Edge | None = None, after: Edge | None = None) -> Page:
    """A page of a mailbox: the newest messages, those older than an edge, or those newer than one.

    Not scoped: the caller has opened the mailbox.
    """
    if after is not None:
        keys = tx.all(_NEWER, box=box.id, date=after.date, edge=after.uid, top=size + 1)[::-1]
        newer, older = len(keys) > size, True
        keys = keys[-size:]
    elif before is not None:
        keys = tx.all(_OLDER, box=box.id, date=before.date, edge=before.uid, top=size + 1)
        newer, older = True, len(keys) > size
        keys = keys[:size]
    else:
        keys = _newest(tx, box, size + 1)
        newer, older = False, len(keys) > size
        keys = keys[:size]
    return Page(box, lines(tx, box.id, [uid for _, uid in keys]), newer, older)


def _newest(tx: Tx, box: Mailbox, count: int) -> list[Row]:
    """Date and UID of the newest messages, newest first.

    Mail mostly arrives in the order of its dates, so the newest have the highest UIDs. What is remembered is one UID
    and the latest date of the messages below it: no message is ever put there, and dates do not change, so none below
    will ever be later. As long as enough messages above it are not older than that, nothing below is looked at.
    """
    name = ("newest", box.id, box.uidvalidity)
    low, latest, until = tx.memory.get(name) or (0, 0, 0)
    if box.uidnext <= until:
        keys = tx.all(_FROM, box=box.id, low=low, top=count)
        if len(keys) == count and keys[-1][0] >= latest:
            return keys
    keys = tx.all(_FIRST, box=box.id, top=2 * count)  # some to spare: messages go
    low = min((uid for _, uid in keys), default=1)
    found = tx.one(_LATEST_BELOW, box=box.id, low=low)
    tx.memory.put(name, (low, found[0] or 0 if found else 0, box.uidnext + MORE), 0)
    return keys[:count]


def around(tx: Tx, account_id: int, mailbox_id: int, edge: Edge, each: int) -> list[Line]:
    """The message at an edge with up to `each` newer and `each` older ones, newest first."""
    mailboxes.check(tx, account_id, mailbox_id)
    newer = tx.all(_NEWER, box=mailbox_id, date=edge.date, edge=edge.uid, top=each)
    older = tx.all(_OLDER, box=mailbox_id, date=edge.date, edge=edge.uid, top=each)
    return lines(tx, mailbox_id, [uid for _, uid in (*newer, *older)] + [edge.uid])


def lines(tx: Tx, mailbox_id: int, uids: Sequence[int]) -> list[Line]:
    """The messages of these UIDs, newest first. Not scoped: the caller has opened the mailbox."""
    found = [Line(*row) for row in _LINES.rows(tx, uids, box=mailbox_id)]
    found.sort(key=lambda line: (line.date, line.uid), reverse=True)
    return found


def pick(boxes: Sequence[Mailbox], mailbox_id: int) -> Mailbox:
    """A mailbox of the list by id; 0 is INBOX. Raises Refused(NO_SUCH_MAILBOX)."""
    for box in boxes:
        if box.id == mailbox_id or (not mailbox_id and box.name == mailboxes.INBOX):
            return box
    raise Refused(Reason.NO_SUCH_MAILBOX)


def stored(tx: Tx, account_id: int, content_id: int, mailbox_id: int = 0) -> Stored:
    """A message of the account; where it appears several times, the appearance in `mailbox_id` if there is one.

    Raises Refused(NOT_FOUND).
    """
    rows = tx.all(_STORED, account=account_id, content=content_id)
    if not rows:
        raise Refused(Reason.NOT_FOUND)
    row = next((row for row in rows if row[0] == mailbox_id), rows[0])
    boxes = mailboxes.listing(tx, account_id)
    box = pick(boxes, row[0])
    values = (*row[1:-5], Provenance.stored(*row[-5:]))
    return Stored(boxes, box, mailboxes.keywords(tx, box.id), content_id, *values)


def octets(tx: Tx, account_id: int, content_id: int, folder: BlobFolder, upto: int | None = None) -> bytes:
    """The octets of a message of the account, or the first `upto` of them (never less than its header).

    Raises Refused(NOT_FOUND).
    """
    row = tx.one(_OCTETS, content=content_id) if messages.find(tx, account_id, content_id) else None
    if row is None:
        raise Refused(Reason.NOT_FOUND)
    if upto is None:
        return messages.join_octets(folder, *row)
    header = blobs.expand(row[0])
    return header + blobs.read_shown(folder, row[1], row[2], max(0, upto - len(header)))


def uids_of(tx: Tx, account_id: int, mailbox_id: int, ids: Sequence[int]) -> list[int]:
    """UIDs of these content ids in a mailbox, ascending. Raises Refused(NO_SUCH_MAILBOX)."""
    mailboxes.check(tx, account_id, mailbox_id)
    if not ids:
        return []
    rows = tx.execute(
        select(message.c.uid)
        .where(message.c.mailbox_id == mailbox_id, message.c.content_id.in_(ids[:MAX_CHOSEN]))
        .order_by(message.c.uid)
    )
    return [int(row[0]) for row in rows]
