"""What is in a mailbox: state, changes since a mod-sequence, columns of messages, octets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import FromClause, Table, bindparam, case, func, select

from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.mail import blobs, mailboxes
from mailserver.store.mail.flags import DELETED
from mailserver.store.mail.mailboxes import Mailbox
from mailserver.store.octets.files import BlobFolder
from mailserver.store.schema.mail.messages import blob, content, expunged, mailbox, message

CHUNK = 500
"""UIDs of one IN list."""


COLUMNS: dict[str, Any] = {
    "uid": message.c.uid,
    "flags": message.c.flags,
    "modseq": message.c.modseq,
    "internal_date": message.c.internal_date,
    "saved": message.c.saved,
    "size": message.c.size,
    "content_id": message.c.content_id,
    "door": message.c.door,
    "door_account": message.c.door_account,
    "through_list": message.c.through_list,
    "authentication": message.c.authentication,
    "impersonation": message.c.impersonation,
    "header_size": content.c.header_size,
    "envelope": content.c.envelope,
    "bodystructure": content.c.bodystructure,
    "body": content.c.body,
    "parts": content.c.parts,
    "subject": content.c.subject,
    "base_subject": content.c.base_subject,
    "sender": content.c.sender,
    "sender_address": content.c.sender_address,
    "recipients": content.c.recipients,
    "sent_at": content.c.sent_at,
    "message_id": content.c.message_id,
    "in_reply_to": content.c.in_reply_to,
    "refs": content.c.refs,
    "hash": content.c.hash,
    "thread": case(
        (content.c.refs != "", content.c.refs),
        (content.c.in_reply_to != "", content.c.in_reply_to),
        else_=content.c.message_id,
    ),
    "marked_subject": case((content.c.subject == content.c.base_subject, ""), else_=content.c.subject),
    "date": case((content.c.sent_at != 0, content.c.sent_at), else_=message.c.internal_date),
    "preview": content.c.preview,
    "attachments": content.c.attachments,
    "listed": content.c.listed_fields,
    "header": blob.c.header,
    "octets": blob.c.octets,
    "file": blob.c.file,
}
"""What `fetch` can return. `header` and `octets` are frames: see `blobs.expand` and `octets`; `thread` is what
`objectids.thread_id` takes, `date` when it was sent, or else came, `marked_subject` the
subject unless it is its base."""
_COMPUTED: dict[str, Table] = {"thread": content, "date": content, "marked_subject": content}
"""The table of what is no plain column."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What moved in a mailbox since a mod-sequence."""

    box: Mailbox
    rows: list[Row]
    """(uid, flags, modseq) of new or changed messages, by UID."""
    vanished: list[int] | None
    """UIDs expunged since, ascending; None when that is not remembered so far back (`store.mail.tombstones`)."""


def ranges(uids: Sequence[int]) -> list[tuple[int, int]]:
    """Runs of consecutive numbers of an ascending sequence."""
    runs: list[tuple[int, int]] = []
    if not uids:
        return runs
    low = high = uids[0]
    for uid in uids[1:]:
        if uid == high + 1:
            high = uid
        else:
            runs.append((low, high))
            low = high = uid
    runs.append((low, high))
    return runs


_STATE = Statement(
    select(message.c.uid, message.c.flags, message.c.modseq)
    .where(message.c.mailbox_id == bindparam("box"), message.c.uid.between(bindparam("low"), bindparam("high")))
    .order_by(message.c.uid)
)

_CHANGED = Statement(
    select(message.c.uid, message.c.flags, message.c.modseq)
    .where(message.c.mailbox_id == bindparam("box"), message.c.modseq > bindparam("since"))
    .order_by(message.c.uid)
)

_NEWER = Statement(
    select(message.c.uid, message.c.flags, message.c.modseq)
    .where(
        message.c.mailbox_id == bindparam("box"),
        message.c.uid >= bindparam("first"),
        message.c.modseq > bindparam("since"),
    )
    .order_by(message.c.uid)
)

_VANISHED = Statement(
    select(expunged.c.uid)
    .where(expunged.c.mailbox_id == bindparam("box"), expunged.c.modseq > bindparam("since"))
    .order_by(expunged.c.uid)
)

MAX_UID = (1 << 32) - 1


def state(tx: Tx, mailbox_id: int, uids: Sequence[int] | None = None) -> list[Row]:
    """(uid, flags, modseq) by UID; uids ascending, None: all. Not scoped: the caller has opened the mailbox."""
    if uids is None:
        return tx.all(_STATE, box=mailbox_id, low=0, high=MAX_UID)
    if not uids:
        return []
    if len(uids) * 4 > uids[-1] - uids[0]:
        wanted = set(uids)
        return [row for row in tx.all(_STATE, box=mailbox_id, low=uids[0], high=uids[-1]) if row[0] in wanted]
    rows: list[Row] = []
    for start in range(0, len(uids), CHUNK):
        part = uids[start : start + CHUNK]
        clause = (
            select(message.c.uid, message.c.flags, message.c.modseq)
            .where(message.c.mailbox_id == mailbox_id, message.c.uid.in_(part))
            .order_by(message.c.uid)
        )
        rows.extend(tuple(row) for row in tx.execute(clause))
    return rows


def changed_since(tx: Tx, account_id: int, mailbox_id: int, since: int, known_uidnext: int = 1) -> Changed:
    """Everything that moved after mod-sequence `since`, on one snapshot.

    `known_uidnext` lets the common case (only new mail) read by key instead of scanning the mailbox.
    Raises Refused(NO_SUCH_MAILBOX) when the mailbox is gone.
    """
    box = mailboxes.by_id(tx, account_id, mailbox_id)
    if box.modseq == since:
        return Changed(box, [], [])
    if since < box.expunged_floor:
        return Changed(box, [], None)
    vanished = [row[0] for row in tx.all(_VANISHED, box=mailbox_id, since=since)]
    new = tx.all(_NEWER, box=mailbox_id, first=known_uidnext, since=since)
    if box.flags_modseq <= since:
        return Changed(box, new, vanished)
    return Changed(box, tx.all(_CHANGED, box=mailbox_id, since=since), vanished)


def fetch(
    tx: Tx,
    account_id: int,
    mailbox_id: int,
    columns: Sequence[str],
    low: int = 1,
    high: int = MAX_UID,
    limit: int = -1,
) -> list[Row]:
    """Rows of `columns` (names of COLUMNS) for UIDs low..high, by UID, at most `limit`.

    Only the tables the columns need are joined. Raises Refused(NO_SUCH_MAILBOX).
    """
    rows = tx.all(
        _fetch_statement(tuple(columns)),
        account=account_id,
        box=mailbox_id,
        low=low,
        high=high,
        top=limit if limit >= 0 else 1 << 31,
    )
    if not rows:
        mailboxes.check(tx, account_id, mailbox_id)
    return rows


def fetch_uids(tx: Tx, account_id: int, mailbox_id: int, columns: Sequence[str], uids: Sequence[int]) -> list[Row]:
    """The same for ascending UIDs, dense or sparse; the first column must be "uid"."""
    assert columns[0] == "uid"
    if not uids:
        return []
    if len(uids) == uids[-1] - uids[0] + 1:
        return fetch(tx, account_id, mailbox_id, columns, uids[0], uids[-1])
    if len(uids) * 2 >= uids[-1] - uids[0]:
        wanted = set(uids)
        return [row for row in fetch(tx, account_id, mailbox_id, columns, uids[0], uids[-1]) if row[0] in wanted]
    rows: list[Row] = []
    for first, last in ranges(uids):
        rows.extend(fetch(tx, account_id, mailbox_id, columns, first, last))
    return rows


_NEWEST = Statement(
    select(message.c.uid)
    .where(message.c.mailbox_id == bindparam("box"))
    .order_by(message.c.uid.desc())
    .limit(bindparam("top"))
)


def newest(tx: Tx, mailbox_id: int, count: int) -> list[int]:
    """The highest UIDs of a mailbox, ascending, at most `count`. Not scoped: the caller has opened the mailbox."""
    return sorted(int(row[0]) for row in tx.all(_NEWEST, box=mailbox_id, top=count))


_fetch_statements: dict[tuple[str, ...], Statement] = {}


def _fetch_statement(columns: tuple[str, ...]) -> Statement:
    """One compiled statement per set of columns; the sets are few (they come from our own doors)."""
    found = _fetch_statements.get(columns)
    if found is None:
        found = _fetch_statements[columns] = Statement(
            select(*[COLUMNS[name] for name in columns])
            .select_from(source(columns, message.join(mailbox, mailbox.c.id == message.c.mailbox_id)))
            .where(
                mailbox.c.account_id == bindparam("account"),
                message.c.mailbox_id == bindparam("box"),
                message.c.uid.between(bindparam("low"), bindparam("high")),
            )
            .order_by(message.c.uid)
            .limit(bindparam("top"))
        )
    return found


def source(columns: Sequence[str], messages: FromClause = message) -> FromClause:
    """The tables that these columns are in, joined to the messages."""
    tables = {_COMPUTED.get(name, getattr(COLUMNS[name], "table", None)) for name in columns}
    found = messages
    if content in tables:
        found = found.join(content, content.c.id == message.c.content_id)
    if blob in tables:
        found = found.join(blob, blob.c.content_id == message.c.content_id)
    return found


_OCTETS = Statement(
    select(blob.c.header, blob.c.octets, blob.c.file)
    .select_from(message.join(blob, blob.c.content_id == message.c.content_id))
    .where(message.c.mailbox_id == bindparam("box"), message.c.uid == bindparam("uid"))
)


def octets(tx: Tx, account_id: int, mailbox_id: int, uid: int, folder: BlobFolder) -> bytes:
    """The exact octets of a message. Raises Refused(NO_SUCH_MAILBOX | NOT_FOUND)."""
    mailboxes.check(tx, account_id, mailbox_id)
    row = tx.one(_OCTETS, box=mailbox_id, uid=uid)
    if row is None:
        raise Refused(Reason.NOT_FOUND, "No such message")
    return join_octets(folder, *row)


def join_octets(folder: BlobFolder, header: bytes, body: bytes | None, file: str | None) -> bytes:
    """Put a message together from its blob row."""
    return blobs.expand(header) + blobs.read_body(folder, body, file)


_FIND = Statement(
    select(message.c.mailbox_id, message.c.uid)
    .join(mailbox, mailbox.c.id == message.c.mailbox_id)
    .where(message.c.content_id == bindparam("content"), mailbox.c.account_id == bindparam("account"))
    .order_by(message.c.mailbox_id, message.c.uid)
)


def find(tx: Tx, account_id: int, content_id: int) -> list[tuple[int, int]]:
    """(mailbox_id, uid) of every appearance of a content in the account: the web's addresses."""
    return [(int(row[0]), int(row[1])) for row in tx.all(_FIND, account=account_id, content=content_id)]


_MARKED = Statement(
    select(message.c.uid)
    .where(message.c.mailbox_id == bindparam("box"), message.c.flags.op("&")(DELETED) != 0)
    .order_by(message.c.uid)
)


def marked(tx: Tx, mailbox_id: int) -> list[int]:
    """UIDs of the messages flagged \\Deleted, ascending. Not scoped: the caller has opened the mailbox."""
    return [row[0] for row in tx.all(_MARKED, box=mailbox_id)]


_DELETED = Statement(
    select(func.count())
    .select_from(message)
    .where(message.c.mailbox_id == bindparam("box"), message.c.flags.op("&")(DELETED) != 0)
)


def deleted_octets(tx: Tx, mailbox_id: int) -> int:
    """Octets that an EXPUNGE would free (STATUS DELETED-STORAGE, RFC 9208 section 4.1.4)."""
    marked = message.c.flags.op("&")(DELETED) != 0
    clause = select(func.coalesce(func.sum(message.c.size), 0)).where(message.c.mailbox_id == mailbox_id, marked)
    return int(tx.execute(clause).scalar_one())


def count_deleted(tx: Tx, mailbox_id: int) -> int:
    """Messages flagged \\Deleted. Not scoped: the caller has opened the mailbox."""
    row = tx.one(_DELETED, box=mailbox_id)
    assert row is not None
    return int(row[0])


def count(tx: Tx, mailbox_id: int, low: int, high: int) -> int:
    """Messages with UIDs low..high."""
    clause = (
        select(func.count())
        .select_from(message)
        .where(message.c.mailbox_id == mailbox_id, message.c.uid.between(low, high))
    )
    return int(tx.execute(clause).scalar_one())
