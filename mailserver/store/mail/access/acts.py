"""What somebody does in mailboxes that may be others': each asks for its rights, changes, and is put on record.

A unit for each of IMAP's commands. Mailboxes of one's own are changed as ever, and nothing is recorded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select, update

from mailserver.model.clock import DAY
from mailserver.model.errors import Reason, Refused
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.store.engine.statements import Row, Tx
from mailserver.store.mail import lessons, mailboxes, messages, withheld
from mailserver.store.mail.access.reaching import Reach, check, find, is_foreign, require
from mailserver.store.mail.access.rights import Rights, Viewer, changeable
from mailserver.store.mail.blobs import Prepared
from mailserver.store.mail.flags import SYSTEM, known_mask
from mailserver.store.mail.messages import Appended, Copied, Quota, ranges
from mailserver.store.schema.mail.messages import mailbox
from mailserver.store.schema.mail.sharing import mailbox_act
from mailserver.texts import causes, legacy_details
from mailserver.texts.causes import Cause

New = tuple[Prepared, tuple[str, ...], int | None]
"""A message ready to be stored, its flags, its internal date."""


class MissingTarget(Refused):
    """The mailbox to put something into is not there, and could be made."""


MAX_DETAIL = 300
"""Characters of each value that a row keeps."""
KEPT = 20_000
"""Acts on record for one owner; older ones go."""
SWEEP = 500
"""Acts between two looks at how many there are."""
FILED = 500
"""Newest acts among which a filter's is looked for."""
_FILED = "act-filed"


@dataclass(frozen=True, slots=True)
class Act:
    """One row of the record."""

    at: int
    actor_id: int
    mailbox: str
    act: str
    messages: int
    detail: Cause


def append(tx: Tx, viewer: Viewer, name: str, batch: Sequence[New], quota: Quota) -> tuple[list[Appended], list[str]]:
    """APPEND: every message, or none. Where they went, and files for contents that the store had already.

    Flags that the rights do not let one set are left out (RFC 4314 section 4).
    Raises Refused(NO_SUCH_MAILBOX | FORBIDDEN | OVER_QUOTA | LIMIT | CANNOT).
    """
    reach = appendable(tx, viewer, name, sum(prepared.size for prepared, _, _ in batch), len(batch), quota)
    box, owner = reach.box, reach.box.account_id
    stored = messages.store_contents(tx, [prepared for prepared, _, _ in batch])
    withheld.check(tx, stored)
    keep = changeable(_held(tx, viewer, {box.id: (owner, reach.rights, "i")})[box.id])
    unused = [
        prepared.file
        for (prepared, _, _), (_, new) in zip(batch, stored, strict=True)
        if not new and prepared.file is not None
    ]
    wanted = [permitted(flags, keep) for _, flags, _ in batch]
    masks = {flags: messages.ensure_flags(tx, box.id, flags) for flags in dict.fromkeys(wanted)}
    brought = Provenance(Door.APPENDED, viewer.account_id)
    placings = [
        messages.Placing(content_id, prepared.size, masks[flags], received, brought)
        for (prepared, _, received), (content_id, _), flags in zip(batch, stored, wanted, strict=True)
    ]
    appended = messages.place_batch(tx, owner, box.id, placings)
    lessons.note_appended(tx, owner, box.id, box.special_use, [message.uid for message in appended], wanted)
    record(tx, viewer, owner, box.name, "append", [message.uid for message in appended])
    return appended, unused


def appendable(tx: Tx, viewer: Viewer, name: str, octets: int, count: int, quota: Quota) -> Reach:
    """The mailbox that takes so many messages of so many octets in all. Raises as `append`."""
    reach = destination(tx, viewer, name)
    messages.check_quota(tx, reach.box.account_id, quota, octets, count)
    return reach


def copy(
    tx: Tx, viewer: Viewer, source_id: int, name: str, uids: Sequence[int], quota: Quota, *, whole: bool
) -> Copied:
    """COPY; `whole`: a message that is gone refuses all of it. Raises Refused as `append`, and NOT_FOUND."""
    owner, rights = require(tx, viewer, source_id, "r")
    target = destination(tx, viewer, name)
    held = _held(tx, viewer, _both(source_id, (owner, rights, "r"), target))
    copied = messages.copy(
        tx,
        owner,
        source_id,
        target.box.id,
        uids,
        quota,
        target_account=target.box.account_id,
        keep=changeable(held[target.box.id]),
    )
    return _copied(tx, viewer, target, copied, uids, whole)


def move(
    tx: Tx, viewer: Viewer, source_id: int, name: str, uids: Sequence[int], quota: Quota, *, whole: bool
) -> Copied:
    """MOVE: a COPY, and an EXPUNGE of what was copied (RFC 6851 section 3.3 asks for both commands' rights)."""
    owner, rights = require(tx, viewer, source_id, "rte")
    target = destination(tx, viewer, name)
    held = _held(tx, viewer, _both(source_id, (owner, rights, "rte"), target))
    moved = messages.move(
        tx,
        owner,
        source_id,
        target.box.id,
        uids,
        quota,
        target_account=target.box.account_id,
        keep=changeable(held[target.box.id]),
    )
    if moved.source_uids and owner != viewer.account_id:
        where = Cause("act-moved", target=target.name, uids=numbered(moved.source_uids))
        record(tx, viewer, owner, _name(tx, source_id), "move out", moved.source_uids, where)
    return _copied(tx, viewer, target, moved, uids, whole)


def replace(
    tx: Tx, viewer: Viewer, source_id: int, uid: int, name: str, new: New, quota: Quota
) -> tuple[Appended, list[str]]:
    """REPLACE: store a message in the mailbox of that name, and remove the one it replaces whatever its flags.

    It takes the rights of APPEND there, and of a STORE of \\Deleted and an EXPUNGE here. Returns where it went, and the
    file that was written for a content the store had already. Raises as `append`, and Refused(NOT_FOUND).
    """
    prepared, flags, received = new
    owner, rights = require(tx, viewer, source_id, "te")
    target = destination(tx, viewer, name)
    box, receiver = target.box, target.box.account_id
    content_id, fresh = messages.store_content(tx, prepared)
    withheld.check(tx, [(content_id, fresh)])
    boxes = {source_id: owner, box.id: receiver}
    for mailbox_id in sorted(boxes):  # in id order, as for COPY
        mailboxes.lock(tx, boxes[mailbox_id], mailbox_id)
    held = _held(tx, viewer, _both(source_id, (owner, rights, "te"), target))
    old = messages.fetch_uids(tx, owner, source_id, ("uid", "size"), [uid])
    if not old:
        raise Refused(Reason.NOT_FOUND, "The message to replace no longer exists")
    if owner != receiver:
        messages.check_quota(tx, receiver, quota, prepared.size, 1)
    elif prepared.size > old[0][1]:
        messages.check_quota(tx, owner, quota, prepared.size - old[0][1])
    wanted = permitted(flags, changeable(held[box.id]))
    mask = messages.ensure_flags(tx, box.id, wanted)
    brought = Provenance(Door.APPENDED, viewer.account_id)
    appended = messages.place(tx, receiver, box.id, content_id, prepared.size, mask, received, brought)
    lessons.note_appended(tx, receiver, box.id, box.special_use, [appended.uid], [wanted])
    messages.erase(tx, owner, source_id, [uid], kept=mailboxes.by_id(tx, owner, source_id).special_use != "\\Drafts")
    record(tx, viewer, receiver, box.name, "append", [appended.uid])
    record(tx, viewer, owner, _name(tx, source_id), "replace", [uid])
    return appended, [prepared.file] if prepared.file is not None and not fresh else []


def destination(tx: Tx, viewer: Viewer, name: str) -> Reach:
    """The mailbox to put something into; one's own that is missing may be made (RFC 3501 section 6.3.11)."""
    try:
        return find(tx, viewer, name, "i")
    except Refused as refusal:
        if refusal.reason is Reason.NO_SUCH_MAILBOX and not is_foreign(name):
            raise MissingTarget(refusal.reason, refusal.text) from None
        raise


def _copied(tx: Tx, viewer: Viewer, target: Reach, copied: Copied, uids: Sequence[int], whole: bool) -> Copied:
    if whole and len(copied.source_uids) < len(uids):
        raise Refused(Reason.NOT_FOUND, "Some of the messages no longer exist")
    record(tx, viewer, target.box.account_id, target.box.name, "copy in", copied.target_uids)
    return copied


def store_flags(
    tx: Tx,
    viewer: Viewer,
    mailbox_id: int,
    uids: Sequence[int] | None,
    mode: str,
    flags: Sequence[str],
    unchanged_since: int | None = None,
) -> tuple[int, list[Row], list[int]]:
    """STORE, as `messages.store_flags`: the flags that one may not change stay as they are.

    Raises Refused(NO_SUCH_MAILBOX | FORBIDDEN | LIMIT); FORBIDDEN when nothing of it is permitted.
    """
    owner, rights = require(tx, viewer, mailbox_id, "")
    rights = _held(tx, viewer, {mailbox_id: (owner, rights, "")})[mailbox_id]
    keep = changeable(rights)
    wanted = permitted(flags, keep)
    if (flags and not wanted) or not keep:
        check(rights, "swt" if not keep else "".join(sorted(_needed(flags) - rights)))
    done = messages.store_flags(tx, owner, mailbox_id, uids, mode, wanted, unchanged_since, only=keep)
    if done[0] and owner != viewer.account_id:
        changed = [row[0] for row in done[1] if row[2] == done[0]]
        which = Cause("act-flags", flags=f"{mode}{' '.join(wanted)}", uids=numbered(changed))
        record(tx, viewer, owner, _name(tx, mailbox_id), "flags", changed, which)
    return done


def expunge(tx: Tx, viewer: Viewer, mailbox_id: int, uids: Sequence[int] | None = None) -> tuple[int, list[int]]:
    """EXPUNGE, as `messages.expunge`. Raises Refused(NO_SUCH_MAILBOX | FORBIDDEN)."""
    owner, rights = require(tx, viewer, mailbox_id, "e")
    _held(tx, viewer, {mailbox_id: (owner, rights, "e")})
    done = messages.expunge(tx, owner, mailbox_id, uids)
    if owner != viewer.account_id:
        record(tx, viewer, owner, _name(tx, mailbox_id), "expunge", done[1])
    return done


_Asked = tuple[int, Rights, str]
"""The owner of a mailbox, somebody's rights there, and those that are needed."""


def _both(source_id: int, source: _Asked, target: Reach) -> dict[int, _Asked]:
    """What a copy needs. Within one mailbox both needs are one."""
    here = {target.box.id: (target.box.account_id, target.rights, "i")}
    return {**here, source_id: (source[0], source[1], f"{source[2]}{'i' if source_id in here else ''}")}


def _held(tx: Tx, viewer: Viewer, asked: Mapping[int, _Asked]) -> dict[int, Rights]:
    """Somebody's rights in mailboxes. In others' they are asked for again once all are locked, as `acl.change` locks
    them: they may have been taken back while this unit waited. Raises Refused(NO_SUCH_MAILBOX | FORBIDDEN)."""
    rights = {mailbox_id: one[1] for mailbox_id, one in asked.items()}
    if tx.dialect == "sqlite" or all(one[0] == viewer.account_id for one in asked.values()):
        return rights
    for mailbox_id in sorted(asked):  # in id order, as for COPY
        mailboxes.lock(tx, asked[mailbox_id][0], mailbox_id)
    return {mailbox_id: require(tx, viewer, mailbox_id, one[2])[1] for mailbox_id, one in asked.items()}


def permitted(flags: Sequence[str], keep: int) -> tuple[str, ...]:
    """Those of these flags that a mask of changeable flags has."""
    if keep == -1:
        return tuple(flags)
    return tuple(flag for flag in flags if keep & (known_mask((flag,), ())[0] or 1 << len(SYSTEM)))


def _needed(flags: Sequence[str]) -> frozenset[str]:
    """The rights that changing these flags takes."""
    special = {"\\seen": "s", "\\deleted": "t"}
    return frozenset(special.get(flag.casefold(), "w") for flag in flags)


def _name(tx: Tx, mailbox_id: int) -> str:
    return str(tx.execute(select(mailbox.c.name).where(mailbox.c.id == mailbox_id)).scalar() or "")


# ---------------------------------------------------------------------- the record


def record(
    tx: Tx, viewer: Viewer, owner: int, name: str, act: str, uids: Sequence[int] = (), detail: Cause | None = None
) -> None:
    """Put on record what somebody did in a mailbox of another; nothing for one's own, or where nothing happened.

    Without a detail the messages' numbers are told.
    """
    if owner == viewer.account_id or not (uids or detail):
        return
    told = detail or Cause("act-messages", uids=numbered(uids))
    row = tx.execute(
        insert(mailbox_act)
        .values(
            owner_id=owner,
            at=tx.now,
            actor_id=viewer.account_id,
            mailbox=name,
            act=act,
            messages=len(uids),
            detail="",
            code=told.name,
            parameters=causes.parameters(told, MAX_DETAIL),
        )
        .returning(mailbox_act.c.id)
    ).scalar_one()
    if row % SWEEP == 0:
        mine = mailbox_act.c.owner_id == owner
        kept = select(mailbox_act.c.id).where(mine).order_by(mailbox_act.c.id.desc()).offset(KEPT).limit(1)
        last = tx.execute(kept).scalar()
        if last is not None:
            tx.execute(delete(mailbox_act).where(mine, mailbox_act.c.id <= last))


def record_filed(tx: Tx, viewer: Viewer, owner: int, name: str, uid: int) -> None:
    """Put on record that somebody's filter filed a message, in one row for a mailbox and day: mail that they have sent
    to themselves must not push out what others did. The caller has locked the mailbox."""
    newest = select(mailbox_act).where(mailbox_act.c.owner_id == owner).order_by(mailbox_act.c.id.desc()).limit(FILED)
    seen = newest.subquery()
    same = (seen.c.actor_id == viewer.account_id, seen.c.mailbox == name, seen.c.code == _FILED)
    row = tx.execute(select(seen).where(*same, seen.c.at >= tx.now - tx.now % DAY).limit(1)).one_or_none()
    if row is None:
        record(tx, viewer, owner, name, "append", (uid,), Cause(_FILED, uids=numbered((uid,))))
        return
    uids = str(causes.of_row(row.code, row.parameters).values.get("uids", "…"))
    if not uids.endswith("…"):
        more = f"{uids},{uid}"
        uids = more if len(more) <= MAX_DETAIL - 2 else f"{uids},…"
    values = {"messages": row.messages + 1, "parameters": causes.parameters(Cause(_FILED, uids=uids), MAX_DETAIL)}
    tx.execute(update(mailbox_act).where(mailbox_act.c.id == row.id).values(values))


def numbered(uids: Sequence[int]) -> str:
    """UIDs as a set, as many as there is room for: a number that is cut would be another message's."""
    text = ",".join(str(low) if low == high else f"{low}:{high}" for low, high in ranges(uids)[:MAX_DETAIL])
    return text if len(text) <= MAX_DETAIL else f"{text[: MAX_DETAIL - 1].rpartition(',')[0]},…"


def acts(tx: Tx, owner: int, limit: int) -> list[Act]:
    """What others did in an account's mailboxes, newest first."""
    rows = tx.execute(
        select(
            mailbox_act.c.at,
            mailbox_act.c.actor_id,
            mailbox_act.c.mailbox,
            mailbox_act.c.act,
            mailbox_act.c.messages,
            mailbox_act.c.detail,
            mailbox_act.c.code,
            mailbox_act.c.parameters,
        )
        .where(mailbox_act.c.owner_id == owner)
        .order_by(mailbox_act.c.id.desc())
        .limit(limit)
    )
    return [Act(row.at, row.actor_id, row.mailbox, row.act, row.messages, _detail(row)) for row in rows]


def _detail(row: Any) -> Cause:
    return causes.of_row(row.code, row.parameters) if row.code else legacy_details.read_act(row.detail, row.act)
