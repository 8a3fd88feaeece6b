"""Storing: contents once per hash, and their appearances in mailboxes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, SmallInteger, bindparam, delete, insert, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mailserver.model.errors import Reason, Refused
from mailserver.model.messages import objectids
from mailserver.model.messages.provenance import UNKNOWN, Provenance
from mailserver.store.engine.statements import ManyStatement, Statement, Tx
from mailserver.store.mail import mailboxes, withheld
from mailserver.store.mail.blobs import Prepared
from mailserver.store.mail.deletions import CAME
from mailserver.store.mail.flags import FLAGGED, SEEN
from mailserver.store.mail.messages.flagging import ensure_flags
from mailserver.store.mail.messages.quotas import Quota, check_quota
from mailserver.store.mail.messages.reading import CHUNK
from mailserver.store.schema.mail.messages import blob, content, mailbox, message
from mailserver.store.schema.service.keeping import damage


@dataclass(frozen=True, slots=True)
class Appended:
    """Where a message went (RFC 4315 APPENDUID)."""

    mailbox_id: int
    uidvalidity: int
    uid: int
    modseq: int
    content_id: int


class Placing(NamedTuple):
    """A stored content that is to appear in a mailbox; `internal_date` in epoch seconds, None: now."""

    content_id: int
    size: int
    mask: int = 0
    internal_date: int | None = None
    provenance: Provenance = UNKNOWN


CONTENT_KEYS = (
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
    "search_fields",
    "thread",
    "listed_fields",
)

INSERT_CONTENT = Statement(sqlite.insert(content).on_conflict_do_nothing(index_elements=["hash"]), keys=CONTENT_KEYS)


# FOR KEY SHARE: rivals that store the same content do not wait for each other, the collector waits for them.
_FIND_CONTENT = Statement(
    select(content.c.id).where(content.c.hash == bindparam("hash")).with_for_update(read=True, key_share=True)
)

_DAMAGED = Statement(select(damage.c.content_id).where(damage.c.content_id == bindparam("content")))

BLOB_KEYS = ("header", "octets", "file")
INSERT_BLOB = Statement(insert(blob), keys=("content_id", *BLOB_KEYS))


def _content_with_blob() -> Statement:
    """On PostgreSQL, where each statement is a journey: both rows, or none when the content is there.

    Two workers may store the same content at once: the second waits for the first, then finds it.
    """
    given = {name: bindparam(name, type_=content.c[name].type) for name in CONTENT_KEYS}
    new = (
        postgresql.insert(content)
        .values(given)
        .on_conflict_do_nothing(index_elements=["hash"])
        .returning(content.c.id)
        .cte("new")
    )
    frames = [bindparam(name, type_=blob.c[name].type) for name in BLOB_KEYS]
    filled = insert(blob).from_select(["content_id", *BLOB_KEYS], select(new.c.id, *frames)).cte("filled")
    return Statement(select(new.c.id).add_cte(filled))


_INSERT_BOTH = _content_with_blob()

MESSAGE_COLUMNS = (
    *("mailbox_id", "uid", "content_id", "flags", "modseq", "internal_date", "saved", "size"),
    *CAME,
)

INSERT_MESSAGE = Statement(insert(message), keys=MESSAGE_COLUMNS)

_MINTED = (
    update(mailbox)
    .where(mailbox.c.id == bindparam("box"), mailbox.c.account_id == bindparam("account"))
    .values(
        uidnext=mailbox.c.uidnext + bindparam("more", type_=BigInteger),
        modseq=mailbox.c.modseq + bindparam("more", type_=BigInteger),
        messages=mailbox.c.messages + bindparam("more", type_=BigInteger),
        unseen=mailbox.c.unseen + bindparam("unread", type_=BigInteger),
        flagged=mailbox.c.flagged + bindparam("starred", type_=BigInteger),
        octets=mailbox.c.octets + bindparam("sizes", type_=BigInteger),
    )
    .returning(mailbox.c.uidnext, mailbox.c.modseq, mailbox.c.uidvalidity)
)
_MINT = Statement(_MINTED)


def _placed() -> Statement:
    """On PostgreSQL: `_MINT` for one message, and the message."""
    minted = _MINTED.cte("minted")
    own = {"mailbox_id": bindparam("box", type_=BigInteger), "uid": minted.c.uidnext - 1, "modseq": minted.c.modseq}
    given = [own.get(name, bindparam(name, type_=message.c[name].type)) for name in MESSAGE_COLUMNS]
    return Statement(
        insert(message)
        .from_select(MESSAGE_COLUMNS, select(*given).select_from(minted))
        .returning(message.c.uid + 1, message.c.modseq, select(minted.c.uidvalidity).scalar_subquery())
    )


_PLACE = _placed()


def store_content(tx: Tx, prepared: Prepared) -> tuple[int, bool]:
    """The id of a message's content, stored once per hash; True when it is new, or its octets are: those that were
    there are known to be damaged.

    When it was there already, `prepared.file` is unused: the caller removes it after the commit.
    """
    (stored,) = store_contents(tx, [prepared])
    return stored


def store_contents(tx: Tx, batch: Iterable[Prepared]) -> list[tuple[int, bool]]:
    """The same of several."""
    stored: list[tuple[int, bool]] = []
    blobs: list[dict[str, Any]] = []
    for prepared in batch:
        content_id, new = _store_row(tx, prepared)
        stored.append((content_id, new or _heal(tx, content_id, prepared)))
        if new and tx.dialect == "sqlite":
            blobs.append({"content_id": content_id, **blob_row(prepared)})
    if blobs:
        tx.many(INSERT_BLOB, blobs)
    return stored


def _heal(tx: Tx, content_id: int, prepared: Prepared) -> bool:
    """Whoever brings the octets of a content that is known to be damaged brings them to all who have it.

    What is withheld stays as it is: nobody may bring it.
    """
    if tx.one(_DAMAGED, content=content_id) is None or withheld.is_withheld(tx, content_id):
        return False
    if not tx.execute(delete(damage).where(damage.c.content_id == content_id)).rowcount:
        return False  # somebody else does so now
    tx.execute(delete(blob).where(blob.c.content_id == content_id))
    tx.run(INSERT_BLOB, content_id=content_id, **blob_row(prepared))
    return True


def blob_row(prepared: Prepared) -> dict[str, Any]:
    """The columns of its octets."""
    return {"header": prepared.header, "octets": prepared.octets, "file": prepared.file}


def _store_row(tx: Tx, prepared: Prepared) -> tuple[int, bool]:
    """The content's row; on PostgreSQL that of its octets, too."""
    statement, octets = (INSERT_CONTENT, {}) if tx.dialect == "sqlite" else (_INSERT_BOTH, blob_row(prepared))
    # Nearly every content is new: it is looked for only when it turns out to be there.
    key = tx.key(statement, **octets, **content_row(prepared))
    if key is not None:
        return key, True
    found = find_content(tx, prepared.hash)
    if found is None:  # the collector took it away in between
        return _store_row(tx, prepared)
    return found, False


def content_row(prepared: Prepared) -> dict[str, Any]:
    """The columns of a content."""
    scan = prepared.scan
    return {
        "hash": prepared.hash,
        "size": prepared.size,
        "header_size": scan.header_size,
        "envelope": scan.envelope,
        "bodystructure": scan.bodystructure,
        "body": scan.body,
        "parts": scan.parts,
        "subject": _text(scan.subject),
        "base_subject": _text(scan.base_subject),
        "sender": _text(scan.sender),
        "sender_address": _text(scan.sender_address),
        "recipients": _text(scan.recipients),
        "sent_at": scan.sent_at,
        "message_id": _text(scan.message_id),
        "in_reply_to": _text(scan.in_reply_to),
        "refs": _text(scan.references),
        "preview": _text(scan.preview),
        "attachments": scan.attachments,
        "search_fields": scan.search_fields,
        "thread": objectids.thread_number(scan.references or scan.in_reply_to or scan.message_id),
        "listed_fields": scan.listed_fields,
    }


def find_content(tx: Tx, digest: bytes) -> int | None:
    """The content of this hash, which stays until the commit; None where there is none."""
    row = tx.one(_FIND_CONTENT, hash=digest)
    return int(row[0]) if row is not None else None


def append(
    tx: Tx,
    account_id: int,
    mailbox_id: int,
    prepared: Prepared,
    flags: Iterable[str] = (),
    internal_date: int | None = None,
    quota: Quota | None = None,
    provenance: Provenance = UNKNOWN,
) -> Appended:
    """Store a message in one mailbox. `internal_date` in epoch seconds, default now; `quota`: the setting's, or None.

    Raises Refused(NO_SUCH_MAILBOX | OVER_QUOTA | LIMIT).
    """
    check_quota(tx, account_id, quota, prepared.size, 1)
    content_id, _ = store_content(tx, prepared)
    mask = ensure_flags(tx, mailbox_id, flags)
    return place(tx, account_id, mailbox_id, content_id, prepared.size, mask, internal_date, provenance)


def place(
    tx: Tx,
    account_id: int,
    mailbox_id: int,
    content_id: int,
    size: int,
    mask: int = 0,
    internal_date: int | None = None,
    provenance: Provenance = UNKNOWN,
) -> Appended:
    """One more appearance of a stored content, with the flags of `mask`. Raises Refused(NO_SUCH_MAILBOX)."""
    (placed,) = place_batch(tx, account_id, mailbox_id, [Placing(content_id, size, mask, internal_date, provenance)])
    return placed


def place_batch(tx: Tx, account_id: int, mailbox_id: int, batch: Sequence[Placing]) -> list[Appended]:
    """`place` of several, in this order, each with a mod-sequence of its own."""
    more, now = len(batch), tx.now
    alone = more == 1 and tx.dialect == "postgresql"
    row = tx.one(
        _PLACE if alone else _MINT,
        box=mailbox_id,
        account=account_id,
        more=more,
        unread=sum(not placing.mask & SEEN for placing in batch),
        starred=sum(placing.mask & FLAGGED > 0 for placing in batch),
        sizes=sum(placing.size for placing in batch),
        **(appearance(batch[0], now) if alone else {}),
    )
    if row is None:
        raise Refused(Reason.NO_SUCH_MAILBOX, "No such mailbox")
    uidnext, last, uidvalidity = row
    numbered = list(zip(range(uidnext - more, uidnext), range(last - more + 1, last + 1), batch, strict=True))
    if not alone:
        tx.many(
            INSERT_MESSAGE,
            [
                {"mailbox_id": mailbox_id, "uid": uid, "modseq": modseq, **appearance(placing, now)}
                for uid, modseq, placing in numbered
            ],
        )
    tx.changed(account_id, mailbox_id)
    return [Appended(mailbox_id, uidvalidity, uid, modseq, placing.content_id) for uid, modseq, placing in numbered]


def appearance(placing: Placing, now: int) -> dict[str, int]:
    """The columns of a message that are known before it has a UID."""
    return {
        "content_id": placing.content_id,
        "flags": placing.mask,
        "internal_date": now if placing.internal_date is None else placing.internal_date,
        "saved": now,
        "size": placing.size,
        "door": int(placing.provenance.door),
        "door_account": placing.provenance.account_id,
        "through_list": int(placing.provenance.through_list),
        "authentication": placing.provenance.results.packed,
        "impersonation": int(placing.provenance.signs),
    }


_INBOXES = ManyStatement(
    select(mailbox.c.account_id, mailbox.c.id).where(mailbox.c.name == mailboxes.INBOX), mailbox.c.account_id
)


def inboxes(tx: Tx, account_ids: Sequence[int]) -> dict[int, int]:
    """INBOX's id of each account that has one."""
    return dict(_INBOXES.rows(tx, account_ids)) if account_ids else {}


def place_many(
    tx: Tx, targets: dict[int, int], content_id: int, size: int, provenance: Provenance = UNKNOWN, mask: int = 0
) -> int:
    """One new appearance in each mailbox of `targets` (account_id -> mailbox_id), by sets, with the flags of `mask`;
    how many.

    Mailboxes that are gone are passed over; `inboxes` in the same unit rules that out.
    """
    now = tx.now
    count = 0
    ids = sorted(targets.values())
    for start in range(0, len(ids), CHUNK):
        here = mailbox.c.id.in_(ids[start : start + CHUNK])
        if tx.dialect == "postgresql":
            tx.execute(select(mailbox.c.id).where(here).order_by(mailbox.c.id).with_for_update())
        count += tx.execute(
            update(mailbox)
            .where(here)
            .values(
                uidnext=mailbox.c.uidnext + 1,
                modseq=mailbox.c.modseq + 1,
                messages=mailbox.c.messages + 1,
                unseen=mailbox.c.unseen + int(not mask & SEEN),
                flagged=mailbox.c.flagged + int(mask & FLAGGED > 0),
                octets=mailbox.c.octets + size,
            )
        ).rowcount
        rows = select(
            mailbox.c.id,
            mailbox.c.uidnext - 1,
            literal(content_id, BigInteger),
            literal(mask, BigInteger),
            mailbox.c.modseq,
            literal(now, BigInteger),
            literal(now, BigInteger),
            literal(size, BigInteger),
            literal(int(provenance.door), SmallInteger),
            literal(provenance.account_id, BigInteger),
            literal(int(provenance.through_list), SmallInteger),
            literal(provenance.results.packed, SmallInteger),
            literal(int(provenance.signs), SmallInteger),
        ).where(here)
        tx.execute(insert(message).from_select(MESSAGE_COLUMNS, rows))
    for account_id, mailbox_id in targets.items():
        tx.changed(account_id, mailbox_id)
    return count


def _text(value: str) -> str:
    """PostgreSQL's text cannot hold NUL, and lone surrogates cannot be encoded at all."""
    if value.isascii() and "\0" not in value:
        return value
    return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
