"""COPY, MOVE, and the renaming of INBOX, which is a move."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, cast, func, insert, literal, select, update

from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.statements import Row, Tx
from mailserver.store.mail import annotation_octets, lessons, mailboxes
from mailserver.store.mail.deletions import CAME
from mailserver.store.mail.flags import FIRST_KEYWORD_BIT, FLAGGED, SEEN
from mailserver.store.mail.mailboxes import Mailbox
from mailserver.store.mail.messages.append import INSERT_MESSAGE, MESSAGE_COLUMNS
from mailserver.store.mail.messages.expunge import remove
from mailserver.store.mail.messages.flagging import ensure_flags
from mailserver.store.mail.messages.quotas import Quota, check_quota
from mailserver.store.mail.messages.reading import count, fetch_uids, state
from mailserver.store.schema.mail.messages import mailbox, message
from mailserver.store.schema.mail.sharing import annotation


@dataclass(frozen=True, slots=True)
class Copied:
    """Pairs of UIDs of a COPY or MOVE (RFC 4315 COPYUID), both ascending."""

    uidvalidity: int
    source_uids: list[int]
    target_uids: list[int]


def copy(
    tx: Tx,
    account_id: int,
    source_id: int,
    target_id: int,
    uids: Sequence[int] | None,
    quota: Quota | None = None,
    *,
    target_account: int | None = None,
    keep: int = -1,
) -> Copied:
    """Copy messages with flags, dates and provenance (RFC 3501 section 6.4.7); uids ascending, None: all.

    `target_account` owns the target (None: the source's owner); `quota` is the setting's, None: nobody asks.
    `keep`: the flags that the copies may have, as a mask whose sign stands for keywords (RFC 4314 section 4).
    Raises Refused(NO_SUCH_MAILBOX | OVER_QUOTA | LIMIT).
    """
    owner = account_id if target_account is None else target_account
    boxes = _lock_both(tx, {source_id: account_id, target_id: owner})
    target = boxes[target_id]
    rows = state(tx, source_id, uids)
    if not rows:
        return Copied(target.uidvalidity, [], [])
    found = [row[0] for row in rows]
    everything = uids is None
    translate = _translation(tx, source_id, target_id, rows, keep)
    modseq = target.modseq + 1
    low, high = found[0], found[-1]
    dense = everything or len(found) == count(tx, source_id, low, high)
    if dense and translate is None:
        _copy_range(tx, source_id, target, low, high, modseq)
    else:
        _copy_rows(tx, account_id, source_id, target, found, modseq, translate)
    sizes = _total_size(tx, target_id, target.uidnext)
    unseen = sum(1 for row in rows if not row[1] & keep & SEEN)
    flagged = sum(1 for row in rows if row[1] & keep & FLAGGED)
    tx.execute(
        update(mailbox)
        .where(mailbox.c.id == target_id)
        .values(
            uidnext=target.uidnext + len(found),
            modseq=modseq,
            messages=mailbox.c.messages + len(found),
            unseen=mailbox.c.unseen + unseen,
            flagged=mailbox.c.flagged + flagged,
            octets=mailbox.c.octets + sizes,
        )
    )
    check_quota(tx, owner, quota, 0)
    said = lessons.said_by_move(boxes[source_id].special_use, target.special_use)
    teacher = owner if said is lessons.Said.SPAM else account_id
    lessons.note_new(tx, teacher, target_id, target.uidnext, said)
    tx.changed(owner, target_id)
    return Copied(target.uidvalidity, found, list(range(target.uidnext, target.uidnext + len(found))))


def move(
    tx: Tx,
    account_id: int,
    source_id: int,
    target_id: int,
    uids: Sequence[int] | None,
    quota: Quota | None = None,
    *,
    target_account: int | None = None,
    keep: int = -1,
) -> Copied:
    """COPY and EXPUNGE as one (RFC 6851); the quota matters to another owner only. Raises as `copy`.

    What another owner has from now on is kept aside for the one who had it, as with any other removal.
    """
    leaves = target_account not in (None, account_id)
    asked = quota if leaves else None
    copied = copy(tx, account_id, source_id, target_id, uids, asked, target_account=target_account, keep=keep)
    if not copied.source_uids:
        return copied
    remove(tx, account_id, source_id, copied.source_uids, kept=leaves)
    return copied


def move_or_drop_keywords(tx: Tx, account_id: int, source_id: int, target_id: int, uids: Sequence[int]) -> Copied:
    """`move` within an account, of what nobody asks for again: where the target cannot hold the keywords of these
    messages they come without. Raises Refused(NO_SUCH_MAILBOX)."""
    try:
        return move(tx, account_id, source_id, target_id, uids)
    except Refused as refusal:
        if refusal.reason is not Reason.LIMIT:
            raise
        return move(tx, account_id, source_id, target_id, uids, keep=(1 << FIRST_KEYWORD_BIT) - 1)


def rename(tx: Tx, account_id: int, old: str, new: str) -> None:
    """Rename a mailbox; renaming INBOX moves its messages and leaves it empty (RFC 3501 section 6.3.5).

    Its annotations are on both then (RFC 5464 section 4.1). Raises Refused as `mailboxes.rename`; LIMIT also where
    these would be too much together.
    """
    if mailboxes.canonical(old) != mailboxes.INBOX:
        mailboxes.rename(tx, account_id, old, new)
        return
    inbox = mailboxes.get(tx, account_id, mailboxes.INBOX)
    target = mailboxes.create(tx, account_id, new)
    _copy_annotations(tx, account_id, inbox.id, target.id)
    move(tx, account_id, inbox.id, target.id, None)


def _copy_annotations(tx: Tx, account_id: int, source_id: int, target_id: int) -> None:
    """Of others who reach the mailbox theirs are left out where they have no room for them once more. Raises
    Refused(LIMIT): the owner has none."""
    here = (annotation.c.mailbox_id == source_id, annotation.c.value.is_not(None))
    octets = func.sum(func.length(annotation.c.value)).label("octets")
    held = select(annotation.c.account_id, octets).where(*here).group_by(annotation.c.account_id)
    owners = {int(row.account_id): int(row.octets) for row in tx.execute(held)}
    fitting = [owner for owner, more in owners.items() if annotation_octets.has_room(tx, source_id, owner, more)]
    if any(owner in owners and owner not in fitting for owner in (account_id, annotation_octets.EVERYBODY)):
        raise Refused(Reason.LIMIT, "Too much in all annotations together")
    noted = (annotation.c.account_id, annotation.c.entry, annotation.c.value)
    copies = select(literal(target_id, BigInteger), *noted).where(*here, annotation.c.account_id.in_(fitting))
    tx.execute(insert(annotation).from_select(["mailbox_id", "account_id", "entry", "value"], copies))


def _lock_both(tx: Tx, boxes: dict[int, int]) -> dict[int, Mailbox]:
    """Lock rows in id order, so that two copies in opposite directions cannot deadlock; `boxes`: their owners."""
    return {mailbox_id: mailboxes.lock(tx, boxes[mailbox_id], mailbox_id) for mailbox_id in sorted(boxes)}


def _translation(tx: Tx, source_id: int, target_id: int, rows: list[Row], keep: int) -> dict[int, int] | None:
    """Source mask -> target mask, or None when the masks may be copied as they are."""
    masks = {row[1] for row in rows}
    if keep == -1 and (source_id == target_id or all(mask >> FIRST_KEYWORD_BIT == 0 for mask in masks)):
        return None
    names = mailboxes.keywords(tx, source_id)
    translation = {}
    for whole in masks:
        mask = whole & keep
        wanted = [name for bit, name in enumerate(names) if mask >> (FIRST_KEYWORD_BIT + bit) & 1]
        translation[whole] = (mask & ((1 << FIRST_KEYWORD_BIT) - 1)) | ensure_flags(tx, target_id, wanted)
    return translation


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
            *(message.c[name] for name in CAME),
        )
        .where(message.c.mailbox_id == source_id, message.c.uid.between(low, high))
        .order_by(message.c.uid)
    )
    tx.execute(insert(message).from_select(MESSAGE_COLUMNS, chosen))


def _copy_rows(
    tx: Tx,
    account_id: int,
    source_id: int,
    target: Mailbox,
    uids: list[int],
    modseq: int,
    translate: dict[int, int] | None,
) -> None:
    kept = ("content_id", "internal_date", "size", *CAME)
    rows = fetch_uids(tx, account_id, source_id, ("uid", "flags", *kept), uids)
    now = tx.now
    tx.many(
        INSERT_MESSAGE,
        [
            {
                "mailbox_id": target.id,
                "uid": target.uidnext + place,
                "flags": mask if translate is None else translate[mask],
                "modseq": modseq,
                "saved": now,
                **dict(zip(kept, values, strict=True)),
            }
            for place, (_, mask, *values) in enumerate(rows)
        ],
    )
