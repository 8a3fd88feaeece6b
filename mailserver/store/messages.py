"""Messages in mailboxes: append, copy, move, flag, expunge, fetch. The only place that mints UID and MODSEQ.

Every function is scoped by account and begins by reading (or locking) the mailbox row; the row's counters
move in the same unit as the messages they count. One mod-sequence per unit and mailbox: messages changed
together share it (RFC 7162 section 3.1 asks only that it grows).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    bindparam,
    case,
    cast,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.dialects import postgresql

from mailserver.errors import Reason, Refused
from mailserver.store import blobs, collect, mailboxes
from mailserver.store.blobs import Prepared
from mailserver.store.flags import (
    DELETED,
    FIRST_KEYWORD_BIT,
    MAX_KEYWORD_LENGTH,
    MAX_KEYWORDS,
    SEEN,
    known_mask,
)
from mailserver.store.mailboxes import Mailbox
from mailserver.store.schema.mail import blob, content, expunged, keyword, mailbox, message
from mailserver.store.statements import Row, Statement, Tx

CHUNK = 500
"""UIDs of one IN list."""

COLUMNS = {
    "uid": message.c.uid,
    "flags": message.c.flags,
    "modseq": message.c.modseq,
    "internal_date": message.c.internal_date,
    "saved": message.c.saved,
    "size": message.c.size,
    "content_id": message.c.content_id,
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
    "preview": content.c.preview,
    "attachments": content.c.attachments,
    "header": blob.c.header,
    "octets": blob.c.octets,
    "file": blob.c.file,
}
"""What `fetch` can return. `header` and `octets` are frames: see `blobs.expand` and `octets`."""


@dataclass(frozen=True, slots=True)
class Appended:
    """Where a message went (RFC 4315 APPENDUID)."""

    mailbox_id: int
    uidvalidity: int
    uid: int
    modseq: int
    content_id: int


@dataclass(frozen=True, slots=True)
class Copied:
    """Pairs of UIDs of a COPY or MOVE (RFC 4315 COPYUID), both ascending."""

    uidvalidity: int
    source_uids: list[int]
    target_uids: list[int]
    source_modseq: int = 0
    """Of the EXPUNGE half of a MOVE."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What moved in a mailbox since a mod-sequence."""

    box: Mailbox
    rows: list[Row]
    """(uid, flags, modseq) of new or changed messages, by UID."""
    vanished: list[int]
    """UIDs expunged since, ascending."""


# ---------------------------------------------------------------------- storing

_CONTENT_KEYS = (
    "hash",
    "size",
    "header_size",
    "envelope",
    "bodystructure",
    "body",
    "parts",
    "subject",
    "base_subject",
    "sender",
    "sender_address",
    "recipients",
    "sent_at",
    "message_id",
    "in_reply_to",
    "refs",
    "preview",
    "attachments",
)
_INSERT_CONTENT = {
    "sqlite": Statement(insert(content).returning(content.c.id), keys=_CONTENT_KEYS),
    # Two workers may store the same content at once: the second waits for the first, then finds it.
    "postgresql": Statement(
        postgresql.insert(content).on_conflict_do_nothing(index_elements=["hash"]).returning(content.c.id),
        keys=_CONTENT_KEYS,
    ),
}
_FIND_CONTENT = Statement(
    select(content.c.id).where(content.c.hash == bindparam("hash")).with_for_update(key_share=True)
)
_INSERT_BLOB = Statement(insert(blob), keys=("content_id", "header", "octets", "file"))
_MESSAGE_COLUMNS = ("mailbox_id", "uid", "content_id", "flags", "modseq", "internal_date", "saved", "size")
_INSERT_MESSAGE = Statement(insert(message), keys=_MESSAGE_COLUMNS)
_MINT_ONE = Statement(
    update(mailbox)
    .where(mailbox.c.id == bindparam("box"), mailbox.c.account_id == bindparam("account"))
    .values(
        uidnext=mailbox.c.uidnext + 1,
        modseq=mailbox.c.modseq + 1,
        messages=mailbox.c.messages + 1,
        unseen=mailbox.c.unseen + bindparam("unread", type_=BigInteger),
        octets=mailbox.c.octets + bindparam("size_", type_=BigInteger),
    )
    .returning(mailbox.c.uidnext, mailbox.c.modseq, mailbox.c.uidvalidity)
)
_INSERT_KEYWORD = Statement(insert(keyword), keys=("mailbox_id", "bit", "name"))
_USAGE = Statement(
    select(func.coalesce(func.sum(mailbox.c.octets), 0), func.coalesce(func.sum(mailbox.c.messages), 0)).where(
        mailbox.c.account_id == bindparam("account")
    )
)


def store_content(tx: Tx, prepared: Prepared) -> tuple[int, bool]:
    """The id of a message's content, stored once per hash; True when it is new.

    When it was there already, `prepared.file` is unused: the caller removes it after the commit.
    """
    row = tx.one(_FIND_CONTENT, hash=prepared.hash)
    if row is not None:
        return int(row[0]), False
    scan = prepared.scan
    row = tx.one(
        _INSERT_CONTENT[tx.dialect],
        hash=prepared.hash,
        size=prepared.size,
        header_size=scan.header_size,
        envelope=scan.envelope,
        bodystructure=scan.bodystructure,
        body=scan.body,
        parts=scan.parts,
        subject=_text(scan.subject),
        base_subject=_text(scan.base_subject),
        sender=_text(scan.sender),
        sender_address=_text(scan.sender_address),
        recipients=_text(scan.recipients),
        sent_at=scan.sent_at,
        message_id=_text(scan.message_id),
        in_reply_to=_text(scan.in_reply_to),
        refs=_text(scan.references),
        preview=_text(scan.preview),
        attachments=scan.attachments,
    )
    if row is None:
        return store_content(tx, prepared)
    tx.run(_INSERT_BLOB, content_id=row[0], header=prepared.header, octets=prepared.octets, file=prepared.file)
    return int(row[0]), True


def append(
    tx: Tx,
    account_id: int,
    mailbox_id: int,
    prepared: Prepared,
    flags: Iterable[str] = (),
    internal_date: int | None = None,
    quota: int = 0,
) -> Appended:
    """Store a message in one mailbox. `internal_date` in epoch seconds, default now; `quota` in octets, 0: none.

    Raises Refused(NO_SUCH_MAILBOX | OVER_QUOTA | LIMIT).
    """
    check_quota(tx, account_id, quota, prepared.size)
    content_id, _ = store_content(tx, prepared)
    mask = ensure_flags(tx, mailbox_id, flags)
    return place(tx, account_id, mailbox_id, content_id, prepared.size, mask, internal_date)


def place(
    tx: Tx,
    account_id: int,
    mailbox_id: int,
    content_id: int,
    size: int,
    mask: int = 0,
    internal_date: int | None = None,
) -> Appended:
    """One more appearance of a stored content, with the flags of `mask`. Raises Refused(NO_SUCH_MAILBOX)."""
    row = tx.one(_MINT_ONE, box=mailbox_id, account=account_id, unread=0 if mask & SEEN else 1, size_=size)
    if row is None:
        raise Refused(Reason.NO_SUCH_MAILBOX, "No such mailbox")
    uidnext, modseq, uidvalidity = row
    now = tx.now
    tx.run(
        _INSERT_MESSAGE,
        mailbox_id=mailbox_id,
        uid=uidnext - 1,
        content_id=content_id,
        flags=mask,
        modseq=modseq,
        internal_date=now if internal_date is None else internal_date,
        saved=now,
        size=size,
    )
    tx.changed(account_id, mailbox_id)
    return Appended(mailbox_id, uidvalidity, uidnext - 1, modseq, content_id)


def usage(tx: Tx, account_id: int) -> tuple[int, int]:
    """Octets and messages the account holds, over all its mailboxes."""
    row = tx.one(_USAGE, account=account_id)
    assert row is not None
    return int(row[0]), int(row[1])


def check_quota(tx: Tx, account_id: int, quota: int, extra: int) -> None:
    """Raises Refused(OVER_QUOTA) when `extra` more octets would pass the account's quota (0: none)."""
    if quota and usage(tx, account_id)[0] + extra > quota:
        raise Refused(Reason.OVER_QUOTA, "Mailbox is full")


# ---------------------------------------------------------------------- delivering to many

_INBOXES = select(mailbox.c.account_id, mailbox.c.id).where(mailbox.c.name == mailboxes.INBOX)


def inboxes(tx: Tx, account_ids: Sequence[int]) -> dict[int, int]:
    """INBOX's id of each account that has one."""
    found: dict[int, int] = {}
    for start in range(0, len(account_ids), CHUNK):
        part = account_ids[start : start + CHUNK]
        for row in tx.execute(_INBOXES.where(mailbox.c.account_id.in_(part))):
            found[row.account_id] = row.id
    return found


def place_many(tx: Tx, targets: dict[int, int], content_id: int, size: int) -> None:
    """One new unseen appearance in each mailbox of `targets` (account_id -> mailbox_id), by sets.

    Mailboxes that are gone are passed over; `inboxes` in the same unit rules that out.
    """
    now = tx.now
    ids = sorted(targets.values())
    for start in range(0, len(ids), CHUNK):
        here = mailbox.c.id.in_(ids[start : start + CHUNK])
        if tx.dialect == "postgresql":
            tx.execute(select(mailbox.c.id).where(here).order_by(mailbox.c.id).with_for_update())
        tx.execute(
            update(mailbox)
            .where(here)
            .values(
                uidnext=mailbox.c.uidnext + 1,
                modseq=mailbox.c.modseq + 1,
                messages=mailbox.c.messages + 1,
                unseen=mailbox.c.unseen + 1,
                octets=mailbox.c.octets + size,
            )
        )
        rows = select(
            mailbox.c.id,
            mailbox.c.uidnext - 1,
            literal(content_id, BigInteger),
            literal(0, BigInteger),
            mailbox.c.modseq,
            literal(now, BigInteger),
            literal(now, BigInteger),
            literal(size, BigInteger),
        ).where(here)
        tx.execute(insert(message).from_select(_MESSAGE_COLUMNS, rows))
    for account_id, mailbox_id in targets.items():
        tx.changed(account_id, mailbox_id)


# ---------------------------------------------------------------------- flags


def ensure_flags(tx: Tx, mailbox_id: int, wanted: Iterable[str]) -> int:
    """The mask of these flags, giving new keywords a bit. Raises Refused(LIMIT | INVALID)."""
    wanted = tuple(wanted)
    if not wanted:
        return 0
    names = mailboxes.keywords(tx, mailbox_id)
    mask, missing = known_mask(wanted, names)
    for name in missing:
        if name.startswith("\\") or len(name) > MAX_KEYWORD_LENGTH:
            raise Refused(Reason.INVALID, "No such flag")
        bit = len(names)
        if bit >= MAX_KEYWORDS:
            raise Refused(Reason.LIMIT, "Too many keywords in this mailbox")
        tx.run(_INSERT_KEYWORD, mailbox_id=mailbox_id, bit=bit, name=name)
        names = (*names, name)
        mask |= 1 << (FIRST_KEYWORD_BIT + bit)
    return mask


def store_flags(
    tx: Tx,
    account_id: int,
    mailbox_id: int,
    uids: Sequence[int] | None,
    mode: str,
    flags: Iterable[str],
    unchanged_since: int | None = None,
) -> tuple[int, list[Row], list[int]]:
    """Change flags (RFC 3501 section 6.4.6): mode "+" adds, "-" removes, "=" replaces; uids None: all.

    Returns (modseq of the change, rows (uid, flags, modseq) of every message named, UIDs that
    `unchanged_since` kept from changing, RFC 7162 section 3.1.3). A message whose flags were so already
    keeps its mod-sequence.
    """
    box = mailboxes.lock(tx, account_id, mailbox_id)
    mask = ensure_flags(tx, mailbox_id, flags)
    before = state(tx, mailbox_id, uids)
    modified = [row[0] for row in before if unchanged_since is not None and row[2] > unchanged_since]
    blocked = set(modified)
    modseq = box.modseq + 1
    after: list[Row] = []
    changing: list[int] = []
    unseen = 0
    for uid, old, seq in before:
        new = old if uid in blocked else _apply(old, mode, mask)
        if new == old:
            if uid not in blocked:
                after.append((uid, old, seq))
            continue
        changing.append(uid)
        after.append((uid, new, modseq))
        unseen += (old & SEEN) - (new & SEEN)
    if not changing:
        return box.modseq, after, modified
    _update_flags(tx, mailbox_id, mode, mask, modseq, changing, everything=len(changing) == box.messages)
    tx.execute(
        update(mailbox)
        .where(mailbox.c.id == mailbox_id)
        .values(modseq=modseq, flags_modseq=modseq, unseen=mailbox.c.unseen + unseen)
    )
    tx.changed(account_id, mailbox_id)
    return modseq, after, modified


def _apply(old: int, mode: str, mask: int) -> int:
    if mode == "+":
        return old | mask
    if mode == "-":
        return old & ~mask
    return mask


def _update_flags(
    tx: Tx, mailbox_id: int, mode: str, mask: int, modseq: int, uids: list[int], *, everything: bool
) -> None:
    value: Any
    if mode == "+":
        value = message.c.flags.op("|")(literal(mask, BigInteger))
    elif mode == "-":
        value = message.c.flags.op("&")(literal(~mask, BigInteger))
    else:
        value = mask
    base = update(message).where(message.c.mailbox_id == mailbox_id).values(flags=value, modseq=modseq)
    if everything:
        tx.execute(base)
        return
    for low, high in ranges(uids):
        if high > low:
            tx.execute(base.where(message.c.uid.between(low, high)))
    singles = [low for low, high in ranges(uids) if high == low]
    for start in range(0, len(singles), CHUNK):
        tx.execute(base.where(message.c.uid.in_(singles[start : start + CHUNK])))


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


# ---------------------------------------------------------------------- reading

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
    vanished = [row[0] for row in tx.all(_VANISHED, box=mailbox_id, since=since)]
    new = tx.all(_NEWER, box=mailbox_id, first=known_uidnext)
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
    mailboxes.by_id(tx, account_id, mailbox_id)
    return tx.all(
        _fetch_statement(tuple(columns)),
        box=mailbox_id,
        low=low,
        high=high,
        top=limit if limit >= 0 else 1 << 31,
    )


def fetch_uids(tx: Tx, account_id: int, mailbox_id: int, columns: Sequence[str], uids: Sequence[int]) -> list[Row]:
    """The same for ascending UIDs, dense or sparse; the first column must be "uid"."""
    assert columns[0] == "uid"
    if not uids:
        return []
    if len(uids) * 2 >= uids[-1] - uids[0]:
        wanted = set(uids)
        return [row for row in fetch(tx, account_id, mailbox_id, columns, uids[0], uids[-1]) if row[0] in wanted]
    rows: list[Row] = []
    for first, last in ranges(uids):
        rows.extend(fetch(tx, account_id, mailbox_id, columns, first, last))
    return rows


_fetch_statements: dict[tuple[str, ...], Statement] = {}


def _fetch_statement(columns: tuple[str, ...]) -> Statement:
    """One compiled statement per set of columns; the sets are few (they come from our own doors)."""
    found = _fetch_statements.get(columns)
    if found is None:
        chosen = [COLUMNS[name] for name in columns]
        tables = {column.table for column in chosen}
        source: Any = message
        if content in tables:
            source = source.join(content, content.c.id == message.c.content_id)
        if blob in tables:
            source = source.join(blob, blob.c.content_id == message.c.content_id)
        found = _fetch_statements[columns] = Statement(
            select(*chosen)
            .select_from(source)
            .where(
                message.c.mailbox_id == bindparam("box"),
                message.c.uid.between(bindparam("low"), bindparam("high")),
            )
            .order_by(message.c.uid)
            .limit(bindparam("top"))
        )
    return found


_OCTETS = Statement(
    select(blob.c.header, blob.c.octets, blob.c.file)
    .select_from(message.join(blob, blob.c.content_id == message.c.content_id))
    .where(message.c.mailbox_id == bindparam("box"), message.c.uid == bindparam("uid"))
)


def octets(tx: Tx, account_id: int, mailbox_id: int, uid: int, folder: Path) -> bytes:
    """The exact octets of a message. Raises Refused(NO_SUCH_MAILBOX | NOT_FOUND)."""
    mailboxes.by_id(tx, account_id, mailbox_id)
    row = tx.one(_OCTETS, box=mailbox_id, uid=uid)
    if row is None:
        raise Refused(Reason.NOT_FOUND, "No such message")
    return join_octets(folder, *row)


def join_octets(folder: Path, header: bytes, body: bytes | None, file: str | None) -> bytes:
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


def mark_seen_by_session(tx: Tx, account_id: int, mailbox_id: int) -> tuple[int, Mailbox]:
    """Claim the \\Recent messages for one session (RFC 3501 section 2.3.2): first recent UID, and the row."""
    box = mailboxes.lock(tx, account_id, mailbox_id)
    if box.recent < box.uidnext:
        tx.execute(update(mailbox).where(mailbox.c.id == mailbox_id).values(recent=box.uidnext))
    return box.recent, box


# ---------------------------------------------------------------------- copying and removing


def copy(tx: Tx, account_id: int, source_id: int, target_id: int, uids: Sequence[int] | None, quota: int = 0) -> Copied:
    """Copy messages with flags and dates (RFC 3501 section 6.4.7); uids ascending, None: all.

    Raises Refused(NO_SUCH_MAILBOX | OVER_QUOTA | LIMIT).
    """
    _lock_both(tx, account_id, source_id, target_id)
    target = mailboxes.by_id(tx, account_id, target_id)
    rows = state(tx, source_id, uids)
    if not rows:
        return Copied(target.uidvalidity, [], [])
    found = [row[0] for row in rows]
    everything = uids is None
    translate = _keyword_translation(tx, source_id, target_id, rows)
    modseq = target.modseq + 1
    low, high = found[0], found[-1]
    dense = everything or len(found) == _count(tx, source_id, low, high)
    if dense and translate is None:
        _copy_range(tx, source_id, target, low, high, modseq)
    else:
        _copy_rows(tx, source_id, target, found, modseq, translate)
    sizes = _total_size(tx, target_id, target.uidnext)
    unseen = sum(1 for row in rows if not row[1] & SEEN)
    tx.execute(
        update(mailbox)
        .where(mailbox.c.id == target_id)
        .values(
            uidnext=target.uidnext + len(found),
            modseq=modseq,
            messages=mailbox.c.messages + len(found),
            unseen=mailbox.c.unseen + unseen,
            octets=mailbox.c.octets + sizes,
        )
    )
    check_quota(tx, account_id, quota, 0)
    tx.changed(account_id, target_id)
    return Copied(target.uidvalidity, found, list(range(target.uidnext, target.uidnext + len(found))))


def move(tx: Tx, account_id: int, source_id: int, target_id: int, uids: Sequence[int] | None) -> Copied:
    """COPY and EXPUNGE as one (RFC 6851). Raises Refused(NO_SUCH_MAILBOX | LIMIT)."""
    copied = copy(tx, account_id, source_id, target_id, uids)
    if not copied.source_uids:
        return copied
    modseq = _remove(tx, account_id, source_id, copied.source_uids)
    return Copied(copied.uidvalidity, copied.source_uids, copied.target_uids, modseq)


def expunge(tx: Tx, account_id: int, mailbox_id: int, uids: Sequence[int] | None = None) -> tuple[int, list[int]]:
    """Remove the messages flagged \\Deleted, only among `uids` if given (RFC 4315 UID EXPUNGE).

    Returns the mailbox's mod-sequence and the UIDs removed, ascending.
    """
    box = mailboxes.lock(tx, account_id, mailbox_id)
    doomed = [row[0] for row in state(tx, mailbox_id, uids) if row[1] & DELETED]
    if not doomed:
        return box.modseq, []
    return _remove(tx, account_id, mailbox_id, doomed), doomed


def erase(tx: Tx, account_id: int, mailbox_id: int, uids: Sequence[int]) -> list[int]:
    """Remove messages whatever their flags; the UIDs that were there."""
    mailboxes.lock(tx, account_id, mailbox_id)
    found = [row[0] for row in state(tx, mailbox_id, uids)]
    if found:
        _remove(tx, account_id, mailbox_id, found)
    return found


def rename(tx: Tx, account_id: int, old: str, new: str) -> None:
    """Rename a mailbox; renaming INBOX moves its messages and leaves it empty (RFC 3501 section 6.3.5)."""
    if mailboxes.canonical(old) != mailboxes.INBOX:
        mailboxes.rename(tx, account_id, old, new)
        return
    inbox = mailboxes.get(tx, account_id, mailboxes.INBOX)
    target = mailboxes.create(tx, account_id, new)
    move(tx, account_id, inbox.id, target.id, None)


def _lock_both(tx: Tx, account_id: int, source_id: int, target_id: int) -> None:
    """Lock rows in id order, so that two copies in opposite directions cannot deadlock."""
    for mailbox_id in sorted({source_id, target_id}):
        mailboxes.lock(tx, account_id, mailbox_id)


def _keyword_translation(tx: Tx, source_id: int, target_id: int, rows: list[Row]) -> dict[int, int] | None:
    """Source mask -> target mask, or None when the masks may be copied as they are."""
    masks = {row[1] for row in rows}
    if source_id == target_id or all(mask >> FIRST_KEYWORD_BIT == 0 for mask in masks):
        return None
    names = mailboxes.keywords(tx, source_id)
    translation = {}
    for mask in masks:
        wanted = [name for bit, name in enumerate(names) if mask >> (FIRST_KEYWORD_BIT + bit) & 1]
        translation[mask] = (mask & ((1 << FIRST_KEYWORD_BIT) - 1)) | ensure_flags(tx, target_id, wanted)
    return translation


def _count(tx: Tx, mailbox_id: int, low: int, high: int) -> int:
    clause = (
        select(func.count())
        .select_from(message)
        .where(message.c.mailbox_id == mailbox_id, message.c.uid.between(low, high))
    )
    return int(tx.execute(clause).scalar_one())


def _total_size(tx: Tx, mailbox_id: int, first_uid: int) -> int:
    clause = select(func.coalesce(func.sum(message.c.size), 0)).where(
        message.c.mailbox_id == mailbox_id, message.c.uid >= first_uid
    )
    return int(tx.execute(clause).scalar_one())


def _copy_range(tx: Tx, source_id: int, target: Mailbox, low: int, high: int, modseq: int) -> None:
    place_of = func.row_number().over(order_by=message.c.uid)
    chosen = (
        select(
            literal(target.id, BigInteger),
            cast(place_of, BigInteger) + (target.uidnext - 1),
            message.c.content_id,
            message.c.flags,
            literal(modseq, BigInteger),
            message.c.internal_date,
            literal(tx.now, BigInteger),
            message.c.size,
        )
        .where(message.c.mailbox_id == source_id, message.c.uid.between(low, high))
        .order_by(message.c.uid)
    )
    tx.execute(insert(message).from_select(_MESSAGE_COLUMNS, chosen))


def _copy_rows(
    tx: Tx, source_id: int, target: Mailbox, uids: list[int], modseq: int, translate: dict[int, int] | None
) -> None:
    columns = ("uid", "content_id", "flags", "internal_date", "size")
    rows = fetch_uids(tx, target.account_id, source_id, columns, uids)
    now = tx.now
    tx.many(
        _INSERT_MESSAGE,
        [
            {
                "mailbox_id": target.id,
                "uid": target.uidnext + place,
                "content_id": content_id,
                "flags": mask if translate is None else translate[mask],
                "modseq": modseq,
                "internal_date": date,
                "saved": now,
                "size": size,
            }
            for place, (_, content_id, mask, date, size) in enumerate(rows)
        ],
    )


def _remove(tx: Tx, account_id: int, mailbox_id: int, uids: list[int]) -> int:
    """Delete rows, leave tombstones, settle the counters; the mod-sequence of the removal."""
    box = mailboxes.by_id(tx, account_id, mailbox_id)
    modseq = box.modseq + 1
    size = unseen = 0
    for low, high in _removal_ranges(tx, mailbox_id, uids):
        here = (message.c.mailbox_id == mailbox_id) & message.c.uid.between(low, high)
        unread = func.sum(case((message.c.flags.op("&")(SEEN) == 0, 1), else_=0))
        totals = tx.execute(select(func.sum(message.c.size).label("size"), unread.label("unread")).where(here)).one()
        size += int(totals.size or 0)
        unseen += int(totals.unread or 0)
        collect.note(tx, select(message.c.content_id).where(here))
        tombs = select(literal(mailbox_id, BigInteger), literal(modseq, BigInteger), message.c.uid).where(here)
        tx.execute(insert(expunged).from_select(["mailbox_id", "modseq", "uid"], tombs))
        tx.execute(delete(message).where(here))
    tx.execute(
        update(mailbox)
        .where(mailbox.c.id == mailbox_id)
        .values(
            modseq=modseq,
            messages=mailbox.c.messages - len(uids),
            unseen=mailbox.c.unseen - unseen,
            octets=mailbox.c.octets - size,
        )
    )
    tx.changed(account_id, mailbox_id)
    return modseq


def _removal_ranges(tx: Tx, mailbox_id: int, uids: list[int]) -> list[tuple[int, int]]:
    """One range when the UIDs are all there is between the first and the last."""
    if len(uids) > 1 and _count(tx, mailbox_id, uids[0], uids[-1]) == len(uids):
        return [(uids[0], uids[-1])]
    return ranges(uids)


def _text(value: str) -> str:
    """PostgreSQL's text cannot hold NUL, and lone surrogates cannot be encoded at all."""
    if value.isascii() and "\0" not in value:
        return value
    return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
