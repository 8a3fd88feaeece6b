"""Flags of messages, the keywords of a mailbox, and who claims what is \\Recent."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import BigInteger, bindparam, insert, literal, select, update

from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.statements import ManyStatement, Row, Statement, Tx
from mailserver.store.mail import lessons, mailboxes
from mailserver.store.mail.flags import FIRST_KEYWORD_BIT, FLAGGED, MAX_KEYWORD_LENGTH, MAX_KEYWORDS, SEEN, known_mask
from mailserver.store.mail.mailboxes import Mailbox
from mailserver.store.mail.messages.reading import CHUNK, ranges, state
from mailserver.store.schema.mail.messages import keyword, mailbox, message

_LOCK_KEYWORDS = Statement(
    select(mailbox.c.id).where(mailbox.c.id == bindparam("mailbox")).with_for_update(key_share=True)
)
_KEYWORDS_OF = ManyStatement(
    select(keyword.c.mailbox_id, keyword.c.name).order_by(keyword.c.mailbox_id, keyword.c.bit), keyword.c.mailbox_id
)
_INSERT_KEYWORD = Statement(insert(keyword), keys=("mailbox_id", "bit", "name"))


def ensure_flags(tx: Tx, mailbox_id: int, wanted: Iterable[str], mode: str = "+") -> int:
    """The mask of these flags, giving new keywords a bit, unless they are to be removed ("-").

    Raises Refused(LIMIT | INVALID | NO_SUCH_MAILBOX).
    """
    wanted = tuple(wanted)
    if not wanted:
        return 0
    mask, missing = known_mask(wanted, ())
    if not missing:  # system flags only, as most clients set
        return mask
    names = mailboxes.keywords(tx, mailbox_id)
    mask, missing = known_mask(wanted, names)
    if mode == "-":
        return mask
    if missing:  # two units that add keywords at once must not give them one bit
        if tx.one(_LOCK_KEYWORDS, mailbox=mailbox_id) is None:
            raise Refused(Reason.NO_SUCH_MAILBOX, "No such mailbox")
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


def ensure_flags_many(tx: Tx, mailbox_ids: Sequence[int], wanted: Sequence[str]) -> dict[int, int]:
    """`ensure_flags` of mailboxes that the caller has locked, by sets. Those that cannot hold them are left out."""
    kept: dict[int, list[str]] = {mailbox_id: [] for mailbox_id in mailbox_ids}
    for mailbox_id, name in _KEYWORDS_OF.rows(tx, mailbox_ids):
        kept[mailbox_id].append(name)
    masks: dict[int, int] = {}
    added: list[dict[str, Any]] = []
    for mailbox_id, names in kept.items():
        mask, missing = known_mask(wanted, names)
        invalid = any(name.startswith("\\") or len(name) > MAX_KEYWORD_LENGTH for name in missing)
        if invalid or len(names) + len(missing) > MAX_KEYWORDS:
            continue
        for bit, name in enumerate(missing, len(names)):
            added.append({"mailbox_id": mailbox_id, "bit": bit, "name": name})
            mask |= 1 << (FIRST_KEYWORD_BIT + bit)
        masks[mailbox_id] = mask
    if added:
        tx.many(_INSERT_KEYWORD, added)
    return masks


def store_flags(
    tx: Tx,
    account_id: int,
    mailbox_id: int,
    uids: Sequence[int] | None,
    mode: str,
    flags: Iterable[str],
    unchanged_since: int | None = None,
    *,
    only: int = -1,
) -> tuple[int, list[Row], list[int]]:
    """Change flags (RFC 3501 section 6.4.6): mode "+" adds, "-" removes, "=" replaces; uids None: all.

    Returns (modseq of the change or 0 when nothing changed, rows (uid, flags, modseq) of every message named, UIDs that
    `unchanged_since` kept from changing, RFC 7162 section 3.1.3). A message whose flags were so already
    keeps its mod-sequence. `only`: the flags that may change at all, as a mask.
    """
    box = mailboxes.lock(tx, account_id, mailbox_id)
    flags = tuple(flags)
    mask = ensure_flags(tx, mailbox_id, flags, mode) & only
    before = state(tx, mailbox_id, uids)
    modified = [row[0] for row in before if unchanged_since is not None and row[2] > unchanged_since]
    blocked = set(modified)
    modseq = box.modseq + 1
    after: list[Row] = []
    changing: list[int] = []
    unseen = flagged = 0
    counts = mode == "=" or bool(mask & FLAGGED)
    for uid, old, seq in before:
        new = old if uid in blocked else _apply(old, mode, mask, only)
        if new == old:
            if uid not in blocked:
                after.append((uid, old, seq))
            continue
        changing.append(uid)
        after.append((uid, new, modseq))
        unseen += (old & SEEN) - (new & SEEN)
        if counts:
            flagged += (new & FLAGGED) - (old & FLAGGED)
    if not changing:
        return 0, after, modified  # not box.modseq: that is somebody else's change
    _update_flags(tx, mailbox_id, mode, (mask, only), modseq, changing, everything=len(changing) == box.messages)
    tx.execute(
        update(mailbox)
        .where(mailbox.c.id == mailbox_id)
        .values(
            modseq=modseq,
            flags_modseq=modseq,
            unseen=mailbox.c.unseen + unseen,
            flagged=mailbox.c.flagged + flagged // FLAGGED,
        )
    )
    lessons.note_flags(tx, account_id, mailbox_id, changing, mode, flags)
    tx.changed(account_id, mailbox_id)
    return modseq, after, modified


def _apply(old: int, mode: str, mask: int, only: int) -> int:
    if mode == "+":
        return old | mask
    if mode == "-":
        return old & ~mask
    return (old & ~only) | mask


def _update_flags(
    tx: Tx, mailbox_id: int, mode: str, masks: tuple[int, int], modseq: int, uids: list[int], *, everything: bool
) -> None:
    mask, only = masks
    value: Any
    if mode == "+":
        value = message.c.flags.op("|")(literal(mask, BigInteger))
    elif mode == "-":
        value = message.c.flags.op("&")(literal(~mask, BigInteger))
    elif only == -1:
        value = mask
    else:
        value = message.c.flags.op("&")(literal(~only, BigInteger)).op("|")(literal(mask, BigInteger))
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


def mark_seen_by_session(tx: Tx, account_id: int, mailbox_id: int) -> tuple[int, Mailbox]:
    """Claim the \\Recent messages for one session (RFC 3501 section 2.3.2): first recent UID, and the row."""
    box = mailboxes.lock(tx, account_id, mailbox_id)
    if box.recent < box.uidnext:
        tx.execute(update(mailbox).where(mailbox.c.id == mailbox_id).values(recent=box.uidnext))
    return box.recent, box
