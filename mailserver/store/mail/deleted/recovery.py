"""Removed messages come back, while they are kept (`removed_messages` finds them).

With their octets, flags, dates and provenance, under a new UID (RFC 9051 section 2.3.1.1), into the same mailbox, made
anew where it is gone.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from mailserver.model.clock import DAY
from mailserver.model.errors import Reason, Refused
from mailserver.model.messages.provenance import Provenance
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import deletions, mailboxes, messages, snooze
from mailserver.store.mail.access import Viewer
from mailserver.store.mail.access.acts import record
from mailserver.store.mail.deleted import readmission
from mailserver.store.mail.deleted.removed_messages import AT_ONCE, FACTS, Place, places
from mailserver.store.mail.deletions import CAME
from mailserver.store.mail.flags import DELETED, FIRST_KEYWORD_BIT, names
from mailserver.store.mail.messages import Placing, Quota
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.schema.mail.deletions import deleted_message, deletion
from mailserver.texts.causes import Cause

FOLDER = "Récupérés"
"""Where goes what would not stay long where it was: in the trash, among the junk."""
_SHORT_LIVED = ("\\Trash", "\\Junk")
_SYSTEM = (1 << FIRST_KEYWORD_BIT) - 1


@dataclass(slots=True)
class Recovered:
    """What came back."""

    count: int = 0
    folders: list[str] = field(default_factory=list)


def recover(
    tx: Tx, viewer: Viewer, origin: Origin, numbers: Sequence[int], days: int, quota: Quota, *, apart: bool = False
) -> Recovered:
    """Bring back those of these messages that somebody may; `apart`: into a folder of its own.

    Raises Refused(OVER_QUOTA | LIMIT): then none of them.
    """
    known = places(tx, viewer)
    rows = _locked(tx, numbers, tx.now - days * DAY)
    if any(row.mailbox_id not in known for row in rows):
        known |= places(tx, viewer, foreign=True)
    done, barred = Recovered(), readmission.barred(tx, [row.content_id for row in rows])
    for mailbox_id in sorted({row.mailbox_id for row in rows} & known.keys()):
        place = known[mailbox_id]
        theirs = [row for row in rows if row.mailbox_id == mailbox_id and row.at > place.since]
        part = [row for row in theirs if row.content_id not in barred]
        if not part:
            continue
        messages.check_quota(tx, place.owner_id, quota, sum(row.size for row in part), len(part))
        if deletions.drop(tx, [(row.id, row.content_id) for row in part]) != len(part):
            raise Refused(Reason.CONFLICT, "Some of the messages are being brought back by somebody else")
        name = _put_back(tx, viewer, place, part, apart=apart)
        audit.record(tx, origin, Action.MAIL_RECOVERED, place.owner_id, Cause("mail-recovered", count=len(part)))
        done.count += len(part)
        if name not in done.folders:
            done.folders.append(name)
    return done


def _locked(tx: Tx, numbers: Sequence[int], horizon: int) -> list[Any]:
    """Kept messages of these numbers, in the order in which they were removed."""
    kept = deleted_message.c
    rows = (
        select(*(kept[name] for name in (*FACTS, *CAME)), deletion.c.mailbox_id, deletion.c.at)
        .join_from(deleted_message, deletion, deletion.c.id == kept.deletion_id)
        .where(kept.id.in_(numbers[:AT_ONCE]), deletion.c.at > horizon)
        .order_by(kept.id)
        .with_for_update(of=deleted_message)
    )
    return list(tx.execute(rows).all())


def _put_back(tx: Tx, viewer: Viewer, place: Place, part: Sequence[Any], *, apart: bool) -> str:
    """Where they are now."""
    is_own = place.owner_id == viewer.account_id
    target = _target(tx, place, apart=apart and is_own)
    keywords = place.keywords.split() if place.gone else mailboxes.keywords(tx, place.mailbox_id)
    masks = {row.flags: mask_in(tx, target.id, row.flags, keywords) for row in part}
    batch = [Placing(row.content_id, row.size, masks[row.flags], row.internal_date, _came(row)) for row in part]
    placed = messages.place_batch(tx, place.owner_id, target.id, batch)
    record(tx, viewer, place.owner_id, target.name, "recover", [one.uid for one in placed])
    return target.name if is_own else place.name


def _came(row: Any) -> Provenance:
    return Provenance.stored(*(getattr(row, name) for name in CAME))


def mask_in(tx: Tx, mailbox_id: int, mask: int, keywords: Sequence[str]) -> int:
    """The same flags in another mailbox, without that of removal; keywords that it cannot hold are left out."""
    wanted = [name for name in names(mask, keywords) if not name.startswith("\\")]
    kept = mask & _SYSTEM & ~DELETED
    try:
        return kept | messages.ensure_flags(tx, mailbox_id, wanted)
    except Refused:
        return kept


def _target(tx: Tx, place: Place, *, apart: bool) -> mailboxes.Mailbox:
    """The mailbox that takes what comes back, made where it is missing."""
    if apart or (place.special_use in _SHORT_LIVED and not place.lent):
        return _named(tx, place.owner_id, FOLDER)
    if place.name == snooze.PLACE:
        return mailboxes.get(tx, place.owner_id, mailboxes.INBOX)
    if place.gone:
        return _named(tx, place.owner_id, place.name)
    return mailboxes.lock(tx, place.owner_id, place.mailbox_id)


def _named(tx: Tx, account_id: int, name: str) -> mailboxes.Mailbox:
    """`named_mailbox`; INBOX where there are as many as there may be."""
    try:
        return named_mailbox(tx, account_id, name)
    except Refused:
        return mailboxes.lock(tx, account_id, mailboxes.get(tx, account_id, mailboxes.INBOX).id)


def named_mailbox(tx: Tx, account_id: int, name: str) -> mailboxes.Mailbox:
    """A mailbox by name, locked; made and subscribed where it is missing. Raises Refused(INVALID | CANNOT | LIMIT)."""
    try:
        box = mailboxes.get(tx, account_id, name)
    except Refused:
        box = mailboxes.create(tx, account_id, name)
        with contextlib.suppress(Refused):
            mailboxes.subscribe(tx, account_id, name, subscribed=True)
    return mailboxes.lock(tx, account_id, box.id)
